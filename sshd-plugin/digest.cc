// The two functions of authz/base/digest.h that gerve-authorized-keys needs, without OpenSSL's own start: to
// read its configuration and to fetch algorithms takes more than a millisecond, longer than all else here.
#define OPENSSL_SUPPRESS_DEPRECATED
#include "authz/base/digest.h"

#include <openssl/sha.h>
#include <sys/random.h>

#include <cstdlib>

namespace gerve {

std::string sha256(std::string_view bytes) {
    SHA256_CTX context;
    std::string out(SHA256_DIGEST_LENGTH, '\0');
    if (SHA256_Init(&context) != 1 || SHA256_Update(&context, bytes.data(), bytes.size()) != 1 ||
        SHA256_Final(reinterpret_cast<unsigned char*>(out.data()), &context) != 1) {
        std::abort();
    }
    return out;
}

std::string random_bytes(std::size_t count) {
    std::string bytes(count, '\0');
    if (::getrandom(bytes.data(), count, 0) != static_cast<ssize_t>(count)) std::abort();
    return bytes;
}

}  // namespace gerve
