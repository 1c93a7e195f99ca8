#include "gerve/ssh/connection.h"

#include <fcntl.h>
#include <libssh/callbacks.h>
#include <libssh/libssh.h>
#include <libssh/server.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <asio/post.hpp>

#include "authz/base/text.h"
#include "gerve/ssh/channel.h"

namespace gerve::ssh {
namespace {

// What libssh reads per poll and recv: 64 of them per wake-up are 256 KB, then others have their turn.
constexpr std::uint64_t read_size = 4096;
constexpr int polls_per_turn = 64;

// A turn that received more, or sent more, is no small question whose acknowledgement somebody waits for.
constexpr std::uint64_t small_talk = 16 * 1024;
constexpr std::chrono::milliseconds bulk_goes_on{50};

// How long a client whose last packet made no request may take to come up with one.
constexpr std::chrono::seconds unanswered_patience{3};

struct FreeString {
    void operator()(char* text) const { ssh_string_free_char(text); }
};

// The message queue is deprecated in favour of callbacks; but a callback has to answer at once, and our
// answer comes from another process.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

Result<PublicKey> key_of_message(ssh_message message) {
    ssh_key key = ssh_message_auth_pubkey(message);
    char* base64 = nullptr;
    if (key == nullptr || ssh_pki_export_pubkey_base64(key, &base64) != SSH_OK) {
        return client_error("a public key that libssh cannot read");
    }
    const std::unique_ptr<char, FreeString> owned(base64);
    const auto blob = from_base64(base64);
    if (!blob) return client_error("a public key that libssh cannot write");
    return PublicKey::parse_blob(*blob);
}

bool signature_verified(ssh_message message) {
    return ssh_message_auth_publickey_state(message) == SSH_PUBLICKEY_STATE_VALID;
}

#pragma GCC diagnostic pop

void set_socket_option(int fd, int level, int option, int value) {
    ::setsockopt(fd, level, option, &value, sizeof value);
}

void prepare_socket(int fd) {
    set_socket_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    set_socket_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
    set_socket_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, 60);
    set_socket_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, 30);
    set_socket_option(fd, IPPROTO_TCP, TCP_KEEPCNT, 4);
}

}  // namespace

struct Connection::Counters {
    ssh_counter_struct socket{};  // bytes as they cross the socket
    ssh_counter_struct raw{};     // bytes of whole packets; libssh wants both or neither
};

Connection::Connection(asio::io_context& loop, const ConnectionLimits& limits)
    : limits_(limits), socket_(loop), counters_(std::make_unique<Counters>()), news_(loop.get_executor()) {}

Connection::~Connection() {
    close("destroyed");
}

Result<std::shared_ptr<Connection>> Connection::open(asio::io_context& loop, const ServerIdentity& identity,
                                                     Fd socket, const ConnectionLimits& limits) {
    std::shared_ptr<Connection> connection(new Connection(loop, limits));
    if (auto started = connection->start(identity, std::move(socket)); !started) return pass_on(started);
    return connection;
}

Result<void> Connection::start(const ServerIdentity& identity, Fd socket) {
    prepare_socket(socket.get());
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
    const std::uint64_t received_before = counters_->socket.in_bytes;
    for (int i = 0; i < polls_per_turn && pending_ == nullptr; ++i) {
        const std::uint64_t before = counters_->socket.in_bytes;
        const int polled = ssh_event_dopoll(event_, 0);
        if (!logged_in_) collect_message();
        const std::uint64_t received = counters_->socket.in_bytes - before;
        if (polled != SSH_OK || !ssh_is_connected(session_) || received == 0) break;
        if (received < read_size && !write_pending()) break;
    }
    acknowledge(counters_->socket.in_bytes - received_before);
    note_drained();
    check_state();
    wake_channels();
    drop_closed_channels();
    arm();
}

// Does not stick: without it the client's Nagle waits 40 ms for our delayed acknowledgement. In bulk the
// kernel acknowledges soon enough by itself, or our own data carry it.
void Connection::acknowledge(std::uint64_t received) {
    if (received == 0) return;
    const auto now = std::chrono::steady_clock::now();
    const std::uint64_t sent = counters_->socket.out_bytes - sent_at_acknowledgement_;
    sent_at_acknowledgement_ = counters_->socket.out_bytes;
    if (received > small_talk || sent > small_talk) last_bulk_ = now;
    if (now - last_bulk_ < bulk_goes_on) return;
    set_socket_option(socket_.native_handle(), IPPROTO_TCP, TCP_QUICKACK, 1);
}

