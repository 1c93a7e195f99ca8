// A key exchange that failed for want of a common algorithm: what to tell the client, which has no keys yet.
#pragma once

#include <string>
#include <string_view>

#include "gerve/ssh/ending.h"

namespace gerve::ssh {

// Which list had nothing in common, from libssh's error; EndReason::open if that is not what it says. The
// text is for the client: it names the list and what the server offers, and repeats nothing that the client
// sent.
[[nodiscard]] Ending failed_negotiation(std::string_view error);

// SSH_MSG_DISCONNECT in a packet that is neither encrypted nor authenticated (RFC 4253 sections 6 and 11.1),
// with SSH_DISCONNECT_KEY_EXCHANGE_FAILED as the reason.
[[nodiscard]] std::string plain_disconnect(std::string_view text);

}  // namespace gerve::ssh
