#include "gerve/ssh/connection.h"

#include <libssh/callbacks.h>
#include <libssh/libssh.h>
#include <libssh/server.h>
#include <sys/eventfd.h>

#include "authz/base/clock.h"
#include "gerve/ssh/channel.h"
#include "gerve/ssh/negotiation.h"
#include "gerve/ssh/packet_fields.h"
#include "gerve/ssh/parting.h"

namespace gerve::ssh {
namespace {

// What one turn receives at most; then others have theirs.
constexpr std::uint64_t bytes_per_turn = 256 * 1024;
constexpr std::chrono::milliseconds time_per_turn{3};
constexpr std::size_t bulk_read = 64 * 1024;
constexpr std::size_t login_read = 16 * 1024;

thread_local CpuMeter cpu_meter;

// Before login, packets are taken one after the other while they have cost no more; then others have their
// turn.
constexpr std::chrono::microseconds cheap_packets{200};

}  // namespace

Connection::Connection(asio::io_context& loop, const ConnectionLimits& limits)
    : limits_(limits), socket_(loop), seam_(*this), news_(loop.get_executor()), rest_timer_(loop) {}

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
    asio::error_code failed;
    socket_.assign(socket.get(), failed);
    if (failed) return internal_error("event loop: " + failed.message());
    (void)socket.release();
    // libssh wants a descriptor, and closes it when it likes. Nothing ever happens on this one.
    Fd unused(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!unused) return internal_error(errno_text("eventfd"));
    identity_ = &identity;
    const Call call(*this);
    session_ = ssh_new();
    if (session_ == nullptr) return internal_error("libssh: out of memory");
    const bool process_config = false;
    ssh_options_set(session_, SSH_OPTIONS_PROCESS_CONFIG, &process_config);
    // "no" would still offer zlib@openssh.com.
    ssh_options_set(session_, SSH_OPTIONS_COMPRESSION_C_S, "none");
    ssh_options_set(session_, SSH_OPTIONS_COMPRESSION_S_C, "none");
    if (limits_.rekey_bytes != 0) ssh_options_set(session_, SSH_OPTIONS_REKEY_DATA, &limits_.rekey_bytes);
    if (ssh_bind_accept_fd(identity.bind(), session_, unused.get()) != SSH_OK) {
        return internal_error(std::string("libssh: ") + ssh_get_error(identity.bind()));
    }
    (void)unused.release();
    ssh_set_blocking(session_, 0);
    ssh_set_auth_methods(session_, SSH_AUTH_METHOD_PUBLICKEY);
    seam_.attach(session_);
    seam_.offer_certificates(identity.offer_certificates(unix_now()));
    if (ssh_handle_key_exchange(session_) == SSH_ERROR || !seam_.send_first_kexinit(session_))
        return internal_error(std::string("libssh: ") + ssh_get_error(session_));
    return {};
}

Connection::Call::Call(Connection& connection) : connection_(connection), inside_(connection.seam_) {
    if (connection.calls_++ == 0 && !connection.known_) began_ = cpu_meter.begin();
}

Connection::Call::~Call() {
    if (--connection_.calls_ != 0) return;
    if (began_) connection_.spend(cpu_meter.since(*began_));
    connection_.settle();
}

void Connection::spend(std::chrono::nanoseconds time) {
    cpu_before_login_ += time;
    if (known_) return;
    const std::string refused = limits_.spend ? limits_.spend(time) : "";
    if (!refused.empty()) return cut(EndReason::login_cpu, refused);
    if (cpu_before_login_ > limits_.cpu_before_login)
        cut(EndReason::login_cpu, "This login used too much CPU time. Use an ed25519 key.");
}

// libssh changes the state of a channel, and of the whole session, inside of calls that are about something
// else, and not all of it has a callback.
void Connection::settle() {
    if (session_ == nullptr) return;
    if (!seam_.send(wire())) gone_ = true;
    if (turning_) return;
    bool news = gone_ || cut_.reason != EndReason::open || ssh_is_connected(session_) == 0;
    for (const auto& channel : channels_) news = news || channel->gone();
    const bool woken = resting_ && seam_.unsent() > 0;
    if (woken) stop_resting();
    if (news || woken) turn_soon();
    arm();
}

void Connection::cut(EndReason reason, std::string text) {
    if (cut_.reason == EndReason::open) cut_ = Ending{reason, std::move(text)};
}

bool Connection::take_packet(std::uint8_t type, std::string_view payload) {
    if (cut_.reason != EndReason::open) return true;
    if (type == message::disconnect) client_left_ = true;
    if (!logged_in_) return take_packet_before_login(type, payload);
    if (type == message::global_request) take_global_request(payload);
    if (type == message::service_request) {
        cut(EndReason::service, "No service can be requested after login.");
        return true;
    }
    switch (traffic_.receive(type, payload)) {
        case Traffic::Verdict::serve:
            if (type == message::channel_data) deliver(payload);
            return type == message::channel_data;
        case Traffic::Verdict::drop: break;
        case Traffic::Verdict::window_exceeded:
            cut(EndReason::window, "The client sent more data than the channel window allows.");
            break;
        case Traffic::Verdict::tiny_packets:
            cut(EndReason::tiny_packets, "The maximum packet size of this client is too small.");
            break;
        case Traffic::Verdict::number_given_twice:
            cut(EndReason::protocol, "Two open channels have the same number.");
            break;
    }
    return true;
}

