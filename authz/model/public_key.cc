#include "authz/model/public_key.h"

#include <array>
#include <bit>
#include <optional>

#include "authz/base/curve_points.h"
#include "authz/base/digest.h"
#include "authz/base/ssh_fields.h"
#include "authz/base/text.h"

namespace gerve {
namespace {

// Whether a positive mpint is odd, as every RSA modulus and exponent is.
bool is_odd(std::string_view mpint) {
    return !mpint.empty() && (static_cast<unsigned char>(mpint.back()) & 1) != 0;
}

// Length in bits of a positive RFC 4251 mpint in its shortest form; nothing otherwise.
std::optional<unsigned> mpint_bits(std::string_view mpint) {
    if (mpint.empty() || (static_cast<unsigned char>(mpint[0]) & 0x80) != 0) return std::nullopt;
    if (mpint[0] == '\0') {
        mpint.remove_prefix(1);
        if (mpint.empty() || (static_cast<unsigned char>(mpint[0]) & 0x80) == 0) return std::nullopt;
    }
    const auto first = static_cast<unsigned char>(mpint[0]);
    return static_cast<unsigned>(mpint.size() * 8) - static_cast<unsigned>(std::countl_zero(first));
}

tl::unexpected<Error> malformed() {
    return client_error(std::string(PublicKey::malformed_text));
}

Result<unsigned> check_rsa(FieldReader& fields) {
    const auto exponent = fields.string();
    const auto modulus = fields.string();
    if (!exponent || !modulus || !fields.at_end()) return malformed();
    const auto exponent_bits = mpint_bits(*exponent);
    const auto bits = mpint_bits(*modulus);
    if (!exponent_bits || !bits || *exponent_bits < 2 || *exponent_bits > 64) return malformed();
    if (!is_odd(*exponent) || !is_odd(*modulus)) return malformed();
    if (*bits < 2048) {
        return client_error("RSA keys under 2048 bits are not accepted (this one has " +
                            std::to_string(*bits) + ")");
    }
    if (*bits > 16384) return client_error("RSA keys over 16384 bits are not accepted");
    return *bits;
}

// Whether nothing is left, or for "sk-" types the application alone that the key was made for, which is a C
// string (PROTOCOL.u2f of OpenSSH).
enum class KeptIn { file, authenticator };
bool ends(FieldReader& fields, KeptIn kept_in) {
    if (kept_in == KeptIn::file) return fields.at_end();
    const auto application = fields.string();
    return application && application->find('\0') == std::string_view::npos && fields.at_end();
}

struct Curve {
    std::string_view algorithm;
    std::string_view name;
    unsigned bits;
    std::size_t point_size;  // uncompressed, SEC 1 2.3.3
};
constexpr std::array<Curve, 3> curves{{
    {"ecdsa-sha2-nistp256", "nistp256", 256, 65},
    {"ecdsa-sha2-nistp384", "nistp384", 384, 97},
    {"ecdsa-sha2-nistp521", "nistp521", 521, 133},
}};

Result<unsigned> check_ecdsa(const Curve& curve, FieldReader& fields, KeptIn kept_in) {
    const auto name = fields.string();
    const auto point = fields.string();
    if (!name || !point || !ends(fields, kept_in) || *name != curve.name) return malformed();
    if (point->size() != curve.point_size || point->front() != '\x04') return malformed();
    if (!is_on_curve(curve.name, *point)) return client_error("the public key is not a point on its curve");
    return curve.bits;
}

Result<unsigned> check_ed25519(FieldReader& fields, KeptIn kept_in) {
    const auto point = fields.string();
    if (!point || !ends(fields, kept_in) || point->size() != 32) return malformed();
    if (is_small_order(*point)) return client_error("the public key has a small order: it proves nothing");
    return 256U;
}

tl::unexpected<Error> refuse_algorithm(std::string_view algorithm) {
    if (algorithm.find("-cert-v0") != std::string_view::npos) {
        return client_error(
            "this is a certificate: register the plain public key, or the authority with `gerve ca add`");
    }
    if (algorithm == "ssh-dss") return client_error("DSA keys are not accepted");
    return client_error(
        "'" + printable(algorithm, 64) +
        "' is not a key type accepted here (ssh-ed25519, ecdsa-sha2-nistp256/384/521, ssh-rsa, "
        "sk-ssh-ed25519@openssh.com, sk-ecdsa-sha2-nistp256@openssh.com)");
}

Result<unsigned> check_body(std::string_view algorithm, FieldReader& fields) {
    if (algorithm == "ssh-ed25519") return check_ed25519(fields, KeptIn::file);
    if (algorithm == "ssh-rsa") return check_rsa(fields);
    if (algorithm == "sk-ssh-ed25519@openssh.com") return check_ed25519(fields, KeptIn::authenticator);
    if (algorithm == "sk-ecdsa-sha2-nistp256@openssh.com")
        return check_ecdsa(curves.front(), fields, KeptIn::authenticator);
    for (const Curve& curve : curves) {
        if (algorithm == curve.algorithm) return check_ecdsa(curve, fields, KeptIn::file);
    }
    return refuse_algorithm(algorithm);
}

}  // namespace

Fingerprint Fingerprint::of_blob(std::string_view blob) {
    return Fingerprint(sha256(blob));
}

Result<Fingerprint> Fingerprint::parse(std::string_view text) {
    constexpr std::string_view prefix = "SHA256:";
    std::optional<std::string> bytes;
    constexpr std::size_t digits = 43;  // ssh-keygen does not pad: one spelling
    if (text.starts_with(prefix) && text.size() == prefix.size() + digits)
        bytes = from_base64(text.substr(prefix.size()));
    if (!bytes || bytes->size() != size) {
        return client_error("'" + printable(text, 80) +
                            "' is not a fingerprint: the form is SHA256:… as ssh-keygen -l prints it");
    }
    return Fingerprint(std::move(*bytes));
}

Result<Fingerprint> Fingerprint::parse_bytes(std::string_view bytes) {
    if (bytes.size() != size) return client_error("a fingerprint has 32 bytes");
    return Fingerprint(std::string(bytes));
}

std::string Fingerprint::text() const {
    return "SHA256:" + to_base64_unpadded(bytes_);
}

Result<PublicKey> PublicKey::parse_blob(std::string_view blob) {
    if (blob.size() > max_blob) return client_error("the public key is larger than 4096 bytes");
    FieldReader fields(blob);
    const auto algorithm = fields.string();
    if (!algorithm) return malformed();
    const auto bits = check_body(*algorithm, fields);
    if (!bits) return pass_on(bits);
    return PublicKey(std::string(*algorithm), std::string(blob), *bits);
}

Result<PublicKey> PublicKey::parse_line(std::string_view line) {
    line = trim(line);
    if (line.find_first_of("\r\n") != std::string_view::npos) {
        return client_error("more than one line: give one public key at a time");
    }
    const auto type_end = line.find_first_of(" \t");
    if (type_end == std::string_view::npos)
        return client_error("not a public key: the form is TYPE BASE64 [COMMENT]");
    const std::string_view type = line.substr(0, type_end);
    std::string_view rest = trim(line.substr(type_end));
    const std::string_view encoded = rest.substr(0, rest.find_first_of(" \t"));
    const auto blob = from_base64(encoded);
    if (!blob) return client_error("not a public key: the form is TYPE BASE64 [COMMENT]");
    auto key = parse_blob(*blob);
    if (!key) return key;
    if (key->algorithm_ != type) return client_error("the public key's type does not match its content");
    key->comment_ = trim(rest.substr(encoded.size()));
    return key;
}

std::string PublicKey::text() const {
    return algorithm_ + " " + to_base64(blob_);
}

}  // namespace gerve
