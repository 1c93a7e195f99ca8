#include "authz/base/ssh_signature.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

#include <array>
#include <memory>
#include <optional>
#include <string>

#include "authz/base/digest.h"
#include "authz/base/ssh_fields.h"

namespace gerve {
namespace {

template <auto release>
struct Release {
    template <class T>
    void operator()(T* value) const {
        release(value);
    }
};
using Key = std::unique_ptr<EVP_PKEY, Release<EVP_PKEY_free>>;
using KeyContext = std::unique_ptr<EVP_PKEY_CTX, Release<EVP_PKEY_CTX_free>>;
using DigestContext = std::unique_ptr<EVP_MD_CTX, Release<EVP_MD_CTX_free>>;
using Number = std::unique_ptr<BIGNUM, Release<BN_free>>;
using Parameters = std::unique_ptr<OSSL_PARAM, Release<OSSL_PARAM_free>>;
using ParameterBuilder = std::unique_ptr<OSSL_PARAM_BLD, Release<OSSL_PARAM_BLD_free>>;

struct Algorithm {
    std::string_view name;
    std::string_view key_type;
    const char* digest;  // null: the algorithm hashes by itself
    const char* group;   // of a curve
    bool attested;       // by a security key, whose key ends with its application
};
constexpr std::array<Algorithm, 8> algorithms{{
    {"ssh-ed25519", "ssh-ed25519", nullptr, nullptr, false},
    {"ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256", "SHA256", "prime256v1", false},
    {"ecdsa-sha2-nistp384", "ecdsa-sha2-nistp384", "SHA384", "secp384r1", false},
    {"ecdsa-sha2-nistp521", "ecdsa-sha2-nistp521", "SHA512", "secp521r1", false},
    {"rsa-sha2-256", "ssh-rsa", "SHA256", nullptr, false},
    {"rsa-sha2-512", "ssh-rsa", "SHA512", nullptr, false},
    {"sk-ssh-ed25519@openssh.com", "sk-ssh-ed25519@openssh.com", nullptr, nullptr, true},
    {"sk-ecdsa-sha2-nistp256@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com", "SHA256", "prime256v1",
     true},
}};
constexpr std::uint8_t user_present = 0x01;  // WebAuthn level 2 section 6.1

const Algorithm* find_algorithm(std::string_view name, std::string_view key_type) {
    for (const Algorithm& one : algorithms) {
        if (one.name == name && one.key_type == key_type) return &one;
    }
    return nullptr;
}

const unsigned char* data_of(std::string_view bytes) {
    return reinterpret_cast<const unsigned char*>(bytes.data());
}

Number make_number(std::string_view bytes) {
    return Number(BN_bin2bn(data_of(bytes), static_cast<int>(bytes.size()), nullptr));
}

Key make_key(const char* kind, ParameterBuilder builder) {
    const Parameters parameters(OSSL_PARAM_BLD_to_param(builder.get()));
    const KeyContext context(EVP_PKEY_CTX_new_from_name(nullptr, kind, nullptr));
    EVP_PKEY* key = nullptr;
    if (parameters != nullptr && context != nullptr && EVP_PKEY_fromdata_init(context.get()) == 1)
        (void)EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, parameters.get());
    return Key(key);
}

Key make_rsa_key(FieldReader& fields) {
    const auto exponent = fields.string();
    const auto modulus = fields.string();
    if (!exponent || !modulus || !fields.at_end()) return nullptr;
    const Number e = make_number(*exponent);
    const Number n = make_number(*modulus);
    ParameterBuilder builder(OSSL_PARAM_BLD_new());
    const bool good = builder != nullptr && e != nullptr && n != nullptr &&
                      OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, n.get()) == 1 &&
                      OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, e.get()) == 1;
    return good ? make_key("RSA", std::move(builder)) : nullptr;
}

Key make_curve_key(const Algorithm& algorithm, FieldReader& fields) {
    const auto name = fields.string();
    const auto point = fields.string();
    if (!name || !point || (algorithm.attested && !fields.string()) || !fields.at_end()) return nullptr;
    ParameterBuilder builder(OSSL_PARAM_BLD_new());
    const bool good =
        builder != nullptr &&
        OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, algorithm.group, 0) == 1 &&
        OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point->data(),
                                         point->size()) == 1;
    return good ? make_key("EC", std::move(builder)) : nullptr;
}

