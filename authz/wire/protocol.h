// The messages between authz and its callers: one JSON object each way over a SOCK_SEQPACKET unix socket. A
// request has its name, the type of its reply, and its fields in one place; requests.h lists them all.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "authz/base/result.h"
#include "authz/model/decision.h"
#include "authz/model/door.h"
#include "authz/model/git_command.h"
#include "authz/model/operation_end.h"
#include "authz/model/principal.h"
#include "authz/model/route.h"
#include "authz/wire/field.h"

namespace gerve {

constexpr std::size_t max_authz_message = 128 * 1024;  // bytes, either way

// Where a request comes from; recorded, never decisive.
struct ClientContext {
    std::string address;     // of the git client, as text, without port
    std::string version;     // its SSH version string, untrusted
    std::string connection;  // one id for all that happens on one SSH connection
    Door door = Door::gateway;

    static constexpr auto fields() {
        using C = ClientContext;
        return std::tuple(wire::field("address", &C::address), wire::field("version", &C::version),
                          wire::field("connection", &C::connection), wire::field("door", &C::door));
    }
};

// ---- replies

// Authz has done it, or has taken it.
struct Done {
    bool done = true;

    static constexpr auto fields() { return std::tuple(wire::field("done", &Done::done)); }
    [[nodiscard]] std::string_view misfit() const { return done ? "" : "done"; }
};

// A live key, and the sealed handle by which its holder is named in later requests. A handle is bound to the
// key, its principal and the kind of peer it was given to; it goes stale after a time (seconds for a worker),
// and a new lookup makes a new one.
struct KeyFound {
    KnownKey key;
    std::string handle;  // base64, at most 1 KB

    static constexpr auto fields() {
        return std::tuple(wire::field("key", &KeyFound::key),
                          wire::field<wire::HandleText>("handle", &KeyFound::handle));
    }
    [[nodiscard]] std::string_view misfit() const { return handle.empty() ? "handle" : ""; }
};

// One endpoint to try, with the OPEN message made for it (used once; a retry elsewhere takes the next one).
struct Destination {
    ServerName server;
    Endpoint endpoint;
    std::string open;  // empty for git://

    static constexpr auto fields() {
        return std::tuple(wire::field("server", &Destination::server),
                          wire::field<wire::Text<300>>("endpoint", &Destination::endpoint),
                          wire::field<wire::Base64>("open", &Destination::open));
    }
};

constexpr std::size_t max_notice = 4096;  // bytes

struct Granted {
    RepoPath repo;       // its name now
    std::string notice;  // a whole line for the client's stderr, or empty
    Rule because;
    std::vector<Destination> destinations;  // in the order to be tried, at least one

    static constexpr std::string_view is = "granted";
    static constexpr auto fields() {
        return std::tuple(wire::field("repo", &Granted::repo),
                          wire::field<wire::Text<max_notice>>("notice", &Granted::notice),
                          wire::field("because", &Granted::because),
                          wire::field<wire::Array<64>>("destinations", &Granted::destinations));
    }
    [[nodiscard]] std::string_view misfit() const { return destinations.empty() ? "destinations" : ""; }
};
struct Refused {
    std::string told;
    ExitStatus exit;
    Rule because;

    static constexpr std::string_view is = "refused";
    static constexpr auto fields() {
        return std::tuple(wire::field<wire::Text<max_notice>>("told", &Refused::told),
                          wire::field("exit", &Refused::exit), wire::field("because", &Refused::because));
    }
    [[nodiscard]] std::string_view misfit() const { return told.empty() ? "told" : ""; }
};
// Why the client goes without: for good, or until later.
[[nodiscard]] inline ErrorKind kind_of(const Refused& refused) {
    return refused.exit == ExitStatus::unavailable ? ErrorKind::unavailable : ErrorKind::denied;
}
// Look the key up again, then ask again.
struct StaleHandle {
    static constexpr std::string_view is = "stale";
    static constexpr auto fields() { return std::tuple(); }
};
using Authorization = std::variant<Granted, Refused, StaleHandle>;

constexpr std::size_t max_self_answer = 64 * 1024;  // bytes, of each stream

// What the client gets: whole lines for its two streams, and the exit status.
struct SelfAnswer {
    std::string out;
    std::string err;
    int exit = 0;

