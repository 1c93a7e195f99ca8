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
};

// What an operation has carried since it began.
struct LiveTraffic {
    std::uint64_t number = 0;
    std::uint64_t bytes_in = 0;  // from the client
    std::uint64_t bytes_out = 0;
};

// What has changed at a peer since it told the last time; over a new connection it tells all.
struct LiveNews {
    ClientContext client;  // its door alone
    std::vector<LiveEntry> began;
    std::vector<LiveTraffic> moved;
    std::vector<std::uint64_t> ended;
};
constexpr std::size_t max_live_began = 48;      // in one message
constexpr std::size_t max_live_numbers = 1000;  // likewise, of `moved` and of `ended`

// Why something that runs has to end.
// `stopped` is the gateway's own: it is being stopped, and no longer waits for what runs.
enum class LiveEnd { killed, withdrawn, stopped };
[[nodiscard]] std::string_view live_end_name(LiveEnd why);  // "killed", "withdrawn", "stopped"
[[nodiscard]] std::string live_end_text(LiveEnd why);       // the line for the client, newline included

// From authz to a peer, unasked, with the id 0: end these.
struct LiveOrder {
    LiveEnd why;
    std::vector<std::uint64_t> numbers;
};

// Which live sessions: the one by that id, those of a key, or those of a user.
using LiveChoice = std::variant<std::string, Fingerprint, Login>;

// Of an administrator: what is live, a page at a time.
struct SessionsRequest {
    ClientContext client;
    std::uint64_t after = 0;           // LiveRecord::sequence of the last one that is known
    std::optional<LiveChoice> choice;  // nothing: all
};

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
    std::string version;  // likewise
    std::string connection;
    std::string door;
    std::uint64_t process = 0;  // the worker, or the gerve-shell
    UnixMillis since = 0;
    std::uint64_t bytes_in = 0;
    std::uint64_t bytes_out = 0;
    std::uint64_t rate = 0;  // bytes a second, both ways, lately
    std::string ending;      // why it is being ended; empty: it is not
};
constexpr std::size_t max_live_records = 64;  // in one message

struct SessionsPage {
    std::vector<LiveRecord> records;
    bool more = false;
};

// Of an administrator: end these. Answered with how many were told to.
struct KillRequest {
    ClientContext client;
    LiveChoice choice;
};

}  // namespace gerve
