// Hashes, keyed hashes, sealing and random bytes, over OpenSSL's libcrypto. Bytes are std::string.
#pragma once

#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>

namespace gerve {

[[nodiscard]] std::string sha256(std::string_view bytes);                                // 32 bytes
[[nodiscard]] std::string hmac_sha256(std::string_view secret, std::string_view bytes);  // 32 bytes
[[nodiscard]] std::string md5_hex(
    std::string_view bytes);  // 32 hex digits; for storage paths, never for security
[[nodiscard]] std::string random_bytes(std::size_t count);  // aborts when the system has none to give
[[nodiscard]] bool equal_in_constant_time(std::string_view left, std::string_view right);

// A byte string that is wiped when it goes.
class Secret {
  public:
    explicit Secret(std::string bytes) : bytes_(std::move(bytes)) {}
    Secret(const Secret&) = default;
    Secret& operator=(const Secret&) = delete;
    ~Secret();
    [[nodiscard]] std::string_view view() const { return bytes_; }

  private:
    std::string bytes_;
};

// HMAC-SHA256 under one key, which is set up once: that costs more than hashing a short text. Copies share
// the key; it is wiped with the last of them. Used by many threads at once.
class HmacSha256 {
  public:
    explicit HmacSha256(std::string_view secret);
    [[nodiscard]] std::string of(std::initializer_list<std::string_view> parts) const;  // 32 bytes

  private:
    struct Keyed;
    std::shared_ptr<const Keyed> keyed_;
};

// Authenticated encryption (AES-256-GCM, a random 96-bit nonce in front). What open_sealed returns true for
// was sealed with the same 32-byte key. Aborts on a key of another size.
[[nodiscard]] std::string seal(const Secret& key, std::string_view plain);
[[nodiscard]] bool open_sealed(const Secret& key, std::string_view sealed, std::string& plain);

}  // namespace gerve
