// Certificate: a key that an authority has signed, in OpenSSH's form (PROTOCOL.certkeys), taken apart and not
// yet judged: authz/certificate_rules.h says whether it counts.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "authz/model/public_key.h"

namespace gerve {

// Whether a type of key is one of a certificate: "ssh-ed25519-cert-v01@openssh.com" …
[[nodiscard]] bool is_certificate_type(std::string_view type);

// ssh-ed25519, ecdsa-sha2-nistp256/384/521, ssh-rsa and the two sk- types, each with its
// -cert-v01@openssh.com; the key in it and the key of its authority are such as PublicKey takes.
class Certificate final {
  public:
    static constexpr std::size_t max_blob = 16 * 1024;  // bytes
    static constexpr std::size_t max_principals = 256;  // as OpenSSH has it
    static constexpr std::size_t max_key_id = 255;      // bytes
    static constexpr std::size_t max_options = 64;      // of each kind

    enum class Kind { user, host };
    using Options = std::vector<std::pair<std::string, std::string>>;  // name, value (none of a flag: empty)

    // Errors: client, telling what is wrong with it. A signature that is not the authority's is no error
    // here.
    [[nodiscard]] static Result<Certificate> parse_blob(std::string_view blob);
    // "TYPE BASE64 [COMMENT]": a -cert.pub file has one such line.
    [[nodiscard]] static Result<Certificate> parse_line(std::string_view line);

    [[nodiscard]] const std::string& blob() const { return blob_; }
    [[nodiscard]] const std::string& type() const { return type_; }  // of certificate
    [[nodiscard]] const PublicKey& key() const { return key_; }      // that was certified
    [[nodiscard]] const PublicKey& authority() const { return authority_; }
    [[nodiscard]] Kind kind() const { return kind_; }
    [[nodiscard]] std::uint64_t serial() const { return serial_; }
    [[nodiscard]] const std::string& key_id() const { return key_id_; }  // UTF-8 without control characters
    [[nodiscard]] const std::vector<std::string>& principals() const { return principals_; }
    [[nodiscard]] std::uint64_t valid_after() const { return valid_after_; }  // seconds since the Unix epoch
    [[nodiscard]] std::uint64_t valid_before() const { return valid_before_; }
    [[nodiscard]] const Options& critical_options() const { return critical_options_; }
    [[nodiscard]] const Options& extensions() const { return extensions_; }
    [[nodiscard]] std::string_view signature_algorithm() const;
    // SHA-256 of what the authority has signed, without the signature: ECDSA is malleable, and whoever has a
    // certificate can put another valid signature in place of the authority's.
    [[nodiscard]] Fingerprint fingerprint() const {
        return Fingerprint::of_blob(std::string_view(blob_).substr(0, signed_size_));
    }

    // Whether the authority's key made it: not by SHA-1, and touched if it is a security key. 0.1 to 1 ms.
    [[nodiscard]] bool is_signed() const;
    friend bool operator==(const Certificate& a, const Certificate& b) { return a.blob_ == b.blob_; }

  private:
    friend struct CertificateParser;
    Certificate(PublicKey key, PublicKey authority)
        : key_(std::move(key)), authority_(std::move(authority)) {}

    std::string blob_;
    std::string type_;
    PublicKey key_;
    PublicKey authority_;
    Kind kind_ = Kind::user;
    std::uint64_t serial_ = 0;
    std::string key_id_;
    std::vector<std::string> principals_;
    std::uint64_t valid_after_ = 0;
    std::uint64_t valid_before_ = 0;
    Options critical_options_;
    Options extensions_;
    std::string signature_;
    std::size_t signed_size_ = 0;  // bytes of the blob in front of the signature
};

}  // namespace gerve
