#include "gerve/worker/client_connection.h"

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
#include "gerve/relay/git_operation.h"
#include "gerve/ssh/channel.h"
#include "gerve/worker/arrival.h"

namespace gerve {
using ssh::AuthAttempt;
using ssh::Channel;
using ssh::Connection;
using ssh::EndReason;
using std::chrono::steady_clock;

namespace {

// A lookup is good for so long; within it, probe and signature of one key cost one lookup. Who signs after
// the key was touched, or a password typed, is looked up again: it may have been revoked meanwhile.
constexpr std::chrono::seconds probe_lifetime{5};
constexpr std::chrono::seconds proof_lifetime{1};
// The audit trail hears of a proof with the first question of the connection, or without one after this time.
constexpr std::chrono::seconds proof_patience{2};
// So long a connection beyond its account's limit has to ask for something, and to read that.
constexpr std::chrono::seconds limit_patience{10};

// How often each worker has the host keys that it announces recorded. `gerve check` counts on it.
constexpr std::chrono::hours announcement_every{1};

// Empty: they are on record, by a login not long ago.
std::vector<std::string> announced_if_due(WorkerContext& worker) {
    const auto now = steady_clock::now();
    if (now < worker.host_keys_told_again) return {};
    worker.host_keys_told_again = now + announcement_every;
    return worker.identity.announced();
}

// To whoever was let in to be told of maintenance, and asks for something when it has ended.
constexpr const char* maintenance_over = "Maintenance is over. Try again.\n";

}  // namespace

ClientConnection::ClientConnection(WorkerContext& worker, std::shared_ptr<Connection> connection,
                                   std::string address)
    : worker_(worker), connection_(std::move(connection)) {
    client_.address = std::move(address);
    client_.connection = to_hex(random_bytes(8));
    client_.door = Door::gateway;
    worker_.connections.insert(connection_.get());
    show_connections();
}

ClientConnection::~ClientConnection() {
    worker_.connections.erase(connection_.get());
    show_connections();
}

asio::awaitable<void> ClientConnection::run(UnauthenticatedLimit::Place place) {
    const auto self = shared_from_this();
    place_.emplace(std::move(place));
    place_->can_be_cut_by([connection = connection_] {
        connection->disconnect(EndReason::login_timeout,
                               "Other clients are waiting to log in. Connect again.");
    });
    login_deadline_ = steady_clock::now() + worker_.config.login_grace;
    login_ = co_await authenticate(login_deadline_);
    count_login();
    if (stage_ == Stage::maintenance) co_return co_await turn_away();
    if (!login_) {
        if (!connection_->ended())
            connection_->disconnect(EndReason::login_timeout, "Login took too long. Connect again.");
        co_return;
    }
    stage_ = Stage::proven;
    client_.version = connection_->client_version();
    if (login_->found) become_known();
    while (!connection_->ended()) {
        const bool was_known = is_known();
        const Deadline deadline = was_known ? steady_clock::now() + patience() : login_deadline_;
        auto channel = co_await connection_->next_request(deadline);
        const bool learned = tell_learned();
        if (channel != nullptr) {
            asio::co_spawn(worker_.loop, serve(std::move(channel)), asio::detached);
        } else if (learned && !connection_->ended()) {
            continue;
        } else if (owes_proof()) {
            tell_proof();
        } else if (was_known && !connection_->ended() && !connection_->open_channels()) {
            connection_->disconnect(EndReason::idle, "The connection was idle for too long.");
        }
        if (!was_known && steady_clock::now() >= deadline) co_await end_unless_known();
    }
    (void)tell_learned();
    if (owes_proof()) tell_proof();  // of a client that was gone before it was waited for
}

std::chrono::milliseconds ClientConnection::patience() const {
    const auto& idle = worker_.config.idle_timeout;
    return owes_proof() ? std::min<std::chrono::milliseconds>(idle, proof_patience) : idle;
}

void ClientConnection::become_known() {
    if (stage_ != Stage::proven) return;
    auto seat = worker_.accounts.enter(
        login_->found->key,
        [connection = connection_](const std::string& why) { connection->disconnect(EndReason::idle, why); });
    if (!seat) {
        stage_ = Stage::over_limit;
        over_limit_ = seat.error();
        login_deadline_ = std::min<Deadline>(login_deadline_, steady_clock::now() + limit_patience);
        return log::info("login over a limit", {{"addr", client_.address},
                                                {"who", name_of(login_->found->key.holder)},
                                                {"key", login_->key.fingerprint().text()},
                                                {"why", over_limit_}});
    }
    stage_ = Stage::known;
    seat_.emplace(std::move(*seat));
    place_.reset();
    connection_->lift_login_bounds();
    worker_.login_budget.give_back(client_.address, connection_->cpu_before_login());
    enter_live();
}

// Let in while authz was away, and the time to log in is over: authz is asked a last time.
asio::awaitable<void> ClientConnection::end_unless_known() {
    if (stage_ == Stage::proven && !connection_->ended()) (void)co_await principal();
    if (is_known() || connection_->ended()) co_return;
    const std::string why = stage_ == Stage::over_limit ? over_limit_ : messages::cannot_check();
    connection_->disconnect(EndReason::login_timeout, std::string(trim(why)));
}

// Nobody has logged in: the place among those who have not is kept, and so is a deadline.
asio::awaitable<void> ClientConnection::turn_away() {
    note_refusal("maintenance", "");
    while (!connection_->ended()) {
        auto channel = co_await connection_->next_request(login_deadline_);
        if (channel != nullptr) {
            asio::co_spawn(worker_.loop, tell_maintenance(std::move(channel)), asio::detached);
        }
        if (!connection_->ended() && steady_clock::now() >= login_deadline_) {
            connection_->disconnect(EndReason::maintenance, "Closed for maintenance.");
        }
    }
}

asio::awaitable<void> ClientConnection::tell_maintenance(std::shared_ptr<Channel> channel) {
    const auto self = shared_from_this();
    const std::string text = worker_.maintenance.empty() ? maintenance_over : worker_.maintenance;
    co_await say(*channel, text);
    channel->finish(static_cast<int>(ExitStatus::unavailable));
}

void ClientConnection::count_login() {
    if (stage_ == Stage::maintenance) return worker_.metrics.count_login(LoginEnd::maintenance);
    if (!login_) return worker_.metrics.count_login(LoginEnd::abandoned);
    worker_.metrics.count_login(login_->found ? LoginEnd::accepted : LoginEnd::authz_away);
    worker_.metrics.count_key_exchange(connection_->key_exchange());
}

// Identity comes from a proven attempt and from nothing else; what was probed before it decides nothing.
asio::awaitable<std::optional<LoggedIn>> ClientConnection::authenticate(Deadline deadline) {
    unsigned tries = 0;
    while (true) {
        const bool asked = co_await connection_->wait_attempt(deadline);
        if (!asked) co_return std::nullopt;
        const AuthAttempt attempt = connection_->take_attempt();
        client_.version = connection_->client_version();
        if (++tries > worker_.config.max_auth_tries) {
            connection_->disconnect(EndReason::too_many_keys,
                                    "Too many keys were offered. Choose one with -i and IdentitiesOnly=yes.");
            co_return std::nullopt;
        }
        if (!worker_.maintenance.empty()) {
            stage_ = Stage::maintenance;
            connection_->let_in_to_be_told();
            co_return std::nullopt;
        }
        auto login = co_await answer(attempt);
        if (login) co_return login;
    }
}

asio::awaitable<std::optional<LoggedIn>> ClientConnection::answer(const AuthAttempt& attempt) {
    const auto& logins = worker_.config.logins;
    if (!attempt.key || std::find(logins.begin(), logins.end(), attempt.user) == logins.end()) {
        note_refused_attempt(attempt);
        connection_->refuse_attempt();
        co_return std::nullopt;
    }
    const auto found = co_await look_up(attempt);
    if (connection_->ended()) co_return std::nullopt;
    // Who is told why their certificate does not count has to prove its key first.
    const std::optional<CertificateRefused>& refused = last_lookup_.refused;
    if (found && !*found && !refused) {
        worker_.metrics.refused_keys.add();
        worker_.metrics.count_attempt(GatewayMetrics::unknown_key);
        refused_ = true;  // authz has written it down
        connection_->refuse_attempt();
        co_return std::nullopt;
    }
    if (!attempt.has_signature) {
        connection_->accept_probe();
        co_return std::nullopt;
    }
    if (!connection_->verify_attempt()) {
        note_wrong_signature(attempt);
        connection_->refuse_attempt();
        co_return std::nullopt;
    }
    if (refused) {
        refuse_certificate(attempt, *refused);
        co_return std::nullopt;
    }
    // While authz is away, an exception for this key is not known: it has to be touched.
    const bool needs_no_touch = found && *found && (*found)->key.no_touch_required;
    if (attempt.key->is_security_key() && !needs_no_touch && !(attempt.use && attempt.use->touched())) {
        note_untouched(attempt);
        connection_->refuse_attempt();
        co_return std::nullopt;
    }
    if (attempt.certificate && refuse_unverified(attempt)) co_return std::nullopt;
    client_.security_key = attempt.use;
    if (attempt.use) client_.connected_at = connected_at_;
    client_.host_key = connection_->host_key();
    if (found && *found) client_.host_keys_announced = announced_if_due(worker_);
    client_.key_exchange = connection_->key_exchange();
    LoggedIn login{attempt.user, *attempt.key, std::nullopt};
    if (attempt.certificate) login.certificate = attempt.certificate->blob();
    if (found) login.found = **found;
    connection_->accept_login();
    co_return login;
}

asio::awaitable<Result<std::optional<KeyFound>>> ClientConnection::look_up(const AuthAttempt& attempt) {
    const std::string& blob = attempt.certificate ? attempt.certificate->blob() : attempt.key->blob();
    const bool same = last_lookup_.user == attempt.user && last_lookup_.blob == blob;
    const auto lifetime = attempt.has_signature ? proof_lifetime : probe_lifetime;
    if (!same || steady_clock::now() - last_lookup_.at > lifetime) {
        const Stopwatch watch(worker_.metrics.times(WorkerQuestion::key));
        last_lookup_.refused.reset();
        if (attempt.certificate) {
            co_await look_up_certificate(attempt);
        } else {
            const KeyRequest question{*attempt.key, attempt.user, false, client_};
            last_lookup_.result = co_await worker_.authz.ask(question);
        }
        last_lookup_.user = attempt.user;
        last_lookup_.blob = blob;
        last_lookup_.at = steady_clock::now();
    }
    co_return last_lookup_.result;
}

constexpr ArrivalDoor ssh_door{Door::gateway, refuse_connection};

asio::awaitable<void> serve_connection(WorkerContext& worker, Fd socket, IpAddress peer) {
    const auto client = co_await find_client(worker, socket, peer, ssh_door);
    if (!client) co_return;
    const std::string address = *client;
    auto place = admit(worker, socket, address, ssh_door);
    if (!place) co_return;
    if (const std::string refused = worker.login_budget.refusal(address, steady_clock::now());
        !refused.empty()) {
        worker.metrics.count_refused(ConnectionEnd::cpu);
        const ClientContext client_context{address, "", "", ssh_door.name};
        worker.refusals.note(client_context, "limit-cpu", refused);
        co_return refuse_connection(socket, refused);
    }
    ssh::ConnectionLimits limits{.max_channels = worker.config.max_sessions,
                                 .rekey_bytes = worker.config.rekey_bytes};
    limits.spend = [&worker, address](std::chrono::nanoseconds cost) {
        worker.login_budget.spend(address, cost, steady_clock::now());
        return worker.login_budget.refusal(address, steady_clock::now());
    };
    auto connection = Connection::open(worker.loop, worker.identity, std::move(socket), limits);
    if (!connection) {
        worker.metrics.count_refused(ConnectionEnd::failed);
        worker.refusals.note({address, "", "", ssh_door.name}, "internal", describe(connection.error()));
        co_return;
    }
    worker.metrics.accepted.add();
    const auto served = std::make_shared<ClientConnection>(worker, std::move(*connection), address);
    co_await served->run(std::move(*place));
    served->note_end();
}

}  // namespace gerve
