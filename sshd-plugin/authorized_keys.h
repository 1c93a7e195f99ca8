// What sshd asks of its AuthorizedKeysCommand, and the one line that answers it.
#pragma once

#include <string>
#include <vector>

#include "authz/base/result.h"
#include "authz/model/public_key.h"
#include "authz/wire/protocol.h"

namespace gerve::sshd {

// A key that a client offers to log in with. Nothing is proven yet.
struct Offer {
    std::string login;    // the SSH user name
    PublicKey key;        // parsed from %t and %k, and its fingerprint is %f
    std::string address;  // of the client; empty where sshd does not tell it
};

// The words that sshd puts for %u %t %k %f, and %C where sshd has that token. Errors:
// client (a type of key that Gerve does not accept: an everyday thing), internal (sshd contradicts itself).
[[nodiscard]] Result<Offer> parse_offer(const std::vector<std::string>& words);

// How the forced command is called.
struct ForcedCommand {
    std::string shell;   // path of gerve-shell
    std::string socket;  // of authz; empty: gerve-shell's default
    std::string notice;  // the operator's notice file; empty: none
};

// `restrict,command="SHELL [OPTIONS] HANDLE" TYPE BLOB` and a newline, for a FIDO key with no-touch-required
// or verify-required as authz says, built from parsed values alone: no byte of what sshd or a client sent is
// repeated as it came. Errors: internal, when authz answered for another key or with a handle that is not
// base64, or a path would need quoting.
[[nodiscard]] Result<std::string> make_line(const ForcedCommand& command, const KeyFound& found,
                                            const PublicKey& key);

}  // namespace gerve::sshd
