#include "tests/bench/light_session.h"

#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace gerve::bench {

const char* to_string(Stage stage) {
    switch (stage) {
        case Stage::tcp_connect: return "tcp_connect";
        case Stage::key_exchange: return "key_exchange";
        case Stage::probe: return "probe";
        case Stage::authentication: return "authentication";
        case Stage::open_channel: return "open_channel";
        case Stage::exec: return "exec";
        case Stage::advertisement: return "advertisement";
        case Stage::held: return "held";
        case Stage::exit_status: return "exit_status";
        case Stage::done: return "done";
        case Stage::failed: return "failed";
    }
    return "?";
}

LightSession::LightSession(const Errand& errand, ssh_key key) : errand_(errand), key_(key) {
    connect_tcp();
    if (stage_ != Stage::failed) set_options();
}

LightSession::~LightSession() {
    if (channel_ != nullptr) ssh_channel_free(channel_);
    // A descriptor given by SSH_OPTIONS_FD is closed by libssh after an error, but not by ssh_disconnect.
    const bool still_open = fd_ >= 0 && (!libssh_has_fd_ || ssh_get_fd(session_) == fd_);
    if (session_ != nullptr) {
        if (libssh_has_fd_) ssh_disconnect(session_);
        ssh_free(session_);
    }
    if (still_open) close(fd_);
}

void LightSession::connect_tcp() {
    fd_ = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd_ < 0) {
        fail("socket", std::strerror(errno));
        return;
    }
    const int on = 1;
    // The client's own Nagle delay would be counted as the server's latency.
    setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    const auto* address = reinterpret_cast<const sockaddr*>(&errand_.server);
    if (connect(fd_, address, sizeof errand_.server) != 0 && errno != EINPROGRESS) {
        fail("tcp_connect", std::strerror(errno));
    }
}

void LightSession::set_options() {
    session_ = ssh_new();
    if (session_ == nullptr) {
        fail("memory", "ssh_new");
        return;
    }
    const int off = 0;
    ssh_set_blocking(session_, 0);
    ssh_options_set(session_, SSH_OPTIONS_PROCESS_CONFIG, &off);
    ssh_options_set(session_, SSH_OPTIONS_HOST, "127.0.0.1");
    ssh_options_set(session_, SSH_OPTIONS_USER, errand_.login.c_str());
    ssh_options_set(session_, SSH_OPTIONS_KEY_EXCHANGE, errand_.key_exchange.c_str());
    ssh_options_set(session_, SSH_OPTIONS_HOSTKEYS, "ssh-ed25519");
    ssh_options_set(session_, SSH_OPTIONS_CIPHERS_C_S, errand_.cipher.c_str());
    ssh_options_set(session_, SSH_OPTIONS_CIPHERS_S_C, errand_.cipher.c_str());
    // Keeps libssh from reading the invoking user's files once per connection.
    ssh_options_set(session_, SSH_OPTIONS_SSH_DIR, "/nonexistent");
    ssh_options_set(session_, SSH_OPTIONS_KNOWNHOSTS, "/dev/null");
    ssh_options_set(session_, SSH_OPTIONS_GLOBAL_KNOWNHOSTS, "/dev/null");
}

void LightSession::advance() {
    while (!finished() && step() == Step::forward) {
    }
}

void LightSession::give_up(const char* reason) {
    fail(reason, std::string("in stage ") + to_string(stage_));
}

bool LightSession::wants_write() const {
    if (stage_ == Stage::tcp_connect) return true;
    return libssh_has_fd_ && (ssh_get_poll_flags(session_) & SSH_WRITE_PENDING) != 0;
}

