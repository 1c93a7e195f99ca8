#include "gerve/server/session.h"

#include <sys/socket.h>

#include <algorithm>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <optional>

#include "authz/base/clock.h"
#include "authz/base/digest.h"
#include "authz/base/log.h"
#include "authz/base/text.h"
#include "authz/model/messages.h"
#include "gerve/relay/git_session.h"
#include "gerve/server/login.h"
#include "gerve/ssh/channel.h"

namespace gerve {
namespace {

using ssh::AuthAttempt;
using ssh::Channel;
using ssh::Connection;
using std::chrono::steady_clock;

// A look-up is good for so long; within it, probe and signature of one key cost one look-up.
constexpr std::chrono::seconds lookup_lifetime{5};
// The audit trail hears of a proof with the first question of the connection, or without one after this time.
constexpr std::chrono::seconds proof_patience{2};

// To whoever was let in to be told of maintenance, and asks for something when it has ended.
constexpr const char* maintenance_over = "Maintenance is over. Try again.\n";

// GCC 12 miscompiles some coroutines: it destroys an aggregate built inside a co_await expression twice, and
// lays out the frame wrongly around `if (a && !co_await b)` and std::nullopt in a co_return. So arguments and
// results of co_await are named here, and conditions do not await.

class SshDoor;

class Session : public std::enable_shared_from_this<Session> {
  public:
    Session(WorkerContext& worker, std::shared_ptr<Connection> connection, std::string address)
        : worker_(worker), connection_(std::move(connection)) {
        client_.address = std::move(address);
        client_.connection = to_hex(random_bytes(8));
        client_.door = "gateway";
        worker_.connections.insert(connection_.get());
        show_connections();
    }
    ~Session() {
        worker_.connections.erase(connection_.get());
        show_connections();
    }
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;

    asio::awaitable<void> run(UnauthenticatedLimit::Place place);

  private:
    friend class SshDoor;
    asio::awaitable<std::optional<LoggedIn>> authenticate(Deadline deadline);
    asio::awaitable<std::optional<LoggedIn>> answer(const AuthAttempt& attempt);
    asio::awaitable<Result<std::optional<KeyFound>>> look_up(const std::string& user, const PublicKey& key,
                                                             bool proven);
    asio::awaitable<void> turn_away();
    asio::awaitable<void> tell_maintenance(std::shared_ptr<Channel> channel);
    asio::awaitable<void> serve(std::shared_ptr<Channel> channel);
    asio::awaitable<Result<KeyFound>> principal();
    asio::awaitable<void> greet(Channel& channel, const RequestId& request);
    asio::awaitable<Result<Granted>> authorize(const AuthorizeRequest& question, SessionReport& report);
    void tell_end(const SessionReport& report);
    [[nodiscard]] bool owes_proof() const { return login_->found && !login_->proof_told; }
    void tell_proof();
    void show_connections() {
        worker_.numbers.connections.set(static_cast<std::int64_t>(worker_.connections.size()));
    }
    void count_login();

    WorkerContext& worker_;
    std::shared_ptr<Connection> connection_;
    ClientContext client_;
    std::optional<LoggedIn> login_;
    bool turned_away_ = false;  // let in without a proof, to be told of maintenance
    LastLookup last_lookup_;
};

// One channel as a front door.
class SshDoor final : public Door {
  public:
    SshDoor(Session& session, Channel& channel) : session_(session), channel_(channel) {}
    asio::awaitable<Result<Granted>> authorize(const AuthorizeRequest& question,
                                               SessionReport& report) override {
        return session_.authorize(question, report);
    }
    [[nodiscard]] ClientStreams& streams() override { return channel_; }
    void note_upstream(const ServerName& server, bool reached, std::chrono::nanoseconds time) override {
        UpstreamNumbers& numbers = session_.worker_.metrics.upstream(server);
        (reached ? numbers.reached : numbers.failed).add();
        if (reached) numbers.connect_time.observe(time);
    }

