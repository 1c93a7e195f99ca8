// PublicKey and Fingerprint: an SSH public key that Gerve is willing to check signatures of.
#pragma once

#include <compare>
#include <string>
#include <string_view>

#include "authz/base/result.h"

namespace gerve {

// SHA-256 over the key blob, as `ssh-keygen -l` prints it.
class Fingerprint final {
  public:
    static constexpr std::size_t size = 32;
    [[nodiscard]] static Fingerprint of_blob(std::string_view blob);
    [[nodiscard]] static Result<Fingerprint> parse(std::string_view text);  // "SHA256:" + 43 base64 digits
    [[nodiscard]] static Result<Fingerprint> parse_bytes(std::string_view bytes);  // 32 raw bytes

    [[nodiscard]] std::string text() const;
    [[nodiscard]] const std::string& bytes() const { return bytes_; }
    friend bool operator==(const Fingerprint&, const Fingerprint&) = default;
    friend auto operator<=>(const Fingerprint&, const Fingerprint&) = default;

  private:
    explicit Fingerprint(std::string bytes) : bytes_(std::move(bytes)) {}
    std::string bytes_;
};

// ssh-ed25519, ecdsa-sha2-nistp256/384/521, and ssh-rsa of 2048 to 16384 bits (RFC 4253 6.6, 5656, 8709), and
// the FIDO keys sk-ssh-ed25519@openssh.com and sk-ecdsa-sha2-nistp256@openssh.com (PROTOCOL.u2f of OpenSSH).
// Certificates, DSA and short RSA do not parse: Gerve cannot check what they promise.
class PublicKey final {
  public:
    static constexpr std::size_t max_blob = 4096;  // bytes
    // The error of what is no key at all, as opposed to a key that is not accepted.
    static constexpr std::string_view malformed_text = "the public key is malformed";

    // The key in SSH wire format. Errors: client, telling why the key is not accepted.
    [[nodiscard]] static Result<PublicKey> parse_blob(std::string_view blob);
    // "TYPE BASE64 [COMMENT]", with blanks or tabs between; nothing else. Whole files: public_key_file.h.
    [[nodiscard]] static Result<PublicKey> parse_line(std::string_view line);

    [[nodiscard]] const std::string& algorithm() const { return algorithm_; }  // key type, e.g. "ssh-rsa"
    [[nodiscard]] const std::string& blob() const { return blob_; }
    [[nodiscard]] const std::string& comment() const { return comment_; }  // as given: any bytes
    [[nodiscard]] unsigned bits() const { return bits_; }
    // Whether it is held by a FIDO authenticator, whose signatures say whether it was touched.
    [[nodiscard]] bool is_security_key() const { return algorithm_.starts_with("sk-"); }
    [[nodiscard]] Fingerprint fingerprint() const { return Fingerprint::of_blob(blob_); }
    [[nodiscard]] std::string text() const;  // "TYPE BASE64"
    friend bool operator==(const PublicKey& a, const PublicKey& b) { return a.blob_ == b.blob_; }

  private:
    PublicKey(std::string algorithm, std::string blob, unsigned bits)
        : algorithm_(std::move(algorithm)), blob_(std::move(blob)), bits_(bits) {}
    std::string algorithm_;
    std::string blob_;
    std::string comment_;
    unsigned bits_;
};

}  // namespace gerve
