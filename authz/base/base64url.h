// Base64 for URLs and file names, without padding (RFC 4648 section 5).
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>

#include "authz/base/text.h"

namespace gerve {

[[nodiscard]] inline std::string to_base64url(std::string_view bytes) {
    std::string text = to_base64_unpadded(bytes);
    std::replace(text.begin(), text.end(), '+', '-');
    std::replace(text.begin(), text.end(), '/', '_');
    return text;
}

// Nothing: padded, in the other alphabet, or not base64.
[[nodiscard]] inline std::optional<std::string> from_base64url(std::string text) {
    if (text.find_first_of("+/=") != std::string::npos) return std::nullopt;
    std::replace(text.begin(), text.end(), '-', '+');
    std::replace(text.begin(), text.end(), '_', '/');
    return from_base64(text);
}

}  // namespace gerve
