#include "authz/base/digest.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <cstdlib>
#include <memory>

#include "authz/base/text.h"

namespace gerve {
namespace {

constexpr std::size_t key_size = 32;
constexpr std::size_t nonce_size = 12;
constexpr int tag_size = 16;

const unsigned char* bytes_of(std::string_view text) {
    return reinterpret_cast<const unsigned char*>(text.data());
}
unsigned char* writable(std::string& text) {
    return reinterpret_cast<unsigned char*>(text.data());
}

std::string digest(const EVP_MD* algorithm, std::string_view bytes) {
    std::string out(static_cast<std::size_t>(EVP_MD_get_size(algorithm)), '\0');
    if (EVP_Digest(bytes.data(), bytes.size(), writable(out), nullptr, algorithm, nullptr) != 1) std::abort();
    return out;
}

using CipherContext = std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)>;

const EVP_CIPHER* cipher() {
    static const EVP_CIPHER* const fetched = EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr);
    if (fetched == nullptr) std::abort();
    return fetched;
}

CipherContext make_cipher_context(const Secret& key) {
    CipherContext context(EVP_CIPHER_CTX_new(), EVP_CIPHER_CTX_free);
    if (context == nullptr || key.view().size() != key_size) std::abort();
    return context;
}

// Nonces are public, so that they may be drawn many at once, which the generator does at the price of one.
std::string random_nonce() {
    constexpr std::size_t count = 64;
    thread_local std::string drawn;
    if (drawn.empty()) drawn = random_bytes(count * nonce_size);
    std::string nonce = drawn.substr(drawn.size() - nonce_size);
    drawn.resize(drawn.size() - nonce_size);
    return nonce;
}

}  // namespace

// Fetched once for the process: with EVP_sha256() every digest would look the algorithm up again.
std::string sha256(std::string_view bytes) {
    static const EVP_MD* const algorithm = EVP_MD_fetch(nullptr, "SHA256", nullptr);
    if (algorithm == nullptr) std::abort();
    return digest(algorithm, bytes);
}
std::string md5_hex(std::string_view bytes) {
    return to_hex(digest(EVP_md5(), bytes));
}

std::string hmac_sha256(std::string_view secret, std::string_view bytes) {
    std::string out(32, '\0');
    unsigned size = 32;
    if (HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()), bytes_of(bytes), bytes.size(),
             writable(out), &size) == nullptr) {
        std::abort();
    }
    return out;
}

std::string random_bytes(std::size_t count) {
    std::string out(count, '\0');
    if (RAND_bytes(writable(out), static_cast<int>(count)) != 1) std::abort();
    return out;
}

bool equal_in_constant_time(std::string_view left, std::string_view right) {
    return left.size() == right.size() && CRYPTO_memcmp(left.data(), right.data(), left.size()) == 0;
}

Secret::~Secret() {
    OPENSSL_cleanse(bytes_.data(), bytes_.size());
}

std::string seal(const Secret& key, std::string_view plain) {
    const CipherContext context = make_cipher_context(key);
    std::string out = random_nonce();
    out.resize(nonce_size + plain.size() + tag_size);
    unsigned char* body = writable(out) + nonce_size;
    int size = 0;
    int rest = 0;
    if (EVP_EncryptInit_ex(context.get(), cipher(), nullptr, bytes_of(key.view()), writable(out)) != 1 ||
        EVP_EncryptUpdate(context.get(), body, &size, bytes_of(plain), static_cast<int>(plain.size())) != 1 ||
        EVP_EncryptFinal_ex(context.get(), body + size, &rest) != 1 ||
        EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_GET_TAG, tag_size, body + plain.size()) != 1) {
        std::abort();
    }
    return out;
}

bool open_sealed(const Secret& key, std::string_view sealed, std::string& plain) {
    const CipherContext context = make_cipher_context(key);
    if (sealed.size() < nonce_size + tag_size) return false;
    std::string tag(sealed.substr(sealed.size() - tag_size));
    const std::string_view body = sealed.substr(nonce_size, sealed.size() - nonce_size - tag_size);
    plain.assign(body.size(), '\0');
    int size = 0;
    int rest = 0;
    return EVP_DecryptInit_ex(context.get(), cipher(), nullptr, bytes_of(key.view()), bytes_of(sealed)) ==
               1 &&
           EVP_DecryptUpdate(context.get(), writable(plain), &size, bytes_of(body),
                             static_cast<int>(body.size())) == 1 &&
           EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_SET_TAG, tag_size, tag.data()) == 1 &&
           EVP_DecryptFinal_ex(context.get(), writable(plain) + size, &rest) == 1;
}

}  // namespace gerve
