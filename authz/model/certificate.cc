#include "authz/model/certificate.h"

#include <algorithm>
#include <array>
#include <optional>

#include "authz/base/display.h"
#include "authz/base/ssh_fields.h"
#include "authz/base/ssh_signature.h"
#include "authz/base/text.h"

namespace gerve {
namespace {

constexpr std::string_view certificate_mark = "-cert-v0";

// Of each type of certificate: the key in it, and how many string fields that key has.
struct CertificateType {
    std::string_view name;
    std::string_view key_type;
    unsigned fields;
};
constexpr std::array<CertificateType, 7> certificate_types{{
    {"ssh-ed25519-cert-v01@openssh.com", "ssh-ed25519", 1},
    {"ecdsa-sha2-nistp256-cert-v01@openssh.com", "ecdsa-sha2-nistp256", 2},
    {"ecdsa-sha2-nistp384-cert-v01@openssh.com", "ecdsa-sha2-nistp384", 2},
    {"ecdsa-sha2-nistp521-cert-v01@openssh.com", "ecdsa-sha2-nistp521", 2},
    {"ssh-rsa-cert-v01@openssh.com", "ssh-rsa", 2},
    {"sk-ssh-ed25519-cert-v01@openssh.com", "sk-ssh-ed25519@openssh.com", 2},
    {"sk-ecdsa-sha2-nistp256-cert-v01@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com", 3},
}};

tl::unexpected<Error> malformed_certificate() {
    return client_error("the certificate is malformed");
}

Result<CertificateType> find_type(std::string_view name) {
    for (const CertificateType& type : certificate_types) {
        if (type.name == name) return type;
    }
    return client_error("'" + printable(name, 64) + "' is not a type of certificate accepted here");
}

// Strings behind one another, and nothing else. Nothing: malformed, or more than `most`.
std::optional<std::vector<std::string_view>> read_strings(std::string_view bytes, std::size_t most) {
    std::vector<std::string_view> strings;
    FieldReader fields(bytes);
    while (fields.left() > 0) {
        const auto one = fields.string();
        if (!one || strings.size() == most) return std::nullopt;
        strings.push_back(*one);
    }
    return strings;
}

// A name and its data in turn; the data is one string again, or empty. A name that comes twice could mean
// either of its values.
std::optional<Certificate::Options> read_options(std::string_view bytes) {
    const auto strings = read_strings(bytes, 2 * Certificate::max_options);
    if (!strings || strings->size() % 2 != 0) return std::nullopt;
    Certificate::Options options;
    for (std::size_t i = 0; i < strings->size(); i += 2) {
        const std::string_view name = (*strings)[i];
        const auto data = read_strings((*strings)[i + 1], 1);
        const auto same = [&](const auto& option) { return option.first == name; };
        if (!data || name.empty() || std::any_of(options.begin(), options.end(), same)) return std::nullopt;
        options.emplace_back(name, data->empty() ? std::string_view() : data->front());
    }
    return options;
}

bool is_plain_text(std::string_view text) {
    return is_utf8(text) && std::none_of(text.begin(), text.end(), [](char c) {
               return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
           });
}

Result<PublicKey> parse_authority(std::string_view blob) {
    const auto type = FieldReader(blob).string();
    if (!type) return malformed_certificate();
    if (is_certificate_type(*type))
        return client_error("the certificate's authority is itself a certificate");
    auto key = PublicKey::parse_blob(blob);
    if (!key) return client_error("the certificate's authority: " + describe(key.error()));
    return key;
}

}  // namespace

bool is_certificate_type(std::string_view type) {
    return type.find(certificate_mark) != std::string_view::npos;
}

// In the order of PROTOCOL.certkeys.
struct CertificateParser {
    std::string_view blob;
    FieldReader fields{blob};

    // What stands in front of the serial: type, nonce, and the certified key.
    Result<PublicKey> parse_key() {
        const auto name = fields.string();
        if (!name) return malformed_certificate();
        const auto type = find_type(*name);
        if (!type) return pass_on(type);
        const auto nonce = fields.string();
        std::string plain;
        put_field(plain, type->key_type);
        for (unsigned i = 0; i < type->fields; ++i) put_field(plain, fields.string().value_or(""));
        if (!nonce) return malformed_certificate();
        return PublicKey::parse_blob(plain);
    }

