// LiveSessions: what runs at the peers of authz now, who it is for, and the orders to end some of it.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <vector>

#include "authz/model/principal.h"
#include "authz/wire/live_protocol.h"

namespace gerve {

// Used by many threads at once. Peers are named by the numbers of their connections; what a peer told goes
// with its connection, and it tells it again over the next one.
class LiveSessions {
  public:
    // Sends an order to a peer. Called by whichever thread gave the order; false: the peer is gone.
    using Tell = std::function<bool(std::uint64_t peer, const LiveOrder& order)>;

    struct Entry {
        std::uint64_t peer = 0;
        LiveEntry told;       // by the peer; without its handle
        Principal principal;  // whom the handle stood for
        std::uint64_t process = 0;
        std::uint64_t bytes_in = 0;
        std::uint64_t bytes_out = 0;
        std::uint64_t rate = 0;       // bytes a second
        std::int64_t counted_at = 0;  // monotonic_now() of the last traffic
        std::optional<LiveEnd> ending;
    };

    void tell_by(Tell tell);

    // One for each entry of `news.began`; nothing where its handle does not stand for anybody.
    using Principals = std::vector<std::optional<Principal>>;
    void take(std::uint64_t peer, std::uint64_t process, LiveNews news, const Principals& principals);
    void forget(std::uint64_t peer);
    [[nodiscard]] std::size_t size();

    // At most max_live_records of those behind `after`, in order.
    [[nodiscard]] SessionsPage list(std::uint64_t after, const std::optional<LiveChoice>& choice);

    // What is ended is told so once; how many were.
    std::size_t end(const LiveChoice& choice, LiveEnd why);
    std::size_t end(const std::vector<std::uint64_t>& sequences, LiveEnd why);

    // What the directory has to be asked about the live sessions: each key once, and what each of its holders
    // does at each repository once.
    struct Use {
        Service service;  // upload_pack stands for all that read
        RepoPath repo;
        std::vector<std::uint64_t> sessions;  // by sequence
    };
    struct Subject {
        Principal principal;
        std::vector<std::uint64_t> sessions;  // all of the key's, connections among them
        std::vector<Use> uses;
    };
    [[nodiscard]] std::vector<Subject> subjects();

  private:
    using Entries = std::map<std::uint64_t, Entry>;  // by sequence
    void begin(std::uint64_t peer, std::uint64_t process, LiveEntry told, Principal principal);
    void move(std::uint64_t peer, const LiveTraffic& traffic, std::int64_t now);
    Entries::iterator find(std::uint64_t peer, std::uint64_t number);
    template <class Picks>
    std::size_t end_those(const Picks& picks, LiveEnd why);

    std::mutex mutex_;
    Tell tell_;
    std::uint64_t last_ = 0;
    Entries entries_;
    // Of each peer: the number that it gave, and the sequence here.
    std::unordered_map<std::uint64_t, std::unordered_map<std::uint64_t, std::uint64_t>> numbers_;
};

}  // namespace gerve
