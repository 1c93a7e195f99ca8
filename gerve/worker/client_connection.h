// ClientConnection: all that one SSH connection of a client is to a worker.
#pragma once

#include <optional>

#include "gerve/ssh/channel.h"
#include "gerve/worker/live_connection.h"
#include "gerve/worker/logged_in.h"
#include "gerve/worker/worker_context.h"

namespace gerve {

// Where a connection is. It moves down this list, never up: authenticate() and run() move it as far as
// `proven`, become_known() from there. Before `known` it keeps the place, the deadline and the bounds of a
// client that has not logged in.
enum class Stage {
    authenticating,
    maintenance,  // accepted without a proof, to read the text; it goes no further
    proven,       // a key was proven while authz was away: whose it is is not known yet
    over_limit,   // the limits of its key or account are reached: it reads so, and goes no further
    known,        // served
};

class ClientConnection : public std::enable_shared_from_this<ClientConnection> {
  public:
    ClientConnection(WorkerContext& worker, std::shared_ptr<ssh::Connection> connection, std::string address);
    ~ClientConnection();
    ClientConnection(const ClientConnection&) = delete;
    ClientConnection& operator=(const ClientConnection&) = delete;

    asio::awaitable<void> run(UnauthenticatedLimit::Place place);
    // Behind run(): counts why the connection ended, and reports it unless that was the client's wish.
    void note_end();

  private:
    friend class SshFront;
    asio::awaitable<std::optional<LoggedIn>> authenticate(Deadline deadline);
    asio::awaitable<std::optional<LoggedIn>> answer(const ssh::AuthAttempt& attempt);
    asio::awaitable<Result<std::optional<KeyFound>>> look_up(const ssh::AuthAttempt& attempt);
    asio::awaitable<void> look_up_certificate(const ssh::AuthAttempt& attempt);
    void refuse_certificate(const ssh::AuthAttempt& attempt, const CertificateRefused& refused);
    [[nodiscard]] bool refuse_unverified(const ssh::AuthAttempt& attempt);  // false: it was not
    asio::awaitable<Result<std::optional<KeyFound>>> look_up_again(bool was_told);
    void note_refused_attempt(const ssh::AuthAttempt& attempt);
    void note_wrong_signature(const ssh::AuthAttempt& attempt);
    void note_untouched(const ssh::AuthAttempt& attempt);
    void tell_why(const ssh::AuthAttempt& attempt, bool wrong_login);
    void note_refusal(std::string_view reason, std::string_view text, std::string_view login = {});
    void report_end(std::string_view reason, std::string_view text);  // of a client that has logged in
    asio::awaitable<void> turn_away();
    [[nodiscard]] std::chrono::milliseconds patience() const;
    [[nodiscard]] bool is_known() const { return stage_ == Stage::known; }
    void become_known();
    asio::awaitable<void> end_unless_known();
    asio::awaitable<void> tell_maintenance(std::shared_ptr<ssh::Channel> channel);
    asio::awaitable<void> serve(std::shared_ptr<ssh::Channel> channel);
    asio::awaitable<Result<KeyFound>> principal();
    asio::awaitable<void> greet(ssh::Channel& channel, const RequestId& request);
    asio::awaitable<Result<Granted>> authorize(const AuthorizeRequest& question, SessionReport& report);
    asio::awaitable<Result<SelfAnswer>> tell_self(const SelfRequest& question, SessionReport& report);
    [[nodiscard]] bool owes_proof() const { return login_->found && !login_->proof_told; }
    void tell_proof();
    void tell_end(const SessionReport& report);
    bool tell_learned();  // whether the client had host keys proven since the last call
    asio::awaitable<void> tell_limit(std::shared_ptr<ssh::Channel> channel);
    asio::awaitable<void> tell_ended(std::shared_ptr<ssh::Channel> channel);
    void enter_live();
    void show_connections() {
        worker_.numbers.connections.set(static_cast<std::int64_t>(worker_.connections.size()));
    }
    void count_login();

    WorkerContext& worker_;
    std::shared_ptr<ssh::Connection> connection_;
    ClientContext client_;
    Stage stage_ = Stage::authenticating;
    std::optional<UnauthenticatedLimit::Place> place_;  // until it is known
    UnixMillis connected_at_ = unix_now();
    Deadline login_deadline_{};
    std::optional<LoggedIn> login_;
    std::optional<Accounts::Connection> seat_;  // of one that is known
    std::string over_limit_;                    // which limit, for the client
    std::optional<LiveConnection> live_;
    bool refused_ = false;     // an attempt, and that is written down
    bool asked_none_ = false;  // by the method "none", with which clients begin
    LastLookup last_lookup_;
    std::vector<std::string> host_keys_learned_;  // and not reported yet
};

// Serves an SSH connection from its first byte to its last. `peer` is the client, or a balancer that names
// the client in a PROXY header.
asio::awaitable<void> serve_connection(WorkerContext& worker, Fd socket, IpAddress peer);

}  // namespace gerve
