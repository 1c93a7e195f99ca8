// Critical options of certificates that others besides the rules have to heed.
#pragma once

#include <algorithm>
#include <string_view>

#include "authz/model/certificate.h"

namespace gerve {

// Of a security key, which has to verify its user by PIN or fingerprint (PROTOCOL.certkeys of OpenSSH).
constexpr std::string_view verify_required = "verify-required";

[[nodiscard]] inline bool requires_verification(const Certificate& certificate) {
    const auto& options = certificate.critical_options();
    return std::any_of(options.begin(), options.end(),
                       [](const auto& option) { return option.first == verify_required; });
}

}  // namespace gerve
