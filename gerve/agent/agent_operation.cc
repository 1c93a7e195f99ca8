#include "gerve/agent/agent_operation.h"

#include <asio/redirect_error.hpp>
#include <asio/use_awaitable.hpp>
#include <exception>

#include "authz/base/rationed_log.h"
#include "authz/base/text.h"
#include "gerve/agent/administration.h"
#include "gerve/agent/hg/hg_program.h"
#include "gerve/agent/repository/environment.h"

namespace gerve {
namespace {

using namespace std::chrono_literals;
using grv1::FailCode;
using grv1::FrameType;

// How long a peer may take to close after it was sent the last frame.
constexpr auto goodbye = 2000ms;

// A git that has not written by then is under way all the same: upload-archive waits for its client first.
constexpr auto start_time = 500ms;

// Between two attempts to start git while the system is short of something.
constexpr auto shortage_pause = 50ms;

// The lowest priority: a dozen clones may run fifty threads, and each of them gets its share.
constexpr int niceness_of_strangers = 19;

std::vector<std::string> git_arguments(const Operation& operation) {
    const ServiceRow* row = find_row(operation.service);
    if (row == nullptr) return fsck_arguments(operation.path);
    std::vector<std::string> arguments;
    for (const std::string_view word : split(row->git, ' ')) arguments.emplace_back(word);
    arguments.push_back(operation.path);
    return arguments;
}

TurnLimits turn_limits(const AgentConfig& config, const DescriptorBudget& budget, bool lfs) {
    const unsigned lanes = config.thread_count();
    const OperationLimits limits =
        lfs ? config.lfs_limits(budget.operations) : config.operation_limits(share_of_git(budget.operations));
    return {limits, (config.starting_limit() + lanes - 1) / lanes, config.limits.queue_timeout};
}

// Why its turn did not come. The text of an account's limit reaches the client.
Refusal no_turn(OperationCount::Verdict verdict, const OperationLimits& limits) {
    const bool of_account = verdict == OperationCount::Verdict::account_full;
    if (!of_account && verdict != OperationCount::Verdict::key_full)
        return refuse(FailCode::busy, "timed out in the queue").value();
    Refusal refusal = refuse(FailCode::account_limit, "timed out in the queue").value();
    refusal.fail.text = of_account ? std::to_string(limits.per_account) + " operations of one account"
                                   : std::to_string(limits.per_key) + " operations of one key";
    return refusal;
}

// An order about large files that takes as long as the history is.
bool reads_history(const Operation& operation) {
    return operation.admin == AdminAction::large_files && operation.order == "lfs-prune";
}

std::string service_text(const Open& open) {
    if (open.service != Service::admin) return std::string(service_name(open.service));
    return "admin " + open.admin;
}

log::Level level_of(FailCode code) {
    switch (code) {
        case FailCode::busy:
        case FailCode::account_limit:
        case FailCode::draining:
        case FailCode::standby:
        case FailCode::no_such_repository: return log::Level::info;
        case FailCode::storage:
        case FailCode::spawn: return log::Level::error;
        default: return log::Level::warn;
    }
}

}  // namespace

AgentOperation::AgentOperation(Lane& lane, Fd socket, Peer peer)
    : lane_(lane),
      config_(lane.state.config()),
      connection_(std::make_shared<GatewayConnection>(lane.loop, std::move(socket), peer.unix_socket)),
      peer_(std::move(peer)),
      stranger_(ration_source(peer_)),
      deadline_(lane.loop),
      disk_(lane.loop),
      siblings_(lane.loop) {
    ++lane_.state.connections;
    lane_.operations.insert(this);
}

AgentOperation::~AgentOperation() {
    leave_handshakes();
    lane_.operations.erase(this);
    --lane_.state.connections;
}

// A peer that is refused keeps its place until its connection has ended: its descriptor is taken until then.
void AgentOperation::leave_handshakes() {
    if (std::exchange(in_handshakes_, false)) lane_.state.handshakes.leave(peer_.source);
}

asio::awaitable<void> AgentOperation::run() {
    const auto self = shared_from_this();
    try {
        co_await serve();
    } catch (const std::exception& error) {
        log::error("session failed", {{"request", request_}, {"peer", peer_.name}, {"error", error.what()}});
        if (relay_) relay_->lose_peer("an internal error of the agent");
    }
    deadline_.cancel();
    connection_->cut();
}

asio::awaitable<void> AgentOperation::serve() {
    deadline_.arm(config_->limits.handshake_timeout, [this] {
        timed_out_ = true;
        connection_->interrupt();
    });
    const Admitted<ReceivedOpen> received = co_await receive_open();
    awaits_open_ = false;
    deadline_.cancel();
    if (!received) co_return co_await tell(received.error());
    request_ = to_hex(received->open.request_id);
    takes_report_ = received->open.takes_report;
    what_ = service_text(received->open) + " " + received->open.storage_path;
    const Admitted<Operation> operation = co_await admit(*received);
    if (!operation) co_return co_await tell(operation.error());
    if (!operation->hooks_problem.empty())
        co_return co_await refuse_push(*operation, operation->hooks_problem);
    if (!place_.hooks_problem.empty()) co_return co_await refuse_push(*operation, place_.hooks_problem);
    Claimant claimant = claimant_of(received->open);
    // A push waits for the sessions of its client's git-lfs: they have places of their own.
    const bool lfs = is_lfs(operation->service);
    const TurnLimits limits = turn_limits(*config_, lane_.state.budget, lfs);
    Gate& gate = lfs ? lane_.lfs_gate : lane_.gate;
    auto entered = co_await gate.enter(std::move(claimant), limits);
    if (!entered) {
        lane_.state.nonces.forget(received->open.nonce);
        co_return co_await tell(no_turn(entered.error(), limits.operations));
    }
    std::optional<Gate::Turn> turn(std::move(*entered));
    if (connection_->peer_is_gone()) {
        log::info("the gateway disconnected while the operation was queued",
                  {{"request", request_}, {"what", what_}});
        co_return;
    }
    const bool blocking = operation->admin != AdminAction::none && operation->admin != AdminAction::fsck;
    // Its threads are limit enough: an order that takes hours is not one of those that are about to start.
    if (blocking) turn->started();
    if (blocking) co_return co_await administer(*operation);
    co_await run_git(*operation, turn);
}

void AgentOperation::drain() {
    if (awaits_open_) connection_->interrupt();
}

void AgentOperation::end(const std::string& reason) {
    disk_.give_up();
    if (relay_ && !delivering_) {
        relay_->lose_peer(reason);
    } else {
        connection_->cut();
    }
}

// ---- the operation

// A shortage passes when others have ended, so it is waited for like a turn.
asio::awaitable<void> AgentOperation::run_git(const Operation& operation, std::optional<Gate::Turn>& turn) {
    GitEnvironment environment = operation.environment;
    add_settings(environment, place_.settings, {operation.who, request_});
    const bool lfs = is_lfs(operation.service);
    // What the gateway sets for git limits git alone.
    if (!lfs && (place_.kind == RepositoryKind::hg || !environment.sets(".maxinputsize"))) {
        auto room = co_await find_room(operation);
        if (!room) co_return co_await tell(room.error());
        allowance_ = std::move(*room);
        if (allowance_) limit_input(environment, allowance_->bytes);
    }
    if (place_.hooks) lfs::add_hooks(environment, *place_.hooks);
    auto start = start_of(operation, environment);
    if (!start) co_return co_await tell(refuse(FailCode::busy, describe(start.error())).value());
    const auto give_up = std::chrono::steady_clock::now() + config_->limits.queue_timeout;
    while (true) {
        auto git = GitProcess::start(*start);
        if (git) start->files.clear();  // else it holds more descriptors than the budget has for it
        if (git) co_return co_await relay_git(operation, turn, std::move(*git));
        const bool passes = git.error().kind == ErrorKind::unavailable;
        const bool over = std::chrono::steady_clock::now() >= give_up;
        if (!passes || over) {
            const FailCode code = passes ? FailCode::busy : FailCode::spawn;
            co_return co_await tell(refuse(code, describe(git.error())).value());
        }
        if (connection_->peer_is_gone()) co_return;
        co_await pause(shortage_pause);
    }
}

// Error: unavailable.
Result<GitStart> AgentOperation::start_of(const Operation& operation, const GitEnvironment& environment) {
    if (is_lfs(operation.service)) return lfs_start(operation);
    if (operation.admin != AdminAction::none && place_.kind == RepositoryKind::hg)
        return hg::verify_start(config_->hg, operation.path);
    if (place_.kind == RepositoryKind::hg) {
        // One without room can still be read.
        const bool is_full = allowance_ && allowance_->bytes < hg::least_room;
        const std::string refusal = is_full ? allowance_->told(operation.repo) : operation.write_refusal;
        auto session = hg::make_session(config_->hg, operation, trim(refusal));
        if (!session) return pass_on(session);
        hg_ = std::move(*session);
        hg_.start.open_files = lane_.state.open_files;
        return std::move(hg_.start);
    }
    return GitStart{config_->git,
                    git_arguments(operation),
                    environment.lines(),
                    lane_.state.open_files,
                    operation.yields ? niceness_of_strangers : 0,
                    needs_write(operation.service)};
}

asio::awaitable<void> AgentOperation::pause(std::chrono::milliseconds time) {
    asio::steady_timer timer(lane_.loop, time);
    std::error_code ignored;
    co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
}

asio::awaitable<void> AgentOperation::relay_git(const Operation& operation, std::optional<Gate::Turn>& turn,
                                                GitProcess git) {
    const bool writes = needs_write(operation.service);
    const bool pushes = operation.service == Service::receive_pack;
    relay_ = std::make_shared<GitRelay>(lane_.loop, lane_.buffers, connection_, std::move(git),
                                        writes ? Abandoned::finishes : Abandoned::ended,
                                        RelayLimits{config_->limits.grace, config_->limits.abandoned_push});
    deadline_.arm(start_time, [&turn] { turn->started(); });
    const std::string open_ok = grv1::encode_open_ok(grv1_version);
    const bool opened = co_await connection_->send(open_ok);
    if (!opened) relay_->lose_peer("the gateway stopped reading");
    const auto reader = std::make_shared<OperationReader>(operation.service);
    Watchers watchers = reader->watchers();
    join_siblings(operation, watchers);
    watch_size(operation, watchers);
    if (hg_.notes) watchers.has_written = [notes = hg_.notes] { return hg::has_written(*notes); };
    relay_->watch(std::move(watchers));
    grv1::Exit report = co_await relay_->run([this, &turn] {
        deadline_.cancel();
        turn->started();
    });
    leave_siblings(operation, report);
    if (pushes) co_await finish_push(operation, reader->push());
    facts_ = co_await find_facts(operation, report, *reader);
    co_await keep_lost(operation, reader->push());
    report = co_await tell_limit(operation, report);
    if (operation.admin == AdminAction::fsck && place_.kind == RepositoryKind::git)
        report = co_await tell_leftovers(operation, report);
    turn.reset();  // git is gone; how long the gateway takes to close is nobody's wait
    const std::string told = takes_report_ ? grv1::encode_report(facts_) : "";
    tidy_up(operation);
    co_await deliver(report, told + grv1::encode_exit(report));
}

// The last frames of an operation that ran.
asio::awaitable<void> AgentOperation::deliver(grv1::Exit report, std::string frames) {
    delivering_ = true;
    deadline_.arm(config_->limits.peer_timeout, [this] { connection_->cut(); });
    const bool delivered = co_await connection_->send(frames);
    deadline_.cancel();
    log_end(report, delivered);
    if (delivered) co_await close_politely();
}

asio::awaitable<void> AgentOperation::administer(const Operation& operation) {
    const std::string open_ok = grv1::encode_open_ok(grv1_version);
    const bool opened = co_await connection_->send(open_ok);
    if (!opened) co_return;
    std::function<AdminResult()> work = [config = config_, operation] {
        return perform_admin(*config, operation);
    };
    DiskShare share{operation.repo.owner().folded(), operation.repo.folded()};
    DiskThreads& threads = reads_history(operation) ? lane_.state.large_files : lane_.state.administration;
    // However long it takes: what has become of it is unknown until then.
    const auto result = co_await disk_.call(threads, std::move(share), std::move(work), DiskWait::forever);
    if (!result) co_return;
    const grv1::Exit report{static_cast<std::uint32_t>(result->status), 0, ""};
    co_await deliver(report, encode_admin_result(*result));
}

asio::awaitable<void> AgentOperation::tell(Refusal refusal) {
    // The same ticket may be shown again when this has passed.
    if (refusal.fail.retryable && !nonce_.empty()) lane_.state.nonces.forget(nonce_);
    // Health checks of balancers look like this.
    const bool never_spoke = refusal.why == ended_before_open;
    write_log(never_spoke ? log::Level::debug : level_of(refusal.fail.code), "refused",
              {{"request", request_},
               {"peer", peer_.name},
               {"what", what_},
               {"code", static_cast<unsigned>(refusal.fail.code)},
               {"why", refusal.why}});
    const std::string frame = grv1::encode_fail(refusal.fail);
    const bool sent = co_await connection_->send(frame);
    if (sent) co_await close_politely();
}

asio::awaitable<void> AgentOperation::close_politely() {
    deadline_.arm(goodbye, [this] { connection_->cut(); });
    co_await connection_->finish();
    deadline_.cancel();
}

void AgentOperation::log_end(const grv1::Exit& report, bool delivered) const {
    using namespace std::chrono;
    const auto took = duration_cast<milliseconds>(steady_clock::now() - since_).count();
    const RelayCount count = relay_ ? relay_->count() : RelayCount{};
    const bool by_signal = report.code == grv1::Exit::no_code;
    std::vector<log::Field> fields{{"request", request_},
                                   {"peer", peer_.name},
                                   {"what", what_},
                                   {by_signal ? "signal" : "status", by_signal ? report.signal : report.code},
                                   {"in", count.from_gateway},
                                   {"out", count.to_gateway},
                                   {"ms", took},
                                   {"delivered", delivered ? "yes" : "no"},
                                   {"ended", report.reason.empty() ? "by itself" : report.reason}};
    if (facts_.push) {
        fields.emplace_back("refs_taken", facts_.push->taken);
        fields.emplace_back("refs_refused", facts_.push->refused);
        if (facts_.push->unknown > 0) fields.emplace_back("refs_unknown", facts_.push->unknown);
    }
    if (!facts_.git_said.empty()) fields.emplace_back("git_said", facts_.git_said);
    write_log(log::Level::info, "done", fields);
    if (!delivered || !takes_report_) log_changes();
}

void AgentOperation::write_log(log::Level level, std::string_view event,
                               std::span<const log::Field> fields) const {
    if (stranger_.empty()) return log::write(level, event, fields);
    rationed_log().write(level, event, stranger_, fields);
}

}  // namespace gerve
