// What each thread of AuthzServer has for itself; included by the server's own files alone.
#pragma once

#include "authz/base/clock.h"
#include "authz/service/server.h"
#include "authz/store/directory_statements.h"

namespace gerve {

// Ids of what epoll watches; connections count on from there.
constexpr std::uint64_t listener_id = 0;
constexpr std::uint64_t stop_id = 1;
constexpr std::uint64_t turn_id = 2;

// What a thread has taken upon itself to answer, in the order of the answers.
struct AnswerPromise {
    struct Awaited {
        std::shared_ptr<const void> connection;  // kept open for the answer
        int socket = -1;
        std::uint64_t id = 0;  // of the question
    };
    std::vector<Awaited> awaited;
    std::int64_t due = 0;  // monotonic_now()
};

struct AuthzServer::Desk {
    explicit Desk(AuthzServer& server)
        : link(server.parts_.connect),
          seat(server.bulkheads_),
          buffer(max_authz_message + 1, '\0'),
          server_(server) {}

    // Questions wait while a connection is being made: `connecting_` ends after the link counts.
    void maintain() {
        const unsigned connects = link.next_turn() == 0 ? 1 : 0;
        server_.connecting_ += connects;
        take_link();
        server_.connecting_ -= connects;
    }
    void take_link() {
        if (!link.maintain()) return;
        if (directory) server_.count_links(-1);
        directory.reset();
        if (link.get() == nullptr) return;
        directory = std::make_unique<Directory>(*link.get(), server_.metrics_.queries, server_.parts_.local);
        directory->take_turns(seat);
        if (server_.parts_.hints != nullptr) directory->follow(*server_.parts_.hints, server_.servers_);
        server_.count_links(+1);
    }

    // Asked behind a question that failed.
    [[nodiscard]] bool reaches_directory() const { return directory && !link.get()->broken(); }

    // One question that is not about a key ends the taking, since it may take its time.
    [[nodiscard]] bool takes_more() const {
        return other.empty() && keys.size() < directory_sql::max_keys_at_once;
    }

    void promise(AnswerPromise made) {
        const std::lock_guard lock(mutex_);
        promise_ = std::move(made);
    }
    // By the thread itself, the next so many answers in hand: whether they are still the thread's to give.
    [[nodiscard]] bool keep_promise(std::size_t answers) {
        const std::lock_guard lock(mutex_);
        if (!promise_) return false;
        auto& awaited = promise_->awaited;
        awaited.erase(awaited.begin(), awaited.begin() + static_cast<std::ptrdiff_t>(answers));
        if (awaited.empty()) promise_.reset();
        return true;
    }
    // By the watchdog: the promise that is due, now the watchdog's. `abandon`, and the thread is on its own.
    [[nodiscard]] std::optional<AnswerPromise> take_due(std::int64_t now) {
        const std::lock_guard lock(mutex_);
        if (!promise_ || promise_->due > now) return std::nullopt;
        if (directory && !abandoned.exchange(true)) server_.count_links(-1);
        seat.give_up();
        return std::exchange(promise_, std::nullopt);
    }

    DatabaseLink link;
    Bulkheads::Seat seat;
    std::unique_ptr<Directory> directory;
    std::string buffer;
    std::vector<Taken> keys;              // questions taken and not answered: of keys,
    std::vector<Taken> other;             // and one of something else, at most
    std::atomic<bool> abandoned{false};   // another thread has this one's place
    std::optional<StatementKind> awaits;  // what the question in hand got no turn for
    bool stands_in = false;               // the watchdog's desk, which has no link

  private:
    std::mutex mutex_;
    std::optional<AnswerPromise> promise_;
    AuthzServer& server_;
};

// Into the log, within the ration of the peer.
void log_trouble(std::string_view event, const Peer& peer, const std::string& why);
void log_trouble(std::string_view event, const std::string& why);

// Whether it went out whole; a peer that does not read for long is given up.
[[nodiscard]] bool send_authz_message(int socket, std::string_view message);

}  // namespace gerve
