// The fields of an SSH message, key or signature (RFC 4251 section 5), read and written.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "authz/base/big_endian.h"

namespace gerve {

// Takes one field after the other off the front. Once a field is missing, all that follow are.
class FieldReader {
  public:
    explicit FieldReader(std::string_view bytes) : rest_(bytes) {}

    [[nodiscard]] std::optional<std::uint8_t> byte() {
        if (rest_.empty()) return std::nullopt;
        const auto value = static_cast<std::uint8_t>(rest_[0]);
        rest_.remove_prefix(1);
        return value;
    }
    [[nodiscard]] std::optional<std::uint32_t> number() { return integer<std::uint32_t>(); }
    [[nodiscard]] std::optional<std::uint64_t> long_number() { return integer<std::uint64_t>(); }
    [[nodiscard]] std::optional<std::string_view> string() {
        const auto size = number();
        if (!size || *size > rest_.size()) return fail();
        const std::string_view value = rest_.substr(0, *size);
        rest_.remove_prefix(*size);
        return value;
    }
    [[nodiscard]] bool at_end() const { return rest_.empty() && !failed_; }
    [[nodiscard]] std::size_t left() const { return rest_.size(); }  // bytes

  private:
    template <class Number>
    std::optional<Number> integer() {
        if (rest_.size() < sizeof(Number)) return fail();
        const auto value = get_number<Number>(rest_);
        rest_.remove_prefix(sizeof(Number));
        return value;
    }
    std::nullopt_t fail() {
        rest_ = {};
        failed_ = true;
        return std::nullopt;
    }

    std::string_view rest_;
    bool failed_ = false;
};

// Appends a string field.
inline void put_field(std::string& out, std::string_view value) {
    put_number(out, static_cast<std::uint32_t>(value.size()));
    out += value;
}

}  // namespace gerve
