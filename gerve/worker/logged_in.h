// What a connection knows of its login: who it is, by which lookup, and what of it is told to authz.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "authz/wire/reports.h"

namespace gerve {

// Who logged in on this connection. Without `found`, authz was out of reach: the client was let in only to be
// told.
struct LoggedIn {
    std::string user;
    PublicKey key;
    std::optional<KeyFound> found;
    std::string certificate{};  // its blob, by which the key was certified; empty: it is a key of its own
    bool proof_told = false;    // to authz, for the audit trail
};

// Probe and signature of one key cost one lookup.
struct LastLookup {
    std::string user;
    std::string blob;
    Result<std::optional<KeyFound>> result = std::optional<KeyFound>();
    std::optional<CertificateRefused> refused{};  // then `result` is nothing
    std::chrono::steady_clock::time_point at{};
};

// The line in the log with which an operation ends.
void log_session(const LoggedIn& login, const SessionReport& report);

}  // namespace gerve
