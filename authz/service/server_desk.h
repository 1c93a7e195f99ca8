// What each thread of AuthzServer has for itself; included by the server's own files alone.
#pragma once

#include "authz/base/clock.h"
#include "authz/service/server.h"
#include "authz/store/directory_statements.h"

namespace gerve {

// A question, and where its answer goes.
struct AuthzServer::Taken {
    std::shared_ptr<Connection> connection;
    ReceivedRequest question;
};

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
        : link(server.parts_.connect), buffer(max_authz_message + 1, '\0'), server_(server) {}

    void maintain() {
        if (!link.maintain()) return;
        if (directory) server_.count_links(-1);
        directory.reset();
        if (link.get() == nullptr) return;
        directory = std::make_unique<Directory>(*link.get(), server_.metrics_.queries, server_.parts_.local);
        if (server_.parts_.hints != nullptr) directory->follow(*server_.parts_.hints, server_.servers_);
        server_.count_links(+1);
    }

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
        return std::exchange(promise_, std::nullopt);
    }

    DatabaseLink link;
    std::unique_ptr<Directory> directory;
    std::string buffer;
    std::vector<Taken> keys;             // questions taken and not answered: of keys,
    std::vector<Taken> other;            // and one of something else, at most
    std::atomic<bool> abandoned{false};  // another thread has this one's place
    bool stands_in = false;              // the watchdog's desk, which has no link

  private:
    std::mutex mutex_;
    std::optional<AnswerPromise> promise_;
    AuthzServer& server_;
};

// Into the log, unless there are too many such lines.
void log_trouble(std::string_view event, const Peer& peer, const std::string& why);
void log_trouble(std::string_view event, const std::string& why);

// Whether it went out whole; a peer that does not read for long is given up.
[[nodiscard]] bool send_authz_message(int socket, std::string_view message);

}  // namespace gerve
