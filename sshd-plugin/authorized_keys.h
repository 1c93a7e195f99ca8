// What sshd asks of its AuthorizedKeysCommand, and the one line that answers it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "authz/base/result.h"
#include "authz/model/certificate.h"
#include "authz/model/public_key.h"
#include "authz/wire/protocol.h"

namespace gerve::sshd {

// A key or a certificate that a client offers to log in with. Nothing is proven yet.
struct Offer {
    std::string login;    // the SSH user name
    PublicKey key;        // parsed from %t and %k, and its fingerprint is %f; of a certificate, the one in it
    std::string address;  // of the client; empty where sshd does not tell it
    std::optional<Certificate> certificate{};  // what was offered, if not the plain key
};

// The words that sshd puts for %u %t %k %f, and %C where sshd has that token. Errors:
// client (what Gerve does not accept: an everyday thing), internal (sshd contradicts itself).
[[nodiscard]] Result<Offer> parse_offer(const std::vector<std::string>& words);

// How the forced command is called.
struct ForcedCommand {
    std::string shell;   // path of gerve-shell
    std::string socket;  // of authz; empty: gerve-shell's default
    std::string notice;  // the operator's notice file; empty: none
};

// `restrict,command="SHELL [OPTIONS] HANDLE" TYPE BLOB` and a newline, for a FIDO key with no-touch-required
// or verify-required as authz says. For a certificate the key is its authority's, and in front of it stands
// `restrict,cert-authority[,principals="PRINCIPAL"],command=…`: sshd then judges the certificate itself as
// well, by its signature, dates, source-address and principals. Built from parsed values alone: no byte that
// sshd or a client sent is repeated as it came, but for a principal of plain characters. Errors: client (none
// of the principals can stand in the line), internal (authz answered for another key or with a handle that is
// not base64, or a path would need quoting).
[[nodiscard]] Result<std::string> make_line(const ForcedCommand& command, const KeyFound& found,
                                            const Offer& offer);

}  // namespace gerve::sshd