    static constexpr auto fields() {
        return std::tuple(wire::field<wire::Text<max_self_answer>>("out", &SelfAnswer::out),
                          wire::field<wire::Text<max_self_answer>>("err", &SelfAnswer::err),
                          wire::field("exit", &SelfAnswer::exit));
    }
    [[nodiscard]] std::string_view misfit() const { return exit > 255 ? "exit" : ""; }
};
using SelfReply = std::variant<SelfAnswer, StaleHandle>;

// ---- requests

// Whose key is this? `proven`: a signature by it was verified; otherwise it was only offered.
struct KeyRequest {
    PublicKey key;
    std::string login;  // the SSH user name
    bool proven = false;
    ClientContext client;
    bool again = false;  // of a connection whose proof was told before: no event

    static constexpr std::string_view name = "key";
    using Reply = std::optional<KeyFound>;
    static constexpr auto fields() {
        using R = KeyRequest;
        return std::tuple(wire::field<wire::Base64>("blob", &R::key), wire::field("login", &R::login),
                          wire::field("proven", &R::proven), wire::field("client", &R::client),
                          wire::omissible("again", &R::again));
    }
};

// Who is behind this handle? For a forced command that has to greet, and has seen no key. How old the handle
// is does not matter here: it grants nothing. The answer has the same handle; there is none when the key is
// live no more.
struct HolderRequest {
    std::string handle;
    ClientContext client;

    static constexpr std::string_view name = "holder";
    using Reply = std::optional<KeyFound>;
    static constexpr auto fields() {
        return std::tuple(wire::field<wire::HandleText>("handle", &HolderRequest::handle),
                          wire::field("client", &HolderRequest::client));
    }
};

struct AuthorizeRequest {
    std::string handle;
    Service service;
    RepoPath repo;
    std::optional<GitProtocol> git_protocol;
    RequestId request;
    ClientContext client;
    // The SSH user name of a proof that was not told yet: the lookup behind the handle was that of an offer.
    std::string proven_as{};

    static constexpr std::string_view name = "authorize";
    using Reply = Authorization;
    static constexpr auto fields() {
        using R = AuthorizeRequest;
        return std::tuple(wire::field<wire::HandleText>("handle", &R::handle),
                          wire::field("service", &R::service), wire::field("repo", &R::repo),
                          wire::field("git_protocol", &R::git_protocol), wire::field("request", &R::request),
                          wire::field("client", &R::client), wire::omissible("proven_as", &R::proven_as));
    }
    [[nodiscard]] std::string_view misfit() const { return service == Service::admin ? "service" : ""; }
};

// The same, where nothing is asked for (soon) by which it could be told.
struct ProofReport {
    std::string handle;
    std::string login;  // the SSH user name
    ClientContext client;

    static constexpr std::string_view name = "proof";
    using Reply = Done;
    static constexpr auto fields() {
        return std::tuple(wire::field<wire::HandleText>("handle", &ProofReport::handle),
                          wire::field("login", &ProofReport::login),
                          wire::field("client", &ProofReport::client));
    }
};

// May anybody at all fetch this? Asked where nobody logs in; there is neither handle nor service in it, so it
// cannot be answered with more.
struct AnonymousRequest {
    RepoPath repo;
    std::optional<GitProtocol> git_protocol;
    RequestId request;
    ClientContext client;

    static constexpr std::string_view name = "anonymous";
    using Reply = Authorization;
    static constexpr auto fields() {
        using R = AnonymousRequest;
        return std::tuple(wire::field("repo", &R::repo), wire::field("git_protocol", &R::git_protocol),
                          wire::field("request", &R::request), wire::field("client", &R::client));
    }
};

// A question of the key's holder about the key itself.
struct SelfRequest {
    std::string handle;
    SelfQuestion question;
    RequestId request;
    ClientContext client;