    struct Middle {
        std::optional<std::uint64_t> serial;
        std::optional<std::uint32_t> kind;
        std::optional<std::string_view> key_id, principals;
        std::optional<std::uint64_t> after, before;
        std::optional<std::string_view> critical_options, extensions, reserved, authority;
    };
    // One after the other: the fields stand in this order.
    Middle read_middle() {
        Middle middle;
        middle.serial = fields.long_number();
        middle.kind = fields.number();
        middle.key_id = fields.string();
        middle.principals = fields.string();
        middle.after = fields.long_number();
        middle.before = fields.long_number();
        middle.critical_options = fields.string();
        middle.extensions = fields.string();
        middle.reserved = fields.string();
        middle.authority = fields.string();
        return middle;
    }

    Result<Certificate> parse() {
        if (blob.size() > Certificate::max_blob)
            return client_error("the certificate is larger than " + std::to_string(Certificate::max_blob) +
                                " bytes");
        auto key = parse_key();
        if (!key) return pass_on(key);
        const Middle middle = read_middle();
        const std::size_t signed_size = blob.size() - fields.left();
        const auto signature = fields.string();
        if (!middle.authority || !signature || !fields.at_end()) return malformed_certificate();
        auto authority = parse_authority(*middle.authority);
        if (!authority) return pass_on(authority);
        Certificate certificate(std::move(*key), std::move(*authority));
        certificate.blob_ = blob;
        certificate.type_ = *FieldReader(blob).string();
        certificate.signature_ = *signature;
        certificate.signed_size_ = signed_size;
        if (auto filled = fill(certificate, middle); !filled) return pass_on(filled);
        return certificate;
    }

    static Result<void> fill(Certificate& certificate, const Middle& middle) {
        if (*middle.kind != 1 && *middle.kind != 2) return malformed_certificate();
        const auto principals = read_strings(*middle.principals, Certificate::max_principals);
        auto critical_options = read_options(*middle.critical_options);
        auto extensions = read_options(*middle.extensions);
        if (!principals || !critical_options || !extensions || certificate.signature_algorithm().empty())
            return malformed_certificate();
        if (middle.key_id->size() > Certificate::max_key_id || !is_plain_text(*middle.key_id))
            return client_error("the certificate's key id is not one line of at most " +
                                std::to_string(Certificate::max_key_id) + " bytes of UTF-8");
        certificate.kind_ = *middle.kind == 1 ? Certificate::Kind::user : Certificate::Kind::host;
        certificate.serial_ = *middle.serial;
        certificate.key_id_ = *middle.key_id;
        certificate.principals_.assign(principals->begin(), principals->end());
        certificate.valid_after_ = *middle.after;
        certificate.valid_before_ = *middle.before;
        certificate.critical_options_ = std::move(*critical_options);
        certificate.extensions_ = std::move(*extensions);
        return {};
    }
};

Result<Certificate> Certificate::parse_blob(std::string_view blob) {
    return CertificateParser{blob}.parse();
}

Result<Certificate> Certificate::parse_line(std::string_view line) {
    line = trim(line);
    constexpr const char* form =
        "not a certificate: the form is TYPE BASE64 [COMMENT], as in a -cert.pub file";
    if (line.find_first_of("\r\n") != std::string_view::npos)
        return client_error("more than one line: give one certificate at a time");
    const auto type_end = line.find_first_of(" \t");
    if (type_end == std::string_view::npos) return client_error(form);
    const std::string_view rest = trim(line.substr(type_end));
    const auto blob = from_base64(rest.substr(0, rest.find_first_of(" \t")));
    if (!blob) return client_error(form);
    auto certificate = parse_blob(*blob);
    if (certificate && certificate->type() != line.substr(0, type_end))
        return client_error("the certificate's type does not match its content");
    return certificate;
}

std::string_view Certificate::signature_algorithm() const {
    return signature_algorithm_of(signature_);
}

}  // namespace gerve