  private:
    Session& session_;
    Channel& channel_;
};

asio::awaitable<void> Session::run(UnauthenticatedLimit::Place place) {
    const auto self = shared_from_this();
    login_ = co_await authenticate(steady_clock::now() + worker_.config.login_grace);
    count_login();
    if (turned_away_) co_return co_await turn_away();
    place.give_back();
    if (!login_) {
        if (!connection_->ended()) connection_->disconnect("Login took too long. Connect again.");
        co_return;
    }
    client_.version = connection_->client_version();
    while (!connection_->ended()) {
        const std::chrono::milliseconds patience =
            owes_proof() ? std::min<std::chrono::milliseconds>(worker_.config.idle_timeout, proof_patience)
                         : worker_.config.idle_timeout;
        auto channel = co_await connection_->next_request(steady_clock::now() + patience);
        if (channel != nullptr) {
            asio::co_spawn(worker_.loop, serve(std::move(channel)), asio::detached);
        } else if (owes_proof()) {
            tell_proof();
        } else if (!connection_->ended() && !connection_->open_channels()) {
            connection_->disconnect("Nothing was asked for a long time.");
        }
    }
}

// Nobody has logged in: the place among those who have not is kept, and so is a deadline.
asio::awaitable<void> Session::turn_away() {
    log::info("told of maintenance", {{"addr", client_.address}, {"client", client_.version}});
    const auto deadline = steady_clock::now() + worker_.config.login_grace;
    while (!connection_->ended()) {
        auto channel = co_await connection_->next_request(deadline);
        if (channel != nullptr) {
            asio::co_spawn(worker_.loop, tell_maintenance(std::move(channel)), asio::detached);
        } else if (!connection_->ended()) {
            connection_->disconnect("Closed for maintenance.");
        }
    }
}

asio::awaitable<void> Session::tell_maintenance(std::shared_ptr<Channel> channel) {
    const auto self = shared_from_this();
    const std::string text = worker_.maintenance.empty() ? maintenance_over : worker_.maintenance;
    co_await say(*channel, text);
    channel->finish(static_cast<int>(ExitStatus::unavailable));
}

void Session::count_login() {
    if (turned_away_) return worker_.metrics.count_login(LoginEnd::maintenance);
    if (!login_) return worker_.metrics.count_login(LoginEnd::abandoned);
    worker_.metrics.count_login(login_->found ? LoginEnd::accepted : LoginEnd::authz_away);
    worker_.metrics.count_key_exchange(connection_->key_exchange());
}

// Identity comes from a proven attempt and from nothing else; what was probed before it decides nothing.
asio::awaitable<std::optional<LoggedIn>> Session::authenticate(Deadline deadline) {
    unsigned tries = 0;
    while (true) {
        const bool asked = co_await connection_->wait_attempt(deadline);
        if (!asked) co_return std::nullopt;
        const AuthAttempt attempt = connection_->take_attempt();
        client_.version = connection_->client_version();
        if (++tries > worker_.config.max_auth_tries) {
            connection_->disconnect("Too many keys were offered. Name one with -i and IdentitiesOnly=yes.");
            co_return std::nullopt;
        }
        if (!worker_.maintenance.empty()) {
            turned_away_ = true;
            connection_->let_in_to_be_told();
            co_return std::nullopt;
        }
        auto login = co_await answer(attempt);
        if (login) co_return login;
    }
}

asio::awaitable<std::optional<LoggedIn>> Session::answer(const AuthAttempt& attempt) {
    const auto& logins = worker_.config.logins;
    if (!attempt.key || std::find(logins.begin(), logins.end(), attempt.user) == logins.end()) {
        log::debug("refused an attempt",
                   {{"addr", client_.address}, {"user", attempt.user}, {"why", attempt.refusal}});
        if (attempt.key) worker_.metrics.refused_keys.add();
        connection_->refuse_attempt();
        co_return std::nullopt;
    }
    const auto found = co_await look_up(attempt.user, *attempt.key, attempt.proven);
    if (connection_->ended()) co_return std::nullopt;
    if (found && !*found) {
        worker_.metrics.refused_keys.add();
        log::debug("unknown key", {{"addr", client_.address}, {"key", attempt.key->fingerprint().text()}});
        connection_->refuse_attempt();
        co_return std::nullopt;
    }
    if (!attempt.proven) {
        connection_->accept_probe();
        co_return std::nullopt;
    }
    LoggedIn login{attempt.user, *attempt.key, std::nullopt};
    if (found) login.found = **found;
    login.proof_told = last_lookup_.proven;
    connection_->accept_login();
    co_return login;
}

asio::awaitable<Result<std::optional<KeyFound>>> Session::look_up(const std::string& user,
                                                                  const PublicKey& key, bool proven) {
    const bool same = last_lookup_.user == user && last_lookup_.blob == key.blob();
    if (!same || steady_clock::now() - last_lookup_.at > lookup_lifetime) {
        const KeyRequest question{key, user, proven, client_};
        const Stopwatch watch(worker_.metrics.times(WorkerQuestion::key));
        last_lookup_.result = co_await worker_.authz.key(question);
        last_lookup_.user = user;
        last_lookup_.blob = key.blob();
        last_lookup_.proven = proven;
        last_lookup_.at = steady_clock::now();
    }
    co_return last_lookup_.result;
}

asio::awaitable<void> Session::serve(std::shared_ptr<Channel> channel) {
    const auto self = shared_from_this();
    const RequestId request = RequestId::make();
    if (!worker_.maintenance.empty()) co_return co_await tell_maintenance(std::move(channel));
    if (!channel->command()) co_return co_await greet(*channel, request);
    SessionReport report{.handle = {}, .request = request, .client = client_};
    const auto started = steady_clock::now();
    const GaugeHold running(worker_.numbers.sessions);
    SshDoor door(*this, *channel);
    const GitWish wish{*channel->command(), channel->git_protocol()};
    co_await serve_git(door, wish, worker_.notice, worker_.scratch, report);
    channel->finish(report.exit);
    report.bytes_in = channel->bytes_in();
    report.bytes_out = channel->bytes_out();
    report.duration_ms = static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::milliseconds>(steady_clock::now() - started).count());
    tell_end(report);
}

void Session::tell_end(const SessionReport& report) {
    log_session(*login_, report);
    worker_.metrics.count_operation(report);
    if (!report.handle.empty()) worker_.authz.report(report);
}

void Session::tell_proof() {
    login_->proof_told = true;
    worker_.authz.report(ProofReport{login_->found->handle, login_->user, client_});
}

// The handle of a connection that lives long goes stale; a new look-up finds out whether the key still is
// one.
asio::awaitable<Result<KeyFound>> Session::principal() {
    // Out of reach a moment ago: the client has waited once, and is not made to wait for the same again.
    if (!last_lookup_.result && steady_clock::now() - last_lookup_.at < std::chrono::seconds(2)) {
        co_return pass_on(last_lookup_.result);
    }
    const bool was_told = login_->proof_told && login_->found;
    const KeyRequest question{login_->key, login_->user, true, client_, was_told};
    auto found = co_await worker_.authz.key(question);
    if (!found) co_return pass_on(found);
    login_->proof_told = true;
    if (*found) {
        login_->found = **found;
        co_return **found;
    }
    // Let in while authz was away, and not known now that it is back: nothing was ever granted by that login.
    if (!login_->found) co_return unavailable("the key that logged in while authz was away is not known");
    co_return fail(ErrorKind::denied, messages::withdrawn(), "the key is not known any more");
}

asio::awaitable<Result<Granted>> Session::authorize(const AuthorizeRequest& question, SessionReport& report) {
    AuthorizeRequest asked = question;
    for (int round = 0; round < 2; ++round) {
        if (!login_->found || round > 0) {
            const auto fresh = co_await principal();
            if (!fresh) co_return pass_on(fresh);
        }
        asked.handle = login_->found->handle;
        report.handle = asked.handle;
        asked.proven_as = login_->proof_told ? "" : login_->user;
        login_->proof_told = true;
        const Stopwatch watch(worker_.metrics.times(WorkerQuestion::authorize));
        auto answer = co_await worker_.authz.authorize(asked);
        const bool stale = answer && std::holds_alternative<StaleHandle>(*answer);
        if (!answer || stale) login_->proof_told = asked.proven_as.empty();
        if (!answer) co_return pass_on(answer);
        if (auto* granted = std::get_if<Granted>(&*answer)) co_return std::move(*granted);
        if (auto* refused = std::get_if<Refused>(&*answer)) {
            co_return fail(kind_of(*refused), refused->told, std::string(rule_name(refused->because)));
        }
    }
    co_return unavailable("authz calls every handle stale");
}

asio::awaitable<void> Session::greet(Channel& channel, const RequestId& request) {
    std::string text;
    int exit = static_cast<int>(ExitStatus::refused);
    if (!login_->found) {
        const auto fresh = co_await principal();
        if (!fresh) {
            text = refusal_text(fresh.error(), request);
            exit = exit_status_of(fresh.error().kind);
        }
    }
    if (login_->found) text = greeting_text(login_->found->key);
    if (owes_proof()) tell_proof();
    co_await say(channel, text);
    channel.finish(exit);
}

}  // namespace