bool Connection::write_pending() const {
    return (ssh_get_poll_flags(session_) & SSH_WRITE_PENDING) != 0;
}

void Connection::note_drained() {
    if (!write_pending()) written_since_drained_ = 0;
}

// After every write libssh wants to see the socket writable, though mostly nothing is left to write: to look
// at once costs a poll, to wait for it a round through the event loop.
// The call that wrote may itself have read: `received` is what was received before it.
void Connection::pump(std::uint64_t received) {
    if (session_ == nullptr) return;
    if (write_pending()) {
        ssh_event_dopoll(event_, 0);
        note_drained();
    }
    if (this->received() != received || !ssh_is_connected(session_)) turn_soon();
    arm();
}

std::uint64_t Connection::received() const {
    return counters_->socket.in_bytes;
}

// What was read while writing wakes its readers from the event loop.
void Connection::turn_soon() {
    if (std::exchange(turn_posted_, true)) return;
    asio::post(socket_.get_executor(), [self = shared_from_this()] {
        self->turn_posted_ = false;
        self->turn();
    });
}

void Connection::arm() {
    if (session_ == nullptr) return;
    if (!waiting_read_ && pending_ == nullptr) {
        waiting_read_ = true;
        socket_.async_wait(asio::posix::stream_descriptor::wait_read,
                           [self = shared_from_this()](const asio::error_code& failed) {
                               self->waiting_read_ = false;
                               if (!failed) self->turn();
                           });
    }
    if (!waiting_write_ && write_pending()) {
        waiting_write_ = true;
        socket_.async_wait(asio::posix::stream_descriptor::wait_write,
                           [self = shared_from_this()](const asio::error_code& failed) {
                               self->waiting_write_ = false;
                               if (!failed) self->turn();
                           });
    }
}

void Connection::check_state() {
    if (session_ == nullptr) return;
    if (!ssh_is_connected(session_) || (ssh_get_status(session_) & (SSH_CLOSED | SSH_CLOSED_ERROR)) != 0) {
        const std::string error = ssh_get_error(session_);
        close(error.empty() ? "client closed the connection" : error);
    } else if (const char* why = abuse()) {
        disconnect(why);
    }
}

const char* Connection::abuse() const {
    if (!logged_in_) {
        if (asked_for_another_service_) return "There is no service but ssh-userauth, to be asked for once.";
        if (dropped_ > limits_.max_dropped) return "Too many packets before login.";
        if (counters_->socket.in_bytes > limits_.bytes_before_login) return "Too many bytes before login.";
        return nullptr;
    }
    if (channels_in_all_ > limits_.max_channels_in_all) return "Too many sessions on one connection.";
    // What a client sends besides data is bounded by the data (window adjustments) and by time (keepalives).
    const auto age = std::chrono::steady_clock::now() - opened_;
    const auto seconds =
        static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::seconds>(age).count());
    if (counters_->raw.in_packets >
        4'000 + counters_->socket.out_bytes / 1'024 + data_bytes_in_ / 256 + 10 * seconds) {
        return "Too many requests on one connection.";
    }
    return nullptr;
}

// libssh answers neither a wrong signature nor a malformed request: it drops the message, and the client
// would wait for the end of its login grace. A packet that made no message is such a one, or else the
// SSH_MSG_IGNORE that some clients send in front of each of their own: so wait_attempt() gives it a while.
void Connection::note_dropped() {
    if (packets_at_service_ == 0) return;
    const std::uint64_t known = packets_at_service_ + auth_requests_;
    const std::uint64_t dropped = counters_->raw.in_packets - std::min(counters_->raw.in_packets, known);
    if (dropped <= dropped_) return;
    dropped_ = dropped;
    unanswered_ = true;
    news_.notify();
}

void Connection::collect_message() {
    while (pending_ == nullptr && ssh_is_connected(session_)) {
        ssh_message message = ssh_message_get(session_);
        if (message == nullptr) return note_dropped();
        if (ssh_message_type(message) == SSH_REQUEST_AUTH) {
            ++auth_requests_;
            take_auth_request(message);
            return;
        }
        const char* service = ssh_message_service_service(message);
        if (service != nullptr && std::string_view(service) == "ssh-userauth" && packets_at_service_ == 0) {
            packets_at_service_ = counters_->raw.in_packets;
            ssh_message_service_reply_success(message);
        } else {
            asked_for_another_service_ = service != nullptr;
            ssh_message_reply_default(message);
        }
        ssh_message_free(message);
        if (asked_for_another_service_) return;
    }
}