    static constexpr std::string_view name = "self";
    using Reply = SelfReply;
    static constexpr auto fields() {
        using R = SelfRequest;
        return std::tuple(wire::field<wire::HandleText>("handle", &R::handle),
                          wire::field<wire::Inline>("question", &R::question),
                          wire::field("request", &R::request), wire::field("client", &R::client));
    }
};

// One git operation that came to its end, whatever the end was.
struct SessionReport {
    std::string handle;  // of the principal; empty: nobody logged in
    RequestId request;
    ClientContext client;
    std::string service;          // "git-upload-pack" …; or a question about the key: "whoami" …
    std::string repo;             // as asked, OWNER/NAME
    std::string server;           // file server, empty if none was reached
    std::string git_protocol;     // empty: version 0
    std::uint64_t bytes_in = 0;   // from the client
    std::uint64_t bytes_out = 0;  // to the client
    std::uint64_t duration_ms = 0;
    int exit = 0;
    OperationEnd ended = OperationEnd::other;

    static constexpr std::string_view name = "report";
    using Reply = Done;
    static constexpr auto fields() {
        using R = SessionReport;
        return std::tuple(wire::field<wire::HandleText>("handle", &R::handle),
                          wire::field("request", &R::request), wire::field("client", &R::client),
                          wire::field("service", &R::service), wire::field("repo", &R::repo),
                          wire::field("server", &R::server), wire::field("git_protocol", &R::git_protocol),
                          wire::field("bytes_in", &R::bytes_in), wire::field("bytes_out", &R::bytes_out),
                          wire::field("duration_ms", &R::duration_ms), wire::field("exit", &R::exit),
                          wire::field("ended", &R::ended));
    }
};

// A connection, or an attempt to log in, that was refused or ended, before or behind the login.
struct RefusalReport {
    ClientContext client;
    std::string reason;  // a word, as "login-name"; see docs/audit.md
    std::string text;    // for people; parts of it may come from the client
    std::string login;   // the SSH user name that was tried; may be empty
    std::uint64_t count = 1;
    std::string handle;  // of the principal; empty: nobody had logged in

    static constexpr std::string_view name = "refusal";
    using Reply = Done;
    static constexpr auto fields() {
        using R = RefusalReport;
        return std::tuple(wire::field("client", &R::client), wire::field("reason", &R::reason),
                          wire::field("text", &R::text), wire::field("login", &R::login),
                          wire::field("count", &R::count),
                          wire::field<wire::HandleText>("handle", &R::handle));
    }
    [[nodiscard]] std::string_view misfit() const {
        constexpr std::string_view letters = "abcdefghijklmnopqrstuvwxyz0123456789-";
        const bool is_word =
            !reason.empty() && reason.size() <= 64 && reason.find_first_not_of(letters) == std::string::npos;
        return !is_word ? "reason" : count == 0 ? "count" : "";
    }
};

// Does the database answer? Said to be done, or unavailable.
struct ReadyRequest {
    ClientContext client;

    static constexpr std::string_view name = "ready";
    using Reply = Done;
    static constexpr auto fields() { return std::tuple(wire::field("client", &ReadyRequest::client)); }
};

constexpr std::size_t max_arguments = 64;      // words of a command's line; no more are recorded
constexpr std::size_t max_change_text = 4096;  // bytes: one of them, a reason, or what changed

// A command that changes the directory, at its end. With an empty command it is only asked whether an event
// would be taken.
struct ChangeReport {
    std::string command;  // "key add"
    std::vector<std::string> arguments;
    std::string failed;  // why it was refused; empty: it was done
    std::string facts;   // an object as JSON: "before", "after" …; or empty
    ClientContext client;

    static constexpr std::string_view name = "change";
    using Reply = Done;
    static constexpr auto fields() {
        using R = ChangeReport;
        using Words = wire::FirstOf<max_arguments, wire::Text<max_change_text>>;
        return std::tuple(wire::field("command", &R::command), wire::field<Words>("arguments", &R::arguments),
                          wire::field<wire::Text<max_change_text>>("failed", &R::failed),
                          wire::field<wire::JsonObject<max_change_text>>("facts", &R::facts),
                          wire::field("client", &R::client));
    }
};

// What a peer may ask, by its kind; operations are refused by name when the kind lacks them.
enum class PeerKind { worker, authorized_keys, forced_command, administrator };

}  // namespace gerve
