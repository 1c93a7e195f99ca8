#include "authz/service/server.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "authz/base/clock.h"
#include "authz/base/log.h"
#include "authz/service/server_desk.h"

namespace gerve {
namespace {

constexpr std::size_t max_connections = 8192;
constexpr int slow_part = 4;          // of the deadline: a statement that takes longer is slow
constexpr int send_buffer = 1 << 20;  // bytes
constexpr int send_patience = 100;    // ms that a peer may keep a thread waiting
constexpr std::chrono::milliseconds descriptor_pause{20};  // when there are no file descriptors left
// Connections accepted at a time: a crowd at the door, or one stranger that comes again and again, must not
// keep a thread from the questions of those inside.
constexpr int accepts_per_turn = 8;
// Messages taken from one peer at a time: those that come to nothing hold up the questions taken before.
constexpr std::size_t max_messages_at_once = 2 * directory_sql::max_keys_at_once;

}  // namespace

bool send_authz_message(int socket, std::string_view message) {
    for (int round = 0; round < 2; ++round) {
        const ssize_t sent = ::send(socket, message.data(), message.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent >= 0) return true;
        if (errno == EINTR) continue;
        if (errno != EAGAIN && errno != ENOBUFS) return false;
        pollfd writable{socket, POLLOUT, 0};
        ::poll(&writable, 1, send_patience);
    }
    return false;
}

AuthzServer::AuthzServer(Fd listener, ServerParts parts)
    : listener_(std::move(listener)),
      parts_(std::move(parts)),
      metrics_(parts_.metrics != nullptr ? *parts_.metrics : own_metrics_),
      bulkheads_(parts_.threads, parts_.deadline / slow_part,
                 [this](unsigned turns) { tell_threads(turns); }),
      last_connection_(turn_id) {
    live_.tell_by([this](std::uint64_t peer, const LiveOrder& order) {
        const auto connection = find(peer);
        if (connection == nullptr) return false;
        const bool told = send_authz_message(connection->socket.get(), encode_reply(0, order));
        if (!told) forget(*connection);
        return told;
    });
    show_threads();
}

AuthzServer::~AuthzServer() {
    if (!stop(std::chrono::seconds(10))) log::error("a thread does not stop");
    if (watchdog_.joinable()) watchdog_.join();
    for (Worker& worker : workers_) worker.thread.join();
}

Result<void> AuthzServer::watch(int fd, std::uint64_t id, std::uint32_t events) {
    epoll_event event{};
    event.events = events;
    event.data.u64 = id;
    if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0)
        return internal_error(errno_text("epoll_ctl"));
    return {};
}

void AuthzServer::arm(int fd, std::uint64_t id) {
    epoll_event event{};
    event.events = EPOLLIN | EPOLLONESHOT;
    event.data.u64 = id;
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, fd, &event);
}

Result<void> AuthzServer::start() {
    epoll_ = Fd(::epoll_create1(EPOLL_CLOEXEC));
    stop_ = Fd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    turn_ = Fd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK | EFD_SEMAPHORE));
    if (!epoll_ || !stop_ || !turn_) return internal_error(errno_text("epoll or eventfd"));
    if (auto set = set_nonblocking(listener_.get(), true); !set) return set;
    if (auto watched = watch(stop_.get(), stop_id, EPOLLIN); !watched) return watched;
    if (auto watched = watch(turn_.get(), turn_id, EPOLLIN); !watched) return watched;
    if (auto watched = watch(listener_.get(), listener_id, EPOLLIN | EPOLLONESHOT); !watched) return watched;
    for (unsigned i = 0; i < parts_.threads; ++i) hire();
    free_at_ = monotonic_now();
    watchdog_ = std::thread([this] { keep_promises(); });
    return {};
}

// Under the old number: a thread that accepts meanwhile does so from one or the other.
Result<void> AuthzServer::replace_listener(const Fd& listener) {
    if (auto set = set_nonblocking(listener.get(), true); !set) return set;
    if (::dup3(listener.get(), listener_.get(), O_CLOEXEC) < 0) return internal_error(errno_text("dup3"));
    return watch(listener_.get(), listener_id, EPOLLIN | EPOLLONESHOT);
}

void AuthzServer::hire() {
    {
        const std::lock_guard lock(working_mutex_);
        ++working_;
    }
    Worker& worker = workers_.emplace_back();
    worker.thread = std::thread([this, &worker] { work(worker); });
}

bool AuthzServer::stop(std::chrono::milliseconds patience) {
    if (!stop_) return true;
    ::eventfd_write(stop_.get(), 1);
    std::unique_lock lock(working_mutex_);
    return working_changed_.wait_for(lock, patience, [this] { return working_ == 0; });
}

// A thread without a connection leaves the questions to those that have one, or are about to. When nobody is,
// all answer: unavailable, at once.
bool AuthzServer::stands_aside(const Desk& desk) const {
    return !desk.stands_in && !desk.directory && (live_links_ > 0 || connecting_ > 0);
}

// Empty: nothing came, it was the link's turn or a signal's.
std::span<const epoll_event> AuthzServer::wait_for_events(Desk& desk, std::span<epoll_event> events) {
    if (stands_aside(desk)) {
        pollfd stopped{stop_.get(), POLLIN, 0};
        events.front().data.u64 = stop_id;
        return events.first(::poll(&stopped, 1, desk.link.next_turn()) > 0 ? 1 : 0);
    }
    ++waiting_;
    ++turns_;
    const int ready =
        ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), desk.link.next_turn());
    --waiting_;
    return events.first(static_cast<std::size_t>(std::max(ready, 0)));
}

