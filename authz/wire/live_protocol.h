// The messages about live sessions: what peers tell authz of what runs at them, what an administrator is
// shown of it, and the order to end some of it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "authz/base/clock.h"
#include "authz/model/login.h"
#include "authz/model/operation_end.h"
#include "authz/model/public_key.h"
#include "authz/wire/protocol.h"

namespace gerve {

// A git operation that runs at a peer, or one of its connections on which somebody is logged in. Named by a
// number of the peer's own, which it uses once.
struct LiveEntry {
    std::uint64_t number = 0;
    std::string handle;  // of the principal
    ClientContext client;
    std::string id;       // the request id of an operation; the id of a connection
    std::string service;  // "git-upload-pack" …; empty: a connection
    std::string repo;     // of an operation: OWNER/NAME
    std::string server;
    UnixMillis since = 0;

    static constexpr auto fields() {
        using E = LiveEntry;
        return std::tuple(wire::field("number", &E::number),
                          wire::field<wire::HandleText>("handle", &E::handle),
                          wire::field("client", &E::client), wire::field("session", &E::id),
                          wire::field("service", &E::service), wire::field("repo", &E::repo),
                          wire::field("server", &E::server), wire::field("since", &E::since));
    }
    // An operation is one of git's services on a repository; a connection has neither.
    [[nodiscard]] std::string_view misfit() const {
        const bool operation = parse_service(service) && RepoPath::parse(repo);
        if (!operation && !(service.empty() && repo.empty())) return "service";
        return id.empty() ? "session" : "";
    }
};

// What an operation has carried since it began.
struct LiveTraffic {
    std::uint64_t number = 0;
    std::uint64_t bytes_in = 0;  // from the client
    std::uint64_t bytes_out = 0;

    static constexpr auto fields() {
        using T = LiveTraffic;
        return std::tuple(wire::field("number", &T::number), wire::field("bytes_in", &T::bytes_in),
                          wire::field("bytes_out", &T::bytes_out));
    }
};

constexpr std::size_t max_live_began = 48;      // in one message
constexpr std::size_t max_live_numbers = 1000;  // likewise, of `moved` and of `ended`

// What has changed at a peer since it told the last time; over a new connection it tells all.
struct LiveNews {
    ClientContext client;  // its door alone
    std::vector<LiveEntry> began;
    std::vector<LiveTraffic> moved;
    std::vector<std::uint64_t> ended;

    static constexpr std::string_view name = "live";
    using Reply = Done;
    static constexpr auto fields() {
        using Moved = wire::Array<max_live_numbers, wire::Row>;
        return std::tuple(wire::field("client", &LiveNews::client),
                          wire::field<wire::Array<max_live_began>>("began", &LiveNews::began),
                          wire::field<Moved>("moved", &LiveNews::moved),
                          wire::field<wire::Array<max_live_numbers>>("ended", &LiveNews::ended));
    }
};

// Why something that runs has to end.
// `stopped` is the gateway's own: it is being stopped, and no longer waits for what runs.
enum class LiveEnd { killed, withdrawn, stopped };
[[nodiscard]] OperationEnd end_of(LiveEnd why);
[[nodiscard]] std::string_view live_end_name(LiveEnd why);  // "killed", "withdrawn", "stopped"
[[nodiscard]] std::string live_end_text(LiveEnd why);       // the line for the client, newline included
[[nodiscard]] inline std::string_view word_of(LiveEnd why) {
    return live_end_name(why);
}
[[nodiscard]] std::optional<LiveEnd> parse_word(std::string_view word, const LiveEnd* type);

// From authz to a peer, unasked, with the id 0: end these.
struct LiveOrder {
    LiveEnd why;
    std::vector<std::uint64_t> numbers;

    static constexpr auto fields() {
        return std::tuple(wire::field("why", &LiveOrder::why),
                          wire::field<wire::Array<max_live_numbers>>("end", &LiveOrder::numbers));
    }
};

// Which live sessions: the one by that id, those of a key, or those of a user.
using LiveChoice = std::variant<std::string, Fingerprint, Login>;

struct LiveRecord {
    std::uint64_t sequence = 0;  // in which authz heard of them
    std::string id;
    std::string who;  // LOGIN, or OWNER/REPO of a deploy key
    bool deploy_key = false;
    std::string fingerprint;  // SHA256:…
    std::string service;      // empty: a connection
    std::string repo;
    std::string server;
    std::string address;  // of the client
    std::string version;  // likewise, escaped: four bytes may stand for one
    std::string connection;
    Door door = Door::gateway;
    std::uint64_t process = 0;  // the worker, or the gerve-shell
    UnixMillis since = 0;
    std::uint64_t bytes_in = 0;
    std::uint64_t bytes_out = 0;
    std::uint64_t rate = 0;  // bytes a second, both ways, lately
    std::string ending;      // why it is being ended; empty: it is not

    static constexpr auto fields() {
        using R = LiveRecord;
        return std::tuple(wire::field("sequence", &R::sequence), wire::field("session", &R::id),
                          wire::field("who", &R::who), wire::field("deploy_key", &R::deploy_key),
                          wire::field("key", &R::fingerprint), wire::field("service", &R::service),
                          wire::field("repo", &R::repo), wire::field("server", &R::server),
                          wire::field("address", &R::address),
                          wire::field<wire::Text<4 * wire::max_word>>("version", &R::version),
                          wire::field("connection", &R::connection), wire::field("door", &R::door),
                          wire::field("process", &R::process), wire::field("since", &R::since),
                          wire::field("bytes_in", &R::bytes_in), wire::field("bytes_out", &R::bytes_out),
                          wire::field("rate", &R::rate), wire::field("ending", &R::ending));
    }
};
constexpr std::size_t max_live_records = 64;  // in one message

struct SessionsPage {
    std::vector<LiveRecord> records;
    bool more = false;

    static constexpr auto fields() {
        return std::tuple(wire::field<wire::Array<max_live_records>>("sessions", &SessionsPage::records),
                          wire::field("more", &SessionsPage::more));
    }
};

// Of an administrator: what is live, a page at a time.
struct SessionsRequest {
    ClientContext client;
    std::uint64_t after = 0;           // LiveRecord::sequence of the last one that is known
    std::optional<LiveChoice> choice;  // nothing: all

    static constexpr std::string_view name = "sessions";
    using Reply = SessionsPage;
    static constexpr auto fields() {
        using R = SessionsRequest;
        return std::tuple(wire::field("client", &R::client), wire::field("after", &R::after),
                          wire::field<wire::Inline>("choice", &R::choice));
    }
};

struct Killed {
    std::uint64_t killed = 0;  // that were told to end

    static constexpr auto fields() { return std::tuple(wire::field("killed", &Killed::killed)); }
};

// Of an administrator: end these.
struct KillRequest {
    ClientContext client;
    LiveChoice choice;

    static constexpr std::string_view name = "kill";
    using Reply = Killed;
    static constexpr auto fields() {
        return std::tuple(wire::field("client", &KillRequest::client),
                          wire::field<wire::Inline>("choice", &KillRequest::choice));
    }
};

}  // namespace gerve