asio::awaitable<void> serve_connection(WorkerContext& worker, Fd socket, IpAddress peer) {
    const auto client = co_await worker.balancers.find_client(worker.loop, socket, peer);
    if (!client) {
        if (!client.error().told.empty()) worker.metrics.count_refused(ConnectionEnd::proxy_header);
        co_return;
    }
    const std::string address = client->text();
    UnauthenticatedLimit::Refusal refusal;
    auto place = worker.unauthenticated.admit(address, refusal);
    if (!place) {
        worker.metrics.count_refused(refusal.by_source ? ConnectionEnd::per_source : ConnectionEnd::in_all);
        co_return refuse_connection(socket, refusal.text, address);
    }
    const ssh::ConnectionLimits limits{.max_channels = worker.config.max_sessions,
                                       .rekey_bytes = worker.config.rekey_bytes};
    auto connection = Connection::open(worker.loop, worker.identity, std::move(socket), limits);
    if (!connection) {
        worker.metrics.count_refused(ConnectionEnd::failed);
        co_return log::warn("connection failed", {{"addr", address}, {"why", describe(connection.error())}});
    }
    worker.metrics.accepted.add();
    co_await std::make_shared<Session>(worker, std::move(*connection), address)->run(std::move(*place));
}

}  // namespace gerve