void AuthzServer::work(Worker& worker) {
    const auto own = std::make_unique<Desk>(*this);
    Desk& desk = *own;
    {
        const std::lock_guard lock(working_mutex_);
        desks_.push_back(&desk);
    }
    std::array<epoll_event, directory_sql::max_keys_at_once> room{};
    const auto is_end = [](const epoll_event& event) { return event.data.u64 == stop_id; };
    const auto may_leave = [this] {
        unsigned left = surplus_;
        return left > 0 && surplus_.compare_exchange_strong(left, left - 1);
    };
    while (!desk.abandoned && !may_leave()) {
        desk.maintain();
        const auto events = wait_for_events(desk, room);
        if (std::any_of(events.begin(), events.end(), is_end)) break;
        take(desk, events);
    }
    const std::lock_guard lock(working_mutex_);
    if (desk.directory && !desk.abandoned) count_links(-1);
    std::erase(desks_, &desk);
    --working_;
    worker.ended = true;
    working_changed_.notify_all();
}

void AuthzServer::accept_some() {
    for (int i = 0; i < accepts_per_turn; ++i) {
        Fd socket(::accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
        if (socket) {
            greet(std::move(socket));
        } else if (errno == EAGAIN) {
            break;
        } else if (errno != EINTR && errno != ECONNABORTED) {
            log_trouble("cannot accept", errno_text("accept"));
            std::this_thread::sleep_for(descriptor_pause);
            break;
        }
    }
    arm(listener_.get(), listener_id);
}

// A stranger is told nothing, and does not stay.
void AuthzServer::greet(Fd socket) {
    const Peer peer = parts_.peers.peer_of(socket.get());
    if (peer.kinds.none()) {
        log_trouble("a local connection was refused", peer, "its user is not listed in [authz]");
        (void)send_authz_message(socket.get(), encode_error(0, Error{ErrorKind::denied, "", ""}));
        return;
    }
    ::setsockopt(socket.get(), SOL_SOCKET, SO_SNDBUF, &send_buffer, sizeof send_buffer);
    const std::lock_guard lock(connections_mutex_);
    if (connections_.size() >= max_connections) {
        return log_trouble("a local connection was refused", peer, "too many connections");
    }
    const std::uint64_t id = ++last_connection_;
    const int number = socket.get();
    connections_.emplace(id, std::make_shared<Connection>(Connection{id, std::move(socket), peer}));
    if (auto watched = watch(number, id, EPOLLIN | EPOLLONESHOT); !watched) connections_.erase(id);
}

std::shared_ptr<AuthzServer::Connection> AuthzServer::find(std::uint64_t id) {
    const std::lock_guard lock(connections_mutex_);
    const auto found = connections_.find(id);
    return found == connections_.end() ? nullptr : found->second;
}

// The socket closes when the last thread that still answers on it lets go.
void AuthzServer::forget(const Connection& connection) {
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, connection.socket.get(), nullptr);
    ::shutdown(connection.socket.get(), SHUT_RDWR);
    {
        const std::lock_guard lock(connections_mutex_);
        connections_.erase(connection.id);
    }
    live_.forget(connection.id);
    metrics_.live.sessions.set(static_cast<std::int64_t>(live_.size()));
}

void AuthzServer::take(Desk& desk, std::span<const epoll_event> events) {
    for (const epoll_event& event : events) {
        if (event.data.u64 == listener_id) {
            accept_some();
        } else if (event.data.u64 == turn_id) {
            take_parked(desk);
        } else if (desk.takes_more()) {
            take_messages(desk, event.data.u64);
        } else if (const auto connection = find(event.data.u64)) {
            arm(connection->socket.get(), connection->id);  // another thread's
        }
    }
    answer_taken(desk);
}

void AuthzServer::take_messages(Desk& desk, std::uint64_t id) {
    const auto connection = find(id);
    if (connection == nullptr) return;
    const int socket = connection->socket.get();
    if (stands_aside(desk)) return arm(socket, id);  // somebody has got a connection meanwhile
    for (std::size_t taken = 0; taken < max_messages_at_once && desk.takes_more(); ++taken) {
        const ssize_t got = ::recv(socket, desk.buffer.data(), desk.buffer.size(), MSG_DONTWAIT);
        if (got < 0 && (errno == EAGAIN || errno == EINTR)) break;
        if (got <= 0) return forget(*connection);
        if (static_cast<std::size_t>(got) > max_authz_message) {
            log_trouble("a peer was disconnected", connection->peer, "its message is too large");
            return forget(*connection);
        }
        receive(desk, connection, std::string_view(desk.buffer).substr(0, static_cast<std::size_t>(got)));
    }
    arm(socket, id);
}

// Read and shown under one lock: the gauge ends at what was counted last.
void AuthzServer::show_threads() {
    const std::lock_guard lock(shown_mutex_);
    metrics_.threads.set(parts_.threads);
    metrics_.live_links.set(live_links_);
}

void AuthzServer::count_links(int change) {
    live_links_ += static_cast<unsigned>(change);
    show_threads();
    (change > 0 ? metrics_.links_opened : metrics_.links_dropped).add();
}

}  // namespace gerve