void Connection::take_auth_request(ssh_message_struct* message) {
    pending_ = message;
    unanswered_ = false;
    // What came in front of it without making a request is settled.
    const std::uint64_t known = packets_at_service_ + auth_requests_;
    dropped_ = std::max(dropped_, counters_->raw.in_packets - std::min(counters_->raw.in_packets, known));
    AuthAttempt attempt;
    const char* user = ssh_message_auth_user(message);
    attempt.user = user == nullptr ? "" : user;
    if (ssh_message_subtype(message) == SSH_AUTH_METHOD_PUBLICKEY) {
        auto key = key_of_message(message);
        if (key) {
            attempt.key = std::move(*key);
            attempt.proven = signature_verified(message);
        } else {
            attempt.refusal = describe(key.error());
        }
    } else {
        attempt.refusal = "not the publickey method";
    }
    attempt_ = std::move(attempt);
    news_.notify();
}

asio::awaitable<bool> Connection::wait_attempt(Deadline deadline) {
    while (!attempt_ && !ended()) {
        const bool unanswered = unanswered_;
        const Deadline patience = std::chrono::steady_clock::now() + unanswered_patience;
        const bool in_time = co_await news_.wait(unanswered ? std::min(deadline, patience) : deadline);
        if (in_time) continue;
        if (unanswered) disconnect("The last request to log in was malformed, or its signature is wrong.");
        co_return false;
    }
    co_return !ended();
}

AuthAttempt Connection::take_attempt() {
    AuthAttempt attempt = std::move(*attempt_);
    attempt_.reset();
    return attempt;
}

void Connection::refuse_attempt() {
    if (pending_ == nullptr) return;
    ssh_message_auth_set_methods(pending_, SSH_AUTH_METHOD_PUBLICKEY);
    ssh_message_reply_default(pending_);
    ssh_message_free(std::exchange(pending_, nullptr));
    turn();
}

void Connection::accept_probe() {
    if (pending_ == nullptr) return;
    ssh_message_auth_reply_pk_ok_simple(pending_);
    ssh_message_free(std::exchange(pending_, nullptr));
    turn();
}

void Connection::accept_login() {
    if (pending_ == nullptr || !signature_verified(pending_)) return;
    let_in();
}

void Connection::let_in_to_be_told() {
    if (pending_ != nullptr) let_in();
}

void Connection::let_in() {
    callbacks_ = std::make_unique<ssh_server_callbacks_struct>();
    callbacks_->userdata = this;
    callbacks_->channel_open_request_session_function = on_channel_open;
    ssh_callbacks_init(callbacks_.get());
    ssh_set_server_callbacks(session_, callbacks_.get());
    logged_in_ = true;
    ssh_message_auth_reply_success(pending_, 0);
    ssh_message_free(std::exchange(pending_, nullptr));
    turn();
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
    for (const auto& channel : channels_) {
        if (std::exchange(channel->requested_, false)) {
            tiny_packets_ = tiny_packets_ || channel->tiny_packets();
            requests_.push_back(channel);
            news_.notify();
        }
        channel->wake();
    }
    if (tiny_packets_) disconnect("Packets as small as this client wants are not served.");
}

// To free a channel makes libssh write, and read what came meanwhile: a channel opened by that joins
// channels_.
void Connection::drop_closed_channels() {
    std::vector<std::shared_ptr<Channel>> gone;
    for (auto& channel : channels_) {
        if (channel->gone()) gone.push_back(std::move(channel));
    }
    if (!gone.empty()) last_channel_end_ = std::chrono::steady_clock::now();
    std::erase(channels_, nullptr);
}

void Connection::detach_channels() {
    closing_ = true;
    const auto channels = std::exchange(channels_, {});
    for (const auto& channel : channels) channel->detach();
}

bool Connection::open_channels() const {
    return !channels_.empty();
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

void Connection::disconnect(const std::string& text) {
    if (session_ == nullptr) return;
    detach_channels();
    ssh_session_set_disconnect_message(session_, text.c_str());
    ssh_disconnect(session_);
    close(text);
}

void Connection::close(std::string why) {
    if (session_ == nullptr && event_ == nullptr) return;
    why_ = std::move(why);
    detach_channels();
    if (pending_ != nullptr) ssh_message_free(std::exchange(pending_, nullptr));
    asio::error_code ignored;
    socket_.close(ignored);
    if (event_ != nullptr) {
        if (session_ != nullptr) ssh_event_remove_session(event_, session_);
        ssh_event_free(std::exchange(event_, nullptr));
    }
    if (session_ != nullptr) ssh_free(std::exchange(session_, nullptr));
    news_.notify();
}

}  // namespace gerve::ssh
