// The messages of SSH that Gerve itself looks at (RFC 4250 section 4.1.2); authz/base/ssh_fields.h reads and
// writes their fields.
#pragma once

#include <cstdint>

#include "authz/base/ssh_fields.h"

namespace gerve::ssh {

namespace message {
constexpr std::uint8_t disconnect = 1;
constexpr std::uint8_t ignore = 2;
constexpr std::uint8_t unimplemented = 3;
constexpr std::uint8_t debug = 4;
constexpr std::uint8_t service_request = 5;
constexpr std::uint8_t kexinit = 20;
constexpr std::uint8_t newkeys = 21;
constexpr std::uint8_t kex_reply = 31;      // of all key exchanges but the next
constexpr std::uint8_t kex_gex_reply = 33;  // RFC 4419 section 5
constexpr std::uint8_t userauth_request = 50;
constexpr std::uint8_t userauth_info_response = 61;
constexpr std::uint8_t userauth_last = 79;
constexpr std::uint8_t global_request = 80;
constexpr std::uint8_t request_success = 81;
constexpr std::uint8_t request_failure = 82;
constexpr std::uint8_t channel_open = 90;
constexpr std::uint8_t channel_open_confirmation = 91;
constexpr std::uint8_t channel_window_adjust = 93;
constexpr std::uint8_t channel_data = 94;
constexpr std::uint8_t channel_extended_data = 95;
constexpr std::uint8_t channel_eof = 96;
constexpr std::uint8_t channel_close = 97;
constexpr std::uint8_t channel_request = 98;
}  // namespace message

}  // namespace gerve::ssh
