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
#include "authz/model/principal.h"
#include "authz/model/route.h"
#include "authz/model/security_key.h"
#include "authz/wire/field.h"

namespace gerve {

constexpr std::size_t max_authz_message = 128 * 1024;  // bytes, either way

// Where a request comes from; recorded. A certificate's source-address depends on the address, and an
// organisation's login policy on the key exchange and the signature, as the gateway's worker tells them.
struct ClientContext {
    std::string address;     // of the git client, as text, without port
    std::string version;     // its SSH version string, untrusted
    std::string connection;  // one id for all that happens on one SSH connection
    Door door = Door::gateway;
    std::optional<SecurityKeyUse> security_key{};  // of the signature that logged in
    std::string host_key{};  // the fingerprint of the gateway's key that the client accepted
    std::vector<std::string> host_keys_announced{};  // by the gateway, in order; told with a few logins alone
    std::string key_exchange{};  // the algorithm of the login; empty where sshd keeps it to itself
    std::optional<std::int64_t> connected_at{};  // UnixMillis; of a login with a security key alone

    static constexpr auto fields() {
        using C = ClientContext;
        return std::tuple(wire::field("address", &C::address), wire::field("version", &C::version),
                          wire::field("connection", &C::connection), wire::field("door", &C::door),
                          wire::omissible("security_key", &C::security_key),
                          wire::omissible("host_key", &C::host_key),
                          wire::omissible<wire::FirstOf<16>>("host_keys_announced", &C::host_keys_announced),
                          wire::omissible("key_exchange", &C::key_exchange),
                          wire::omissible("connected_at", &C::connected_at));
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
    // Options of an authorized_keys line for a FIDO key, where sshd asks.
    bool no_touch_required = false;
    bool verify_required = false;

    static constexpr auto fields() {
        return std::tuple(wire::field("key", &KeyFound::key),
                          wire::field<wire::HandleText>("handle", &KeyFound::handle),
                          wire::omissible("no_touch_required", &KeyFound::no_touch_required),
                          wire::omissible("verify_required", &KeyFound::verify_required));
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
    std::vector<Destination> destinations;  // in the order to be tried, at least one, but for an answer
    std::optional<Service> service{};       // what it became, where the command left that open
    std::string answer{};  // what the client gets on its standard output, instead of a file server

    static constexpr std::string_view is = "granted";
    static constexpr auto fields() {
        return std::tuple(wire::field("repo", &Granted::repo),
                          wire::field<wire::Text<max_notice>>("notice", &Granted::notice),
                          wire::field("because", &Granted::because),
                          wire::field<wire::Array<64>>("destinations", &Granted::destinations),
                          wire::omissible("service", &Granted::service),
                          wire::omissible<wire::Text<max_notice>>("answer", &Granted::answer));
    }
    [[nodiscard]] std::string_view misfit() const {
        return destinations.empty() == answer.empty() ? "destinations" : "";
    }
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
    // Of sshd's AuthorizedKeysCommand: it writes the options that KeyFound names. That of 0.1.0 writes none.
    bool takes_options = false;

    static constexpr std::string_view name = "key";
    using Reply = std::optional<KeyFound>;
    static constexpr auto fields() {
        using R = KeyRequest;
        return std::tuple(wire::field<wire::Base64>("blob", &R::key), wire::field("login", &R::login),
                          wire::field("proven", &R::proven), wire::field("client", &R::client),
                          wire::omissible("again", &R::again),
                          wire::omissible("takes_options", &R::takes_options));
    }
};

// A certificate that nobody known has signed, or none at all.
struct CertificateUnknown {
    static constexpr std::string_view is = "unknown";
    static constexpr auto fields() { return std::tuple(); }
};
// One that a rule refuses. `told` is one line for whoever proves its key; empty: nothing is told.
struct CertificateRefused {
    std::string rule;  // the name of a CertificateRule
    std::string why;   // for the log and the trail
    std::string told;

    static constexpr std::string_view is = "refused";
    static constexpr auto fields() {
        using R = CertificateRefused;
        return std::tuple(wire::field("rule", &R::rule), wire::field<wire::Text<max_notice>>("why", &R::why),
                          wire::field<wire::Text<max_notice>>("told", &R::told));
    }
    [[nodiscard]] std::string_view misfit() const { return rule.empty() ? "rule" : ""; }
};
using CertificateReply = std::variant<KeyFound, CertificateRefused, CertificateUnknown>;

// Whom does this certificate stand for? The client's address decides, too (source-address). `proven`, `again`
// and `takes_options` as in KeyRequest.
struct CertificateRequest {
    std::string certificate;  // its blob: authz alone takes it apart
    std::string login;
    bool proven = false;
    ClientContext client;
    bool again = false;
    bool takes_options = false;

    static constexpr std::string_view name = "certificate";
    using Reply = CertificateReply;
    static constexpr auto fields() {
        using R = CertificateRequest;
        return std::tuple(wire::field<wire::Base64>("blob", &R::certificate), wire::field("login", &R::login),
                          wire::field("proven", &R::proven), wire::field("client", &R::client),
                          wire::omissible("again", &R::again),
                          wire::omissible("takes_options", &R::takes_options));
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
    bool takes_report = false;  // the gateway accepts REPORT frames of GRV1
    bool wants_token = false;   // of Git LFS: see GitCommand
    std::string command{};      // receive-pack: GitCommand::text, for hooks; empty: an older peer's

    static constexpr std::string_view name = "authorize";
    using Reply = Authorization;
    static constexpr auto fields() {
        using R = AuthorizeRequest;
        return std::tuple(wire::field<wire::HandleText>("handle", &R::handle),
                          wire::field("service", &R::service), wire::field("repo", &R::repo),
                          wire::field("git_protocol", &R::git_protocol), wire::field("request", &R::request),
                          wire::field("client", &R::client), wire::omissible("proven_as", &R::proven_as),
                          wire::omissible("takes_report", &R::takes_report),
                          wire::omissible("wants_token", &R::wants_token),
                          wire::omissible<wire::Text<max_command>>("command", &R::command));
    }
    [[nodiscard]] std::string_view misfit() const { return service == Service::admin ? "service" : ""; }
};

// May anybody at all fetch this? Asked where nobody logs in; there is neither handle nor service in it, so it
// cannot be answered with more.
struct AnonymousRequest {
    RepoPath repo;
    std::optional<GitProtocol> git_protocol;
    RequestId request;
    ClientContext client;
    bool takes_report = false;  // as in AuthorizeRequest

    static constexpr std::string_view name = "anonymous";
    using Reply = Authorization;
    static constexpr auto fields() {
        using R = AnonymousRequest;
        return std::tuple(wire::field("repo", &R::repo), wire::field("git_protocol", &R::git_protocol),
                          wire::field("request", &R::request), wire::field("client", &R::client),
                          wire::omissible("takes_report", &R::takes_report));
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

// Does the database answer? Said to be done, or unavailable.
struct ReadyRequest {
    ClientContext client;

    static constexpr std::string_view name = "ready";
    using Reply = Done;
    static constexpr auto fields() { return std::tuple(wire::field("client", &ReadyRequest::client)); }
};

// What a peer may ask, by its kind; operations are refused by name when the kind lacks them.
enum class PeerKind { worker, authorized_keys, forced_command, administrator };

}  // namespace gerve
