#include "gerve/ssh/connection.h"

#include <fcntl.h>
#include <libssh/callbacks.h>
#include <libssh/libssh.h>
#include <libssh/server.h>

#include "authz/base/tcp_options.h"
#include "gerve/ssh/channel.h"

namespace gerve::ssh {
namespace {

// What libssh reads per poll and recv: 64 of them per wake-up are 256 KB, then others have their turn.
constexpr std::uint64_t read_size = 4096;
constexpr int polls_per_turn = 64;

}  // namespace

struct Connection::Counters {
    ssh_counter_struct socket{};  // bytes as they cross the socket
    ssh_counter_struct raw{};     // bytes of whole packets; libssh wants both or neither
};

Connection::Connection(asio::io_context& loop, const ConnectionLimits& limits)
    : limits_(limits),
      socket_(loop),
      counters_(std::make_unique<Counters>()),
      news_(loop.get_executor()),
      rest_timer_(loop) {}

Connection::~Connection() {
    close(EndReason::destroyed, "destroyed");
}

Result<std::shared_ptr<Connection>> Connection::open(asio::io_context& loop, const ServerIdentity& identity,
                                                     Fd socket, const ConnectionLimits& limits) {
    std::shared_ptr<Connection> connection(new Connection(loop, limits));
    if (auto started = connection->start(identity, std::move(socket)); !started) return pass_on(started);
    return connection;
}

Result<void> Connection::start(const ServerIdentity& identity, Fd socket) {
    set_tcp_options(socket.get(), {.keepalive_every = std::chrono::seconds(30)});
    asio::error_code failed;
    Fd own(::fcntl(socket.get(), F_DUPFD_CLOEXEC, 0));
    if (!own) return internal_error(errno_text("dup"));
    socket_.assign(own.get(), failed);
    if (failed) return internal_error("event loop: " + failed.message());
    (void)own.release();
    session_ = ssh_new();
    event_ = ssh_event_new();
    if (session_ == nullptr || event_ == nullptr) return internal_error("libssh: out of memory");
    const bool process_config = false;
    ssh_options_set(session_, SSH_OPTIONS_PROCESS_CONFIG, &process_config);
    // "no" would still offer zlib@openssh.com.
    ssh_options_set(session_, SSH_OPTIONS_COMPRESSION_C_S, "none");
    ssh_options_set(session_, SSH_OPTIONS_COMPRESSION_S_C, "none");
    if (limits_.rekey_bytes != 0) ssh_options_set(session_, SSH_OPTIONS_REKEY_DATA, &limits_.rekey_bytes);
    if (ssh_bind_accept_fd(identity.bind(), session_, socket.get()) != SSH_OK) {
        return internal_error(std::string("libssh: ") + ssh_get_error(identity.bind()));
    }
    (void)socket.release();
    ssh_set_blocking(session_, 0);
    ssh_set_counters(session_, &counters_->socket, &counters_->raw);
    ssh_set_auth_methods(session_, SSH_AUTH_METHOD_PUBLICKEY);
    if (ssh_handle_key_exchange(session_) == SSH_ERROR) return client_error(ssh_get_error(session_));
    if (ssh_event_add_session(event_, session_) != SSH_OK)
        return internal_error("libssh: ssh_event_add_session");
    arm();
    return {};
}

void Connection::turn() {
    if (session_ == nullptr) return;
    const std::uint64_t received_before = received();
    for (int i = 0; i < polls_per_turn && pending_ == nullptr; ++i) {
        const std::uint64_t before = received();
        const int polled = ssh_event_dopoll(event_, 0);
        if (!logged_in_) collect_message();
        const std::uint64_t got = received() - before;
        if (polled != SSH_OK || !ssh_is_connected(session_) || got == 0) break;
        if (got < read_size && (logged_in_ || !write_pending())) break;
    }
    drain();
    const std::uint64_t got_in_all = received() - received_before;
    acknowledge(got_in_all);
    check_state();
    wake_channels();
    drop_closed_channels();
    consider_rest(got_in_all);
    arm();
}

std::uint64_t Connection::received() const {
    return counters_->socket.in_bytes;
}

std::uint64_t Connection::sent() const {
    return counters_->socket.out_bytes;
}

std::uint64_t Connection::packed() const {
    return counters_->raw.out_bytes;
}

std::uint64_t Connection::packets_received() const {
    return counters_->raw.in_packets;
}

void Connection::check_state() {
    if (session_ == nullptr) return;
    if (!ssh_is_connected(session_) || (ssh_get_status(session_) & (SSH_CLOSED | SSH_CLOSED_ERROR)) != 0) {
        const std::string error = ssh_get_error(session_);
        if (error.empty()) return close(EndReason::client_closed, "client closed the connection");
        close(EndReason::protocol, error);
    } else if (const Ending why = abuse(); why.reason != EndReason::open) {
        disconnect(why.reason, why.text);
    }
}

Ending Connection::abuse() const {
    if (!logged_in_) {
        if (asked_for_another_service_)
            return {EndReason::service, "There is no service but ssh-userauth, to be asked for once."};
        if (dropped_ > limits_.max_dropped)
            return {EndReason::login_packets, "Too many packets before login."};
    }
    if (!known_ && counters_->socket.in_bytes > limits_.bytes_before_login)
        return {EndReason::login_bytes, "Too many bytes before login."};
    if (!logged_in_) return {};
    if (channels_in_all_ > limits_.max_channels_in_all)
        return {EndReason::too_many_channels, "Too many sessions on one connection."};
    // What a client sends besides data is bounded by the data (window adjustments) and by time (keepalives).
    const auto age = std::chrono::steady_clock::now() - opened_;
    const auto seconds =
        static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::seconds>(age).count());
    if (counters_->raw.in_packets >
        4'000 + counters_->socket.out_bytes / 1'024 + data_bytes_in_ / 256 + 10 * seconds) {
        return {EndReason::useless, "Too many requests on one connection."};
    }
    return {};
}

