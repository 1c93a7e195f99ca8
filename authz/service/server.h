// The authz process: one socket, a few threads, each with its own connection to the database.
#pragma once

#include <sys/epoll.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "authz/audit/audit.h"
#include "authz/base/fd.h"
#include "authz/config.h"
#include "authz/service/authorizer.h"
#include "authz/service/authz_metrics.h"
#include "authz/service/bulkheads.h"
#include "authz/service/live_sessions.h"
#include "authz/service/peers.h"
#include "authz/store/database_link.h"
#include "authz/wire/wire.h"

namespace gerve {

// What a server works with. Nothing that is pointed at is owned.
struct ServerParts {
    Connect connect;
    PeerTable peers;
    Signer signer;
    std::optional<Route> local;  // Directory's
    AuditSink* audit;
    unsigned threads;
    RouteHints* hints = nullptr;      // asked for routes before the table
    AuthzMetrics* metrics = nullptr;  // counted in; null: in the server's own
    std::chrono::milliseconds deadline{
        400};                  // from taking a question to its answer, whatever the database does
    Shadow* shadow = nullptr;  // told of each decision; null: there is no second policy
};

// All threads wait on one epoll. A connection is armed for one thread at a time: it takes a few messages,
// arms the connection again and then answers, so that one peer's questions are answered by all threads. What
// waits, waits in the socket's buffer; a question past its deadline is dropped unread. Questions of keys that
// wait at the same time, of one peer or of several, are taken together and cost the database one statement:
// the busier it is, the less a login costs it.
//
// A database may hold a thread for as long as it likes, so a watchdog keeps the promise of an answer: a
// question that has waited for ServerParts::deadline is answered unavailable, and its thread is left alone
// with its connection. Another takes the place of each thread that is held up (at most as many again as there
// are threads, and eight). While all hang, the watchdog answers itself.
//
// Statements of one kind hold no more than their share of the threads once they are slow (bulkheads.h): a
// question that gets no turn for the statement it needs is parked, without a thread, until there is one or
// its time is over.
class AuthzServer {
  public:
    // `listener`: bound and listening, SOCK_SEQPACKET.
    AuthzServer(Fd listener, ServerParts parts);
    AuthzServer(const AuthzServer&) = delete;
    AuthzServer& operator=(const AuthzServer&) = delete;
    ~AuthzServer();

    [[nodiscard]] Result<void> start();
    // Listens there from now on, and at the old one no more. Like start(), by one thread.
    [[nodiscard]] Result<void> replace_listener(const Fd& listener);
    // Accepts no more and takes no more questions. Whether every thread had finished its answer in time; one
    // that hangs in its database has to die with the process.
    [[nodiscard]] bool stop(std::chrono::milliseconds patience);

    [[nodiscard]] const QueryCounters& counters() const { return metrics_.queries; }
    [[nodiscard]] std::uint64_t expired() const {
        return metrics_.expired.value();
    }                                                           // questions dropped for their age
    [[nodiscard]] std::uint64_t late() const { return late_; }  // answered by the watchdog
    [[nodiscard]] unsigned live_links() const { return live_links_; }
    // What runs at its peers; ending it there is ordered over their connections.
    [[nodiscard]] LiveSessions& live() { return live_; }

  private:
    struct Connection {
        std::uint64_t id;
        Fd socket;
        Peer peer;
    };
    struct Desk;
    // A question, where its answer goes, and when it is due (monotonic_now()).
    struct Taken {
        std::shared_ptr<Connection> connection;
        ReceivedRequest question;
        std::int64_t due;
    };
    struct Worker {
        std::thread thread;
        std::atomic<bool> ended{false};
    };

    void hire();
    void work(Worker& worker);
    [[nodiscard]] std::span<const epoll_event> wait_for_events(Desk& desk, std::span<epoll_event> events);
    [[nodiscard]] bool stands_aside(const Desk& desk) const;
    void accept_some();
    void greet(Fd socket);
    void take(Desk& desk, std::span<const epoll_event> events);
    void take_messages(Desk& desk, std::uint64_t id);
    void count(const Request& request, const Error* failure);
    void refuse(const Taken& taken, const Error& error);
    void count_links(int change);
    void show_threads();
    void receive(Desk& desk, const std::shared_ptr<Connection>& connection, std::string_view message);
    void answer_taken(Desk& desk);
    void answer_keys(Desk& desk);
    void reply(const Connection& connection, std::string_view message);
    [[nodiscard]] std::string answer_to(Desk& desk, const Connection& connection,
                                        const ReceivedRequest& received);
    void settle_live(const Connection& connection);
    [[nodiscard]] Result<void> watch(int fd, std::uint64_t id, std::uint32_t events);
    void arm(int fd, std::uint64_t id);
    void forget(const Connection& connection);
    std::shared_ptr<Connection> find(std::uint64_t id);

    // Questions that wait for a turn (server_parked.cc).
    void park(StatementKind kind, Taken taken);
    void take_parked(Desk& desk);
    [[nodiscard]] std::vector<Taken> unpark(StatementKind kind);
    void refuse_parked(std::int64_t now);
    void tell_threads(unsigned turns);

    // The watchdog's (server_watch.cc).
    void keep_promises();
    void close_rations(std::int64_t now);
    void refuse_late();
    void answer_late(Desk& desk, std::int64_t now);
    void dismiss_ended();
    void let_go(std::int64_t now, std::size_t places);
    [[nodiscard]] bool all_hang(std::int64_t now);
    void stand_in(Desk& desk);

    Fd listener_;
    ServerParts parts_;
    Fd epoll_;
    Fd stop_;  // an eventfd: readable once the end has come, and for good
    Fd turn_;  // an eventfd: a semaphore of the turns that parked questions may take
    AuthzMetrics own_metrics_;
    AuthzMetrics& metrics_;
    ServerCache servers_;
    LiveSessions live_;
    Bulkheads bulkheads_;
    std::mutex parked_mutex_;
    std::array<std::deque<Taken>, statement_kind_count> parked_;
    std::atomic<unsigned> live_links_{0};  // threads that have a connection to the database, and do not hang
    std::atomic<unsigned> connecting_{0};  // threads that are about to have one
    std::mutex shown_mutex_;               // of the gauges that show them
    std::atomic<std::uint64_t> late_{0};
    std::atomic<unsigned> waiting_{0};     // threads that wait for a question
    std::atomic<std::uint64_t> turns_{0};  // how often a thread came to wait for one

    std::mutex connections_mutex_;
    std::unordered_map<std::uint64_t, std::shared_ptr<Connection>> connections_;
    std::uint64_t last_connection_;

    std::list<Worker> workers_;         // the watchdog's, once it runs
    std::atomic<unsigned> surplus_{0};  // threads that may leave
    std::int64_t crowded_since_ = 0;    // the watchdog's: of more threads than there are places; 0: no
    std::thread watchdog_;
    std::uint64_t seen_turns_ = 0;        // the watchdog's
    std::int64_t rations_closed_at_ = 0;  // the watchdog's
    std::int64_t free_at_ = 0;            // the watchdog's: when a thread was last seen to have time
    std::mutex working_mutex_;
    std::condition_variable working_changed_;
    unsigned working_ = 0;
    std::vector<Desk*> desks_;  // of threads that work
};

}  // namespace gerve
