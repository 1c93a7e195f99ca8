// One SSH session of the load generator: log in, exec a git service, read its advertisement, end it.
#pragma once

#include <libssh/libssh.h>
#include <netinet/in.h>

#include <chrono>
#include <string>

#include "tests/bench/pkt_scanner.h"

namespace gerve::bench {

using Clock = std::chrono::steady_clock;

/// What every session of one run does.
struct Errand {
    sockaddr_in server{};
    std::string login;
    std::string command;       ///< exec string, e.g. git-upload-pack 'o/r'
    std::string cipher;        ///< one SSH cipher name, used both ways
    std::string key_exchange;  ///< one SSH key exchange
    bool probe = false;        ///< offer the key before signing with it, as the OpenSSH client does
    bool hold = false;         ///< stop after the advertisement and leave the session open
};

enum class Stage {
    tcp_connect,
    key_exchange,
    probe,
    authentication,
    open_channel,
    exec,
    advertisement,
    held,
    exit_status,
    done,
    failed,
};

/// Short name of a stage, used as the reason of a failure that happened in it.
const char* to_string(Stage stage);

/// A non-blocking session, driven by advance() whenever its descriptor is ready. Not movable: libssh keeps
/// pointers into it.
class LightSession {
  public:
    /// The key is borrowed and outlives the session.
    LightSession(const Errand& errand, ssh_key key);
    ~LightSession();
    LightSession(const LightSession&) = delete;
    LightSession& operator=(const LightSession&) = delete;

    /// Goes as far as it can without blocking.
    void advance();
    /// Ends the session as failed, e.g. because its time is over.
    void give_up(const char* reason);

    int fd() const { return fd_; }
    /// Whether to be woken for writability as well: while connecting, and while libssh holds unsent bytes.
    bool wants_write() const;
    bool finished() const { return stage_ == Stage::done || stage_ == Stage::failed; }
    Stage stage() const { return stage_; }
    Clock::time_point started() const { return started_; }
    /// Why it failed, and what libssh or the kernel said about it. Empty unless failed.
    const std::string& reason() const { return reason_; }
    const std::string& detail() const { return detail_; }

  private:
    enum class Step { blocked, forward };

    void connect_tcp();
    void set_options();
    Step step();
    Step finish_tcp();
    Step exchange_keys();
    Step offer_key();
    Step sign_in();
    Step open_channel();
    Step exec();
    Step read_advertisement();
    Step await_exit_status();
    Step after(int code, Stage next);
    Step go(Stage next);
    Step fail(const char* reason, const std::string& detail);
    Step fail_here();

    const Errand& errand_;
    ssh_key key_;
    Clock::time_point started_ = Clock::now();
    Stage stage_ = Stage::tcp_connect;
    ssh_session session_ = nullptr;
    ssh_channel channel_ = nullptr;
    int fd_ = -1;
    bool libssh_has_fd_ = false;
    PktScanner scanner_;
    std::string reason_;
    std::string detail_;
};

}  // namespace gerve::bench
