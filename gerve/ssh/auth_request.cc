#include "gerve/ssh/auth_request.h"

#include <algorithm>
#include <array>

#include "authz/base/ssh_signature.h"
#include "authz/base/text.h"
#include "authz/base/webauthn_signature.h"
#include "gerve/ssh/packet_fields.h"

namespace gerve::ssh {
namespace {

constexpr std::array<std::string_view, 7> key_types{"ssh-ed25519",
                                                    "ecdsa-sha2-nistp256",
                                                    "ecdsa-sha2-nistp384",
                                                    "ecdsa-sha2-nistp521",
                                                    "ssh-rsa",
                                                    "sk-ssh-ed25519@openssh.com",
                                                    "sk-ecdsa-sha2-nistp256@openssh.com"};

// OpenSSH's method (PROTOCOL, section 1.8): a public key, and behind it the host key that the client has
// seen, which the signature covers as well. libssh compares it with ours, and announces the method from 0.12
// on.
constexpr std::string_view host_bound = "publickey-hostbound-v00@openssh.com";

std::string quoted(std::string_view name) {
    return "'" + printable(name, 64) + "'";
}

AuthRequest& refuse(AuthRequest& request, Refusal refusal, std::string text) {
    request.key.reset();
    request.certificate.reset();
    request.refusal = refusal;
    request.refusal_text = std::move(text);
    return request;
}

AuthRequest& refuse_method(AuthRequest& request, std::string_view method) {
    Refusal refusal = Refusal::method_other;
    if (method == "none") refusal = Refusal::method_none;
    if (method == "password") refusal = Refusal::method_password;
    if (method == "keyboard-interactive") refusal = Refusal::method_keyboard;
    if (method == "hostbased") refusal = Refusal::method_hostbased;
    return refuse(request, refusal, "the method " + quoted(method) + " is not offered");
}

AuthRequest& refuse_key(AuthRequest& request, std::string_view blob, const std::string& why) {
    const auto type = FieldReader(blob).string();
    if (!type || why == PublicKey::malformed_text) return refuse(request, Refusal::malformed, why);
    if (is_certificate_type(*type)) return refuse(request, Refusal::certificate, why);
    const bool known = std::find(key_types.begin(), key_types.end(), *type) != key_types.end();
    return refuse(request, known ? Refusal::weak_key : Refusal::unknown_key_type, why);
}

// PROTOCOL.certkeys: an algorithm for certificates is that of the key in it with this behind it.
constexpr std::string_view of_certificate = "-cert-v01@openssh.com";

// The key's own algorithm of the one that was announced. Empty: a certificate, by an algorithm of plain keys.
std::string plain_algorithm(std::string_view algorithm, const AuthRequest& request) {
    if (!request.certificate) return std::string(algorithm);
    if (!algorithm.ends_with(of_certificate)) return "";
    std::string plain(algorithm.substr(0, algorithm.size() - of_certificate.size()));
    return request.key->is_security_key() ? plain + "@openssh.com" : plain;
}

// The key, or the certificate and the key in it. Error: client.
Result<void> take_key(AuthRequest& request, std::string_view blob) {
    if (is_certificate_type(FieldReader(blob).string().value_or(""))) {
        auto certificate = Certificate::parse_blob(blob);
        if (!certificate) return pass_on(certificate);
        request.key = certificate->key();
        request.certificate = std::move(*certificate);
        return {};
    }
    auto key = PublicKey::parse_blob(blob);
    if (!key) return pass_on(key);
    request.key = std::move(*key);
    return {};
}

constexpr std::string_view sk_ecdsa_key = "sk-ecdsa-sha2-nistp256@openssh.com";

AuthRequest& check_webauthn(AuthRequest& request, std::string_view signature) {
    const auto parsed = WebauthnSignature::parse(signature);
    if (!parsed) return refuse(request, Refusal::malformed, "the signature is malformed");
    request.use = SecurityKeyUse{parsed->flags, parsed->counter};
    return request;
}

AuthRequest& check_signature(AuthRequest& request, std::string_view algorithm, std::string_view signature) {
    if (request.by_webauthn && FieldReader(signature).string() == webauthn_algorithm)
        return check_webauthn(request, signature);
    FieldReader fields(signature);
    const auto made_by = fields.string();
    const auto bytes = fields.string();
    // Behind it a security key puts its flags and counter, which libssh hashes and does not look at.
    const bool by_security_key = request.key->is_security_key();
    const auto flags = by_security_key ? fields.byte() : std::nullopt;
    const auto counter = by_security_key ? fields.number() : std::nullopt;
    if (!made_by || !bytes || bytes->empty() || by_security_key != counter.has_value() || !fields.at_end())
        return refuse(request, Refusal::malformed, "the signature is malformed");
    if (*made_by == "ssh-rsa") return refuse(request, Refusal::sha1, "the signature uses SHA-1 (ssh-rsa)");
    if (by_security_key) request.use = SecurityKeyUse{*flags, *counter};
    if (*made_by == algorithm) return request;
    return refuse(request, Refusal::algorithm_mismatch,
                  "announced " + quoted(algorithm) + ", but signed with " + quoted(*made_by));
}

}  // namespace

AuthRequest parse_auth_request(std::string_view payload) {
    AuthRequest request;
    FieldReader fields(payload);
    const auto user = fields.string();
    const auto service = fields.string();
    const auto method = fields.string();
    if (user) request.user = *user;
    if (!method) return refuse(request, Refusal::malformed, "the request is malformed");
    if (*service != "ssh-connection")
        return refuse(request, Refusal::malformed, "unknown service " + quoted(*service));
    if (*method != "publickey" && *method != host_bound) return refuse_method(request, *method);
    const auto has_signature = fields.byte();
    const auto algorithm = fields.string();
    const auto blob = fields.string();
    const auto host_key = *method == host_bound ? fields.string() : std::optional<std::string_view>("");
    const auto signature =
        has_signature.value_or(0) != 0 ? fields.string() : std::optional<std::string_view>("");
    if (!algorithm || !blob || !host_key || !signature || !fields.at_end())
        return refuse(request, Refusal::malformed, "the request is malformed");
    request.has_signature = *has_signature != 0;
    if (const auto taken = take_key(request, *blob); !taken)
        return refuse_key(request, *blob, describe(taken.error()));
    const std::string plain = plain_algorithm(*algorithm, request);
    if (plain == "ssh-rsa")
        return refuse(request, Refusal::sha1, "SHA-1 signatures (ssh-rsa) are not accepted");
    request.by_webauthn =
        !request.certificate && plain == webauthn_algorithm && request.key->algorithm() == sk_ecdsa_key;
    if (!request.by_webauthn && !signs_by(request.key->algorithm(), plain)) {
        const std::string& type =
            request.certificate ? request.certificate->type() : request.key->algorithm();
        return refuse(request, Refusal::algorithm_mismatch,
                      quoted(*algorithm) + " does not fit a key of type " + type);
    }
    return request.has_signature ? check_signature(request, plain, *signature) : request;
}

namespace {

// The fields of a request that was taken apart before.
struct TakenRequest {
    std::string_view user, service, method, algorithm, blob, host_key, signature;
};
TakenRequest read_again(std::string_view payload) {
    FieldReader fields(payload);
    TakenRequest taken;
    for (std::string_view* field : {&taken.user, &taken.service, &taken.method})
        *field = fields.string().value_or("");
    const bool has_signature = fields.byte().value_or(0) != 0;
    for (std::string_view* field : {&taken.algorithm, &taken.blob}) *field = fields.string().value_or("");
    if (taken.method == host_bound) taken.host_key = fields.string().value_or("");
    if (has_signature) taken.signature = fields.string().value_or("");
    return taken;
}

}  // namespace

// RFC 4252 section 7: signed are the session identifier, and the request up to the signature.
bool verify_webauthn_request(std::string_view payload, std::string_view session_id,
                             std::string_view host_key) {
    const TakenRequest request = read_again(payload);
    const auto signature = WebauthnSignature::parse(request.signature);
    if (!signature || session_id.empty()) return false;
    if (request.method == host_bound && Fingerprint::of_blob(request.host_key).text() != host_key)
        return false;
    std::string data;
    put_field(data, session_id);
    data += static_cast<char>(message::userauth_request);
    data += payload.substr(0, payload.size() - sizeof(std::uint32_t) - request.signature.size());
    return verify_webauthn_signature(request.blob, *signature, data);
}

std::string_view key_blob_in(std::string_view payload) {
    return read_again(payload).blob;
}

std::string as_known_to_libssh(std::string_view payload) {
    const TakenRequest request = read_again(payload);
    std::string plain;
    for (const std::string_view field : {request.user, request.service, std::string_view("publickey")})
        put_field(plain, field);
    plain += '\0';
    put_field(plain, sk_ecdsa_key);
    put_field(plain, request.blob);
    return plain;
}

}  // namespace gerve::ssh
