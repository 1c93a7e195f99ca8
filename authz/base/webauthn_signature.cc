#include "authz/base/webauthn_signature.h"

#include <string>

#include "authz/base/base64url.h"
#include "authz/base/digest.h"
#include "authz/base/ssh_fields.h"
#include "authz/base/ssh_signature.h"

namespace gerve {
namespace {

constexpr std::string_view sk_ecdsa = "sk-ecdsa-sha2-nistp256@openssh.com";
constexpr std::string_view plain_ecdsa = "ecdsa-sha2-nistp256";
constexpr std::uint8_t attested_data = 0x40;  // of a registration; never in a signature
constexpr std::uint8_t has_extensions = 0x80;

// How WebAuthn section 5.8.1.1 has every browser begin; what follows is not looked at.
bool begins_as_wanted(const WebauthnSignature& signature, std::string_view data) {
    const std::string beginning = R"({"type":"webauthn.get","challenge":")" + to_base64url(data) +
                                  R"(","origin":")" + std::string(signature.origin) + '"';
    return signature.client_data.starts_with(beginning);
}

// The same key as one that signs by itself; and its application. Nothing: not such a key.
struct PlainKey {
    std::string blob;
    std::string_view application;
};
std::optional<PlainKey> plain_key_of(std::string_view blob) {
    FieldReader fields(blob);
    const auto type = fields.string();
    const auto curve = fields.string();
    const auto point = fields.string();
    const auto application = fields.string();
    if (type != sk_ecdsa || !curve || !point || !application || !fields.at_end()) return std::nullopt;
    PlainKey key{{}, *application};
    for (const std::string_view part : {plain_ecdsa, *curve, *point}) put_field(key.blob, part);
    return key;
}

}  // namespace

std::optional<WebauthnSignature> WebauthnSignature::parse(std::string_view signature) {
    FieldReader fields(signature);
    const auto name = fields.string();
    const auto ecdsa = fields.string();
    const auto flags = fields.byte();
    const auto counter = fields.number();
    const auto origin = fields.string();
    const auto client_data = fields.string();
    const auto extensions = fields.string();
    if (name != webauthn_algorithm || !extensions || !fields.at_end() || ecdsa->empty()) return std::nullopt;
    const bool says_extensions = (*flags & has_extensions) != 0;
    if ((*flags & attested_data) != 0 || says_extensions == extensions->empty()) return std::nullopt;
    // It would end the string in the JSON that it is compared with.
    if (origin->find('"') != std::string_view::npos) return std::nullopt;
    return WebauthnSignature{*ecdsa, *flags, *counter, *origin, *client_data, *extensions};
}

bool verify_webauthn_signature(std::string_view blob, const WebauthnSignature& signature,
                               std::string_view data) {
    const auto key = plain_key_of(blob);
    if (!key || !begins_as_wanted(signature, data)) return false;
    std::string signed_bytes = sha256(key->application);
    signed_bytes += static_cast<char>(signature.flags);
    put_number(signed_bytes, signature.counter);
    signed_bytes += signature.extensions;
    signed_bytes += sha256(signature.client_data);
    std::string plain;
    put_field(plain, plain_ecdsa);
    put_field(plain, signature.ecdsa);
    return verify_ssh_signature(key->blob, plain, signed_bytes);
}

}  // namespace gerve