ssh_channel_struct* Connection::on_channel_open(ssh_session_struct* /*session*/, void* self) {
    return static_cast<Connection*>(self)->accept_channel();
}

ssh_channel_struct* Connection::accept_channel() {
    ++channels_in_all_;
    if (closing_) return nullptr;
    if (channels_.size() >= limits_.max_channels) return nullptr;
    ssh_channel channel = ssh_channel_new(session_);
    if (channel == nullptr) return nullptr;
    channels_.push_back(std::make_shared<Channel>(*this, channel, limits_.max_env_requests));
    return channel;
}

asio::awaitable<std::shared_ptr<Channel>> Connection::next_request(Deadline deadline) {
    std::shared_ptr<Channel> channel;
    while (requests_.empty() && !ended()) {
        const bool in_time = co_await news_.wait(deadline);
        if (!in_time) co_return channel;
    }
    if (!requests_.empty()) {
        channel = std::move(requests_.front());
        requests_.pop_front();
    }
    co_return channel;
}

void Connection::wake_channels() {
    bool tiny_packets = false;
    for (const auto& channel : channels_) {
        if (std::exchange(channel->requested_, false)) {
            tiny_packets = tiny_packets || channel->tiny_packets();
            requests_.push_back(channel);
            news_.notify();
        }
        channel->wake();
    }
    if (tiny_packets)
        disconnect(EndReason::tiny_packets, "Packets as small as this client wants are not served.");
}

// To free a channel makes libssh write, and read what came meanwhile: a channel opened by that joins
// channels_. Whoever still holds one that is dropped may do so for longer than libssh's session lives.
void Connection::drop_closed_channels() {
    if (session_ == nullptr) return;
    const std::uint64_t before = received();
    std::vector<std::shared_ptr<Channel>> gone;
    for (auto& channel : channels_) {
        if (channel->gone()) gone.push_back(std::move(channel));
    }
    if (!gone.empty()) last_channel_end_ = std::chrono::steady_clock::now();
    std::erase(channels_, nullptr);
    for (const auto& channel : gone) channel->detach();
    if (!gone.empty()) pump(before);
}

void Connection::detach_channels() {
    closing_ = true;
    const auto channels = std::exchange(channels_, {});
    for (const auto& channel : channels) channel->detach();
}

bool Connection::open_channels() const {
    return !channels_.empty();
}

bool Connection::finished_before(Deadline then) const {
    return had_channels() && !open_channels() && !ended() && last_channel_end_ < then && !write_pending();
}

std::string Connection::client_version() const {
    const char* version = session_ == nullptr ? nullptr : ssh_get_clientbanner(session_);
    if (version == nullptr) return {};
    std::string_view text(version);
    if (text.starts_with("SSH-2.0-")) text.remove_prefix(8);
    return std::string(text.substr(0, 255));
}

std::string Connection::key_exchange() const {
    const char* name = session_ == nullptr ? nullptr : ssh_get_kex_algo(session_);
    return name == nullptr ? "" : name;
}

void Connection::disconnect(EndReason reason, const std::string& text) {
    if (session_ == nullptr) return;
    detach_channels();
    ssh_session_set_disconnect_message(session_, text.c_str());
    ssh_disconnect(session_);
    close(reason, text);
}

void Connection::close(EndReason reason, std::string why) {
    if (session_ == nullptr && event_ == nullptr) return;
    why_ = Ending{reason, std::move(why)};
    detach_channels();
    if (pending_ != nullptr) ssh_message_free(std::exchange(pending_, nullptr));
    asio::error_code ignored;
    rest_timer_.cancel();
    resting_.reset();
    socket_.close(ignored);
    if (event_ != nullptr) {
        if (session_ != nullptr) ssh_event_remove_session(event_, session_);
        ssh_event_free(std::exchange(event_, nullptr));
    }
    if (session_ != nullptr) ssh_free(std::exchange(session_, nullptr));
    news_.notify();
}

}  // namespace gerve::ssh
