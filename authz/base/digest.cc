#include "authz/base/digest.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>

#include <cstdlib>
#include <memory>

#include "authz/base/text.h"

namespace gerve {
namespace {

constexpr std::size_t sha256_size = 32;
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

// Fetched once for the process: with EVP_sha256() every digest would look the algorithm up again.
const EVP_MD* sha256_algorithm() {
    static const EVP_MD* const fetched = EVP_MD_fetch(nullptr, "SHA256", nullptr);
    if (fetched == nullptr) std::abort();
    return fetched;
}

using DigestContext = std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)>;

DigestContext make_digest_context() {
    DigestContext context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
    if (context == nullptr) std::abort();
    return context;
}

// Where a thread computes: to make one for each digest costs as much as a digest.
EVP_MD_CTX* own_digest_context() {
    thread_local const DigestContext context = make_digest_context();
    return context.get();
}

struct FreeMac {
    void operator()(EVP_MAC_CTX* context) const { EVP_MAC_CTX_free(context); }
};
using MacContext = std::unique_ptr<EVP_MAC_CTX, FreeMac>;

EVP_MAC* hmac_algorithm() {
    static EVP_MAC* const fetched = EVP_MAC_fetch(nullptr, "HMAC", nullptr);
    if (fetched == nullptr) std::abort();
    return fetched;
}

using CipherContext = std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)>;

const EVP_CIPHER* cipher() {
    static const EVP_CIPHER* const fetched = EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr);
    if (fetched == nullptr) std::abort();
    return fetched;
}

// One for each direction and thread, told the cipher once; each use gives it key and nonce anew.
CipherContext make_cipher_context(int encrypts) {
    CipherContext context(EVP_CIPHER_CTX_new(), EVP_CIPHER_CTX_free);
    if (context == nullptr ||
        EVP_CipherInit_ex(context.get(), cipher(), nullptr, nullptr, nullptr, encrypts) != 1) {
        std::abort();
    }
    return context;
}

const unsigned char* key_bytes(const Secret& key) {
    if (key.view().size() != key_size) std::abort();
    return bytes_of(key.view());
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

std::string sha256(std::string_view bytes) {
    EVP_MD_CTX* const context = own_digest_context();
    std::string out(sha256_size, '\0');
    if (EVP_DigestInit_ex(context, sha256_algorithm(), nullptr) != 1 ||
        EVP_DigestUpdate(context, bytes.data(), bytes.size()) != 1 ||
        EVP_DigestFinal_ex(context, writable(out), nullptr) != 1) {
        std::abort();
    }
    return out;
}
std::string md5_hex(std::string_view bytes) {
    return to_hex(digest(EVP_md5(), bytes));
}

std::string hmac_sha256(std::string_view secret, std::string_view bytes) {
    return HmacSha256(secret).of({bytes});
}

struct HmacSha256::Keyed {
    explicit Keyed(std::string_view secret) : context(EVP_MAC_CTX_new(hmac_algorithm())) {
        char digest[] = "SHA256";
        const OSSL_PARAM parameters[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
                                         OSSL_PARAM_construct_end()};
        if (context == nullptr ||
            EVP_MAC_init(context.get(), bytes_of(secret), secret.size(), parameters) != 1) {
            std::abort();
        }
    }
    MacContext context;
};

HmacSha256::HmacSha256(std::string_view secret) : keyed_(std::make_shared<const Keyed>(secret)) {}

std::string HmacSha256::of(std::initializer_list<std::string_view> parts) const {
    const MacContext context(EVP_MAC_CTX_dup(keyed_->context.get()));
    bool good = context != nullptr;
    for (const std::string_view part : parts)
        good = good && EVP_MAC_update(context.get(), bytes_of(part), part.size()) == 1;
    std::string out(sha256_size, '\0');
    std::size_t size = 0;
    if (!good || EVP_MAC_final(context.get(), writable(out), &size, out.size()) != 1) std::abort();
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
    thread_local const CipherContext own = make_cipher_context(1);
    EVP_CIPHER_CTX* const context = own.get();
    std::string out = random_nonce();
    out.resize(nonce_size + plain.size() + tag_size);
    unsigned char* body = writable(out) + nonce_size;
    int size = 0;
    int rest = 0;
    if (EVP_EncryptInit_ex(context, nullptr, nullptr, key_bytes(key), writable(out)) != 1 ||
        EVP_EncryptUpdate(context, body, &size, bytes_of(plain), static_cast<int>(plain.size())) != 1 ||
        EVP_EncryptFinal_ex(context, body + size, &rest) != 1 ||
        EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_GET_TAG, tag_size, body + plain.size()) != 1) {
        std::abort();
    }
    return out;
}

bool open_sealed(const Secret& key, std::string_view sealed, std::string& plain) {
    thread_local const CipherContext own = make_cipher_context(0);
    EVP_CIPHER_CTX* const context = own.get();
    const unsigned char* const secret = key_bytes(key);
    if (sealed.size() < nonce_size + tag_size) return false;
    std::string tag(sealed.substr(sealed.size() - tag_size));
    const std::string_view body = sealed.substr(nonce_size, sealed.size() - nonce_size - tag_size);
    plain.assign(body.size(), '\0');
    int size = 0;
    int rest = 0;
    return EVP_DecryptInit_ex(context, nullptr, nullptr, secret, bytes_of(sealed)) == 1 &&
           EVP_DecryptUpdate(context, writable(plain), &size, bytes_of(body),
                             static_cast<int>(body.size())) == 1 &&
           EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_SET_TAG, tag_size, tag.data()) == 1 &&
           EVP_DecryptFinal_ex(context, writable(plain) + size, &rest) == 1;
}

}  // namespace gerve