void Connection::note_sent(std::uint8_t type, std::string_view payload) {
    if (!keys_agreed_) note_key_exchange(type, payload);
    if (type == message::newkeys) keys_agreed_ = true;
    if (type == message::channel_open_confirmation) note_confirmation(payload);
    if (logged_in_) {
        traffic_.send(type, payload);
    } else if (type == message::unimplemented) {
        ++dropped_;
    }
}

void Connection::turn() {
    if (session_ == nullptr) return;
    const std::uint64_t received_before = received_;
    const std::uint64_t sent_before = sent();
    turning_ = true;
    const bool may_read = logged_in_ ? takes_its_answers() : !held_;
    if (may_read && logged_in_) {
        read_in_bulk();
    } else if (may_read) {
        read_before_login();
    } else if (!seam_.send(wire())) {
        gone_ = true;
    }
    turning_ = false;
    const std::uint64_t got = received_ - received_before;
    acknowledge(got, sent() != sent_before);
    check_state();
    wake_channels();
    drop_closed_channels();
    nudge(got);
    consider_rest(got);
    arm();
}

// One packet at a time: each may cost a signature or an exchange of keys, and others wait meanwhile. What
// costs little is answered together.
void Connection::read_before_login() {
    const auto began = std::chrono::steady_clock::now();
    Seam::Reading reading;
    const Call call(*this);
    do {
        reading = seam_.read(wire(), packets_left_ ? 0 : login_read, Seam::Portion::packet);
        answer_service_requests();
        received_ += reading.received;
        gone_ = gone_ || reading.ended;
        packets_left_ = reading.progress && reading.more;
    } while (packets_left_ && !held_ && cut_.reason == EndReason::open && !given_up() &&
             std::chrono::steady_clock::now() - began < cheap_packets);
    if (reading.more) turn_soon();
}

// Behind an answer to a request to log in, before which nothing is read.
void Connection::go_on() {
    if (seam_.holds_input()) return turn();
    check_state();
    arm();
}

void Connection::read_in_bulk() {
    const std::uint64_t before = received_;
    const auto began = std::chrono::steady_clock::now();
    bool more = true;
    while (more && received_ - before < bytes_per_turn) {
        const Call call(*this);
        const Seam::Reading reading = seam_.read(wire(), bulk_read, Seam::Portion::everything);
        received_ += reading.received;
        gone_ = gone_ || reading.ended;
        more = reading.more && takes_its_answers() && cut_.reason == EndReason::open &&
               ssh_is_connected(session_) != 0 && std::chrono::steady_clock::now() - began < time_per_turn;
    }
}

void Connection::check_state() {
    if (session_ == nullptr) return;
    if (cut_.reason != EndReason::open) return disconnect(cut_.reason, cut_.text);
    if (given_up()) return check_end();
    if (gone_) return close(EndReason::client_closed, "client closed the connection");
    if (const Ending why = abuse(); why.reason != EndReason::open) disconnect(why.reason, why.text);
}

bool Connection::given_up() const {
    return ssh_is_connected(session_) == 0 ||
           (ssh_get_status(session_) & (SSH_CLOSED | SSH_CLOSED_ERROR)) != 0;
}

void Connection::check_end() {
    const std::string error = ssh_get_error(session_);
    if (client_left_) return close(EndReason::client_closed, error);
    if (const Ending nothing_shared = failed_negotiation(error);
        !keys_agreed_ && nothing_shared.reason != EndReason::open) {
        seam_.gather(plain_disconnect(nothing_shared.text));
        return close(nothing_shared.reason, nothing_shared.text, Farewell::said);
    }
    if (error.empty() || gone_) return close(EndReason::client_closed, "client closed the connection");
    close(EndReason::protocol, error);
}

Ending Connection::abuse() const {
    if (!logged_in_) {
        if (dropped_ > limits_.max_dropped)
            return {EndReason::login_packets, "Too many packets before login."};
    }
    if (!known_ && received_ > limits_.bytes_before_login)
        return {EndReason::login_bytes, "Too many bytes before login."};
    if (!logged_in_) return {};
    if (channels_in_all_ > limits_.max_channels_in_all)
        return {EndReason::too_many_channels, "Too many sessions on one connection."};
    const auto age = std::chrono::steady_clock::now() - opened_;
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(age).count();
    if (traffic_.is_abuse(static_cast<std::uint64_t>(seconds)))
        return {EndReason::useless, "Too many requests on one connection."};
    return {};
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
    {
        const Seam::Inside inside(seam_);
        ssh_session_set_disconnect_message(session_, text.c_str());
        ssh_disconnect(session_);
    }
    close(reason, text, Farewell::said);
}

void Connection::close(EndReason reason, std::string why, Farewell farewell) {
    if (session_ == nullptr && !socket_.is_open()) return;
    why_ = Ending{reason, std::move(why)};
    detach_channels();
    release_attempt();
    stop_resting();
    rest_timer_.cancel();
    asio::error_code ignored;
    socket_.cancel(ignored);
    if (farewell == Farewell::said && socket_.is_open()) {
        (void)seam_.send(socket_.native_handle());
        part_with(std::move(socket_), seam_.take_unsent());
    }
    socket_.close(ignored);
    const Seam::Inside inside(seam_);
    if (session_ != nullptr) ssh_free(std::exchange(session_, nullptr));
    news_.notify();
}

}  // namespace gerve::ssh
