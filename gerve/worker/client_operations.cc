#include "authz/base/clock.h"
#include "authz/base/log.h"
#include "authz/model/messages.h"
#include "gerve/relay/git_operation.h"
#include "gerve/worker/client_connection.h"

namespace gerve {

using ssh::Channel;
using std::chrono::steady_clock;

namespace {

Accounts::Kind kind_of_command(const std::string& command) {
    const auto git = parse_git_command(command);
    return git && is_lfs(git->service) ? Accounts::Kind::lfs : Accounts::Kind::git;
}

}  // namespace

// The front of an operation on a channel.
class SshFront final : public OperationFront {
  public:
    SshFront(ClientConnection& client, Channel& channel) : client_(client), channel_(channel) {}
    asio::awaitable<Result<Granted>> authorize(const AuthorizeRequest& question,
                                               SessionReport& report) override {
        return client_.authorize(question, report);
    }
    asio::awaitable<Result<SelfAnswer>> answer(const SelfRequest& question, SessionReport& report) override {
        return client_.tell_self(question, report);
    }
    void pushed(PushReport part) override { client_.worker_.authz.report(std::move(part)); }
    [[nodiscard]] ClientStreams& streams() override { return channel_; }
    [[nodiscard]] LiveLink& live() override { return client_.worker_.live; }

  private:
    ClientConnection& client_;
    Channel& channel_;
};

asio::awaitable<void> ClientConnection::serve(std::shared_ptr<Channel> channel) {
    const auto self = shared_from_this();
    const RequestId request = RequestId::make();
    if (!worker_.maintenance.empty()) co_return co_await tell_maintenance(std::move(channel));
    if (live_ && live_->ended()) co_return co_await tell_ended(std::move(channel));
    if (stage_ == Stage::over_limit) co_return co_await tell_limit(std::move(channel));
    if (!channel->command()) co_return co_await greet(*channel, request);
    SessionReport report{.handle = {}, .request = request, .client = client_};
    const auto started = steady_clock::now();
    const GaugeHold running(worker_.numbers.sessions);
    std::optional<Accounts::Operation> counted;
    if (seat_) {
        auto begun = seat_->begin(kind_of_command(*channel->command()));
        if (!begun) {
            report.handle = login_->found->handle;
            report.ended = OperationEnd::refused;
            report.exit = static_cast<int>(ExitStatus::unavailable);
            describe_command(*channel->command(), report);
            const std::string told = begun.error();
            co_await say(*channel, told);
            channel->finish(report.exit);
            tell_end(report);
            co_return;
        }
        counted.emplace(std::move(*begun));
    }
    SshFront front(*this, *channel);
    const GitWish wish{*channel->command(), channel->git_protocol()};
    co_await serve_git(front, wish, worker_.notice, worker_.file_servers, worker_.scratch, report);
    channel->finish(report.exit);
    report.bytes_in = channel->bytes_in();
    report.bytes_out = channel->bytes_out();
    report.duration_ms = static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::milliseconds>(steady_clock::now() - started).count());
    tell_end(report);
}

asio::awaitable<void> ClientConnection::tell_limit(std::shared_ptr<Channel> channel) {
    const std::string text = over_limit_;
    co_await say(*channel, text);
    channel->finish(static_cast<int>(ExitStatus::unavailable));
}

asio::awaitable<void> ClientConnection::tell_ended(std::shared_ptr<Channel> channel) {
    const std::string text = live_end_text(*live_->ended());
    co_await say(*channel, text);
    channel->finish(static_cast<int>(ExitStatus::failed));
}

// From now on authz hears of this connection, if it knows who is on it.
void ClientConnection::enter_live() {
    if (live_ || !login_->found) return;
    const LiveEntry entry{.handle = login_->found->handle, .client = client_, .id = client_.connection};
    live_.emplace(worker_.live, worker_.loop, connection_, entry);
}

void ClientConnection::tell_end(const SessionReport& report) {
    log_session(*login_, report);
    worker_.metrics.count_operation(report);
    if (!report.handle.empty()) worker_.authz.report(report);
}

