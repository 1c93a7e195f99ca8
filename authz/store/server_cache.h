// ServerCache: the endpoints of file servers, remembered for a few seconds by all threads of authz together,
// and for as long as the directory cannot tell them anew.
#pragma once

#include <atomic>
#include <chrono>
#include <mutex>
#include <optional>
#include <unordered_map>

#include "authz/model/route.h"

namespace gerve {

// Short enough that a changed endpoint is taken up while an administrator waits for it; long enough that a
// login behind a hint costs no query for its server.
constexpr std::chrono::milliseconds server_cache_life{3'000};

class ServerCache {
  public:
    using Clock = std::chrono::steady_clock;

    [[nodiscard]] std::optional<Route> find(const ServerName& server, Clock::time_point now = Clock::now()) {
        const std::lock_guard lock(mutex_);
        const auto found = routes_.find(server.text());
        if (found == routes_.end() || found->second.until <= now) return std::nullopt;
        return found->second.route;
    }
    void keep(const Route& route, Clock::time_point now = Clock::now()) {
        const std::lock_guard lock(mutex_);
        if (routes_.size() >= most) routes_.clear();
        routes_.insert_or_assign(route.server.text(), Entry{route, now + server_cache_life});
    }

    // What was known last, however old. It counts as new, so that trouble with these tables costs a
    // question every few seconds and not each.
    [[nodiscard]] std::optional<Route> recall(const ServerName& server,
                                              Clock::time_point now = Clock::now()) {
        const std::lock_guard lock(mutex_);
        const auto found = routes_.find(server.text());
        if (found == routes_.end()) return std::nullopt;
        found->second.until = now + server_cache_life;
        return found->second.route;
    }
    void forget(const ServerName& server) {
        const std::lock_guard lock(mutex_);
        routes_.erase(server.text());
    }
    // Whether the directory can tell them. True: that is otherwise than before.
    [[nodiscard]] bool note_readable(bool readable) { return readable_.exchange(readable) != readable; }

  private:
    struct Entry {
        Route route;
        Clock::time_point until;
    };
    static constexpr std::size_t most = 4096;
    std::atomic<bool> readable_ = true;
    std::mutex mutex_;
    std::unordered_map<std::string, Entry> routes_;
};

}  // namespace gerve
