// The messages between authz and its callers: one JSON object each way over a SOCK_SEQPACKET unix socket.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "authz/base/result.h"
#include "authz/model/decision.h"
#include "authz/model/git_command.h"
#include "authz/model/principal.h"
#include "authz/model/route.h"

namespace gerve {

constexpr std::size_t max_authz_message = 128 * 1024;  // bytes, either way

// Where a request comes from; recorded, never decisive.
struct ClientContext {
    std::string address;     // of the git client, as text, without port
    std::string version;     // its SSH version string, untrusted
    std::string connection;  // one id for all that happens on one SSH connection
    std::string door;        // "gateway" | "sshd" | "git": where nobody logs in
};

// Whose key is this? `proven`: a signature by it was verified; otherwise it was only offered.
struct KeyRequest {
    PublicKey key;
    std::string login;  // the SSH user name
    bool proven = false;
    ClientContext client;
    bool again = false;  // of a connection whose proof was told before: no event
};

// A live key, and the sealed handle by which its holder is named in later requests. A handle is bound to the
// key, its principal and the kind of peer it was given to; it goes stale after a time (seconds for a worker),
// and a new look-up makes a new one.
struct KeyFound {
    KnownKey key;
    std::string handle;  // base64, at most 1 KB
};

// Who is behind this handle? For a forced command that has to greet, and has seen no key. How old the handle
// is does not matter here: it grants nothing. The answer is a KeyFound with the same handle; missing when the
// key is live no more.
struct HolderRequest {
    std::string handle;
    ClientContext client;
};

struct AuthorizeRequest {
    std::string handle;
    Service service;
    RepoPath repo;
    std::optional<GitProtocol> git_protocol;
    RequestId request;
    ClientContext client;
    // The SSH user name of a proof that was not told yet: the look-up behind the handle was that of an offer.
    std::string proven_as{};
};

// The same, where nothing is asked for (soon) by which it could be told.
struct ProofReport {
    std::string handle;
    std::string login;  // the SSH user name
    ClientContext client;
};

// May anybody at all fetch this? Asked where nobody logs in; there is neither handle nor service in it, so it
// cannot be answered with more.
struct AnonymousRequest {
    RepoPath repo;
    std::optional<GitProtocol> git_protocol;
    RequestId request;
    ClientContext client;
};

// One endpoint to try, with the OPEN message made for it (used once; a retry elsewhere takes the next one).
struct Destination {
    ServerName server;
    Endpoint endpoint;
    std::string open;  // empty for git://
};

struct Granted {
    RepoPath repo;       // its name now
    std::string notice;  // a whole line for the client's stderr, or empty
    Rule because;
    std::vector<Destination> destinations;  // in the order to be tried, at least one
};
struct Refused {
    std::string told;
    ExitStatus exit;
    Rule because;
};
// Why the client goes without: for good, or until later.
[[nodiscard]] inline ErrorKind kind_of(const Refused& refused) {
    return refused.exit == ExitStatus::unavailable ? ErrorKind::unavailable : ErrorKind::denied;
}
struct StaleHandle {};  // look the key up again, then ask again
using Authorization = std::variant<Granted, Refused, StaleHandle>;

// A question of the key's holder about the key itself.
struct SelfRequest {
    std::string handle;
    SelfQuestion question;
    RequestId request;
    ClientContext client;
};

// What the client gets: whole lines for its two streams, and the exit status.
struct SelfAnswer {
    std::string out;
    std::string err;
    int exit = 0;
};
using SelfReply = std::variant<SelfAnswer, StaleHandle>;

// One git operation that came to its end, whatever the end was.
struct SessionReport {
    std::string handle;  // of the principal; empty: nobody logged in
    RequestId request;
    ClientContext client;
    std::string service;          // "git-upload-pack" …; "whoami" "keys" "why": a question about the key
    std::string repo;             // as asked, OWNER/NAME
    std::string server;           // file server, empty if none was reached
    std::string git_protocol;     // empty: version 0
    std::uint64_t bytes_in = 0;   // from the client
    std::uint64_t bytes_out = 0;  // to the client
    std::uint64_t duration_ms = 0;
    int exit = 0;
    std::string ended;  // why: "exit", "client-gone", "upstream-lost", "refused", "killed", "drained" …
};

// A connection, or an attempt to log in, that was refused or ended, before or behind the login.
struct RefusalReport {
    ClientContext client;
    std::string reason;  // a word, as "login-name"; see docs/audit.md
    std::string text;    // for people; parts of it may come from the client
    std::string login;   // the SSH user name that was tried; may be empty
    std::uint64_t count = 1;
    std::string handle;  // of the principal; empty: nobody had logged in
};

// Does the database answer? Said to be done, or unavailable.
struct ReadyRequest {
    ClientContext client;
};

// A command that changes the directory, at its end. With an empty command it is only asked whether an event
// would be taken.
struct ChangeReport {
    std::string command;  // "key add"
    std::vector<std::string> arguments;
    std::string failed;  // why it was refused; empty: it was done
    std::string facts;   // an object as JSON: "before", "after" …; or empty
    ClientContext client;
};

// What a peer may ask, by its kind; operations are refused by name when the kind lacks them.
enum class PeerKind { worker, authorized_keys, forced_command, administrator };

}  // namespace gerve