// At once, or when it is known whose key logged in. It is no operation, so that clients that ask for none, or
// whose operation never ends, are recorded as well: `gerve host-key drop` relies on it.
bool ClientConnection::tell_learned() {
    auto learned = connection_->take_learned_host_keys();
    const bool news = !learned.empty();
    if (news) host_keys_learned_ = std::move(learned);
    if (host_keys_learned_.empty() || !login_->found) return news;
    SessionReport report{.handle = login_->found->handle,
                         .request = RequestId::make(),
                         .client = client_,
                         .service = "host-keys"};
    report.ended = OperationEnd::exit;
    report.host_keys_learned = std::exchange(host_keys_learned_, {});
    worker_.authz.report(std::move(report));
    return news;
}

void ClientConnection::tell_proof() {
    login_->proof_told = true;
    worker_.authz.report(ProofReport{login_->found->handle, login_->user, client_});
}

// The handle of a connection that lives long goes stale; a new lookup finds out whether the key still is
// one.
asio::awaitable<Result<KeyFound>> ClientConnection::principal() {
    // Out of reach a moment ago: the client has waited once, and is not made to wait for the same again.
    if (!last_lookup_.result && steady_clock::now() - last_lookup_.at < std::chrono::seconds(2)) {
        co_return pass_on(last_lookup_.result);
    }
    const bool was_told = login_->proof_told && login_->found;
    auto found = co_await look_up_again(was_told);
    if (!found) co_return pass_on(found);
    login_->proof_told = true;
    if (*found) {
        login_->found = **found;
        become_known();
        if (stage_ == Stage::over_limit) co_return fail(ErrorKind::unavailable, over_limit_, "over a limit");
        co_return **found;
    }
    // Let in while authz was away, and not known now that it is back: nothing was ever granted by that login.
    if (!login_->found)
        co_return unavailable("the key that logged in while authz was unreachable is not known");
    co_return fail(ErrorKind::denied, messages::withdrawn(), "the key is no longer known");
}

asio::awaitable<Result<Granted>> ClientConnection::authorize(const AuthorizeRequest& question,
                                                             SessionReport& report) {
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
        auto answer = co_await worker_.authz.ask(asked);
        const bool stale = answer && std::holds_alternative<StaleHandle>(*answer);
        if (!answer || stale) login_->proof_told = asked.proven_as.empty();
        if (!answer) co_return pass_on(answer);
        if (auto* granted = std::get_if<Granted>(&*answer)) co_return std::move(*granted);
        if (auto* refused = std::get_if<Refused>(&*answer)) {
            co_return fail(kind_of(*refused), refused->told, std::string(rule_name(refused->because)));
        }
    }
    co_return unavailable("authz reports every handle as stale");
}

asio::awaitable<Result<SelfAnswer>> ClientConnection::tell_self(const SelfRequest& question,
                                                                SessionReport& report) {
    SelfRequest asked = question;
    for (int round = 0; round < 2; ++round) {
        if (!login_->found || round > 0) {
            const auto fresh = co_await principal();
            if (!fresh) co_return pass_on(fresh);
        }
        if (owes_proof()) tell_proof();
        asked.handle = login_->found->handle;
        report.handle = asked.handle;
        auto answer = co_await worker_.authz.ask(asked);
        if (!answer) co_return pass_on(answer);
        if (auto* told = std::get_if<SelfAnswer>(&*answer)) co_return std::move(*told);
    }
    co_return unavailable("authz reports every handle as stale");
}

asio::awaitable<void> ClientConnection::greet(Channel& channel, const RequestId& request) {
    std::string text;
    int exit = static_cast<int>(ExitStatus::refused);
    if (!login_->found) {
        const auto fresh = co_await principal();
        if (!fresh) {
            const SessionReport report{.handle = {}, .request = request, .client = client_};
            text = refusal_text(fresh.error(), report);
            exit = exit_status_of(fresh.error().kind);
        }
    }
    if (text.empty() && login_->found) text = greeting_text(login_->found->key);
    if (owes_proof()) tell_proof();
    co_await say(channel, text);
    channel.finish(exit);
}

}  // namespace gerve