Key make_public_key(const Algorithm& algorithm, FieldReader& fields) {
    if (algorithm.group != nullptr) return make_curve_key(algorithm, fields);
    if (algorithm.digest != nullptr) return make_rsa_key(fields);
    const auto point = fields.string();
    if (!point || (algorithm.attested && !fields.string()) || !fields.at_end()) return nullptr;
    return Key(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, data_of(*point), point->size()));
}

// An mpint of RFC 4251 section 5 that is above zero, in its shortest form.
bool is_positive_mpint(std::string_view bytes) {
    const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(bytes[at]); };
    if (bytes.empty() || byte(0) >= 0x80) return false;
    return byte(0) != 0 || (bytes.size() > 1 && byte(1) >= 0x80);
}

// RFC 5656 has r and s as mpints, OpenSSL as a DER sequence. Empty: malformed.
std::string der_of(std::string_view signature) {
    FieldReader fields(signature);
    const auto r = fields.string();
    const auto s = fields.string();
    if (!r || !s || !fields.at_end() || !is_positive_mpint(*r) || !is_positive_mpint(*s)) return {};
    const std::unique_ptr<ECDSA_SIG, Release<ECDSA_SIG_free>> pair(ECDSA_SIG_new());
    Number first = make_number(*r);
    Number second = make_number(*s);
    if (pair == nullptr || first == nullptr || second == nullptr) return {};
    if (ECDSA_SIG_set0(pair.get(), first.get(), second.get()) != 1) return {};
    (void)first.release();
    (void)second.release();
    unsigned char* der = nullptr;
    const int size = i2d_ECDSA_SIG(pair.get(), &der);
    std::string text(reinterpret_cast<const char*>(der), size > 0 ? static_cast<std::size_t>(size) : 0);
    OPENSSL_free(der);
    return text;
}

// The last field of a security key's blob.
std::string_view application_of(std::string_view blob) {
    FieldReader fields(blob);
    std::string_view last;
    while (const auto field = fields.string()) last = *field;
    return last;
}

// What a security key has signed in place of `data`; nothing: without its user's presence.
std::optional<std::string> attested(std::string_view blob, std::string_view data,
                                    std::optional<std::uint8_t> flags, std::optional<std::uint32_t> counter) {
    if (!flags || !counter || (*flags & user_present) == 0) return std::nullopt;
    std::string input = sha256(application_of(blob));
    input += static_cast<char>(*flags);
    put_number(input, *counter);
    return input + sha256(data);
}

}  // namespace

bool verify_ssh_signature(std::string_view blob, std::string_view signature, std::string_view data) {
    FieldReader key_fields(blob);
    const auto key_type = key_fields.string();
    FieldReader fields(signature);
    const auto name = fields.string();
    const auto bytes = fields.string();
    if (!key_type || !name || !bytes || bytes->empty()) return false;
    const Algorithm* algorithm = find_algorithm(*name, *key_type);
    if (algorithm == nullptr) return false;
    std::string replaced;
    if (algorithm->attested) {
        const auto flags = fields.byte();
        const auto counter = fields.number();
        auto input = attested(blob, data, flags, counter);
        if (!input) return false;
        data = replaced = std::move(*input);
    }
    if (!fields.at_end()) return false;
    const Key key = make_public_key(*algorithm, key_fields);
    const DigestContext context(EVP_MD_CTX_new());
    const std::string made = algorithm->group != nullptr ? der_of(*bytes) : std::string(*bytes);
    if (key == nullptr || context == nullptr || made.empty()) return false;
    return EVP_DigestVerifyInit_ex(context.get(), nullptr, algorithm->digest, nullptr, nullptr, key.get(),
                                   nullptr) == 1 &&
           EVP_DigestVerify(context.get(), data_of(made), made.size(), data_of(data), data.size()) == 1;
}

}  // namespace gerve