LightSession::Step LightSession::step() {
    switch (stage_) {
        case Stage::tcp_connect: return finish_tcp();
        case Stage::key_exchange: return exchange_keys();
        case Stage::probe: return offer_key();
        case Stage::authentication: return sign_in();
        case Stage::open_channel: return open_channel();
        case Stage::exec: return exec();
        case Stage::advertisement:
        case Stage::held: return read_advertisement();
        case Stage::exit_status: return await_exit_status();
        case Stage::done:
        case Stage::failed: break;
    }
    return Step::blocked;
}

LightSession::Step LightSession::finish_tcp() {
    int error = 0;
    socklen_t size = sizeof error;
    getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0) return fail("tcp_connect", std::strerror(error));
    sockaddr_in peer{};
    socklen_t peer_size = sizeof peer;
    if (getpeername(fd_, reinterpret_cast<sockaddr*>(&peer), &peer_size) != 0) return Step::blocked;
    ssh_options_set(session_, SSH_OPTIONS_FD, &fd_);
    libssh_has_fd_ = true;
    return go(Stage::key_exchange);
}

LightSession::Step LightSession::exchange_keys() {
    return after(ssh_connect(session_), errand_.probe ? Stage::probe : Stage::authentication);
}

LightSession::Step LightSession::offer_key() {
    const int answer = ssh_userauth_try_publickey(session_, nullptr, key_);
    if (answer == SSH_AUTH_AGAIN) return Step::blocked;
    return answer == SSH_AUTH_SUCCESS ? go(Stage::authentication) : fail_here();
}

LightSession::Step LightSession::sign_in() {
    const int answer = ssh_userauth_publickey(session_, nullptr, key_);
    if (answer == SSH_AUTH_AGAIN) return Step::blocked;
    return answer == SSH_AUTH_SUCCESS ? go(Stage::open_channel) : fail_here();
}

LightSession::Step LightSession::open_channel() {
    if (channel_ == nullptr) channel_ = ssh_channel_new(session_);
    if (channel_ == nullptr) return fail_here();
    return after(ssh_channel_open_session(channel_), Stage::exec);
}

LightSession::Step LightSession::exec() {
    return after(ssh_channel_request_exec(channel_, errand_.command.c_str()), Stage::advertisement);
}

LightSession::Step LightSession::read_advertisement() {
    std::array<char, 16384> buffer;
    const int got = ssh_channel_read_nonblocking(channel_, buffer.data(), buffer.size(), 0);
    if (got == SSH_EOF || ssh_channel_is_eof(channel_) != 0) return fail(to_string(stage_), "ended early");
    if (got < 0) return fail_here();
    if (got == 0) return Step::blocked;
    if (!scanner_.feed({buffer.data(), static_cast<std::size_t>(got)})) return Step::forward;
    if (scanner_.broken()) return fail("advertisement", "not a pkt-line stream");
    if (errand_.hold) return go(Stage::held);
    if (ssh_channel_write(channel_, "0000", 4) != 4) return fail_here();
    return go(Stage::exit_status);
}

LightSession::Step LightSession::await_exit_status() {
    // In a non-blocking session this reads what is there and returns -1 until the status has come.
    const int status = ssh_channel_get_exit_status(channel_);
    if (status == 0) return go(Stage::done);
    if (status > 0) return fail("exit_status", "exit status " + std::to_string(status));
    if (ssh_is_connected(session_) == 0 || ssh_channel_is_closed(channel_) != 0) return fail_here();
    return Step::blocked;
}

LightSession::Step LightSession::after(int code, Stage next) {
    if (code == SSH_AGAIN) return Step::blocked;
    return code == SSH_OK ? go(next) : fail_here();
}

LightSession::Step LightSession::go(Stage next) {
    stage_ = next;
    return Step::forward;
}

LightSession::Step LightSession::fail(const char* reason, const std::string& detail) {
    reason_ = reason;
    detail_ = detail;
    stage_ = Stage::failed;
    return Step::blocked;
}

LightSession::Step LightSession::fail_here() {
    return fail(to_string(stage_), ssh_get_error(session_));
}

}  // namespace gerve::bench
