#include "gerve/agent/session.h"

#include <unistd.h>

#include <algorithm>
#include <asio/post.hpp>
#include <exception>

#include "authz/base/log.h"
#include "authz/base/text.h"
#include "gerve/agent/administration.h"

namespace gerve {
namespace {

using namespace std::chrono_literals;
using grv1::FailCode;
using grv1::FrameType;

// How long a peer may take to close after it was sent the last frame.
constexpr auto goodbye = 2000ms;

// A git that has not written by then is under way all the same: upload-archive waits for its client first.
constexpr auto start_time = 500ms;

// An OPEN is received in pieces of this size; most come in one.
constexpr std::size_t open_piece = 4096;

constexpr std::string_view ended_early = "ended before its OPEN";

// A connection that wants to know more often whether this agent serves can be made anew.
constexpr int max_early_pings = 16;

std::vector<std::string> git_arguments(const Operation& operation) {
    switch (operation.service) {
        case Service::upload_pack: return {"upload-pack", "--strict", operation.path};
        case Service::receive_pack: return {"receive-pack", operation.path};
        case Service::upload_archive: return {"upload-archive", operation.path};
        case Service::admin: break;
    }
    return fsck_arguments(operation.path);
}

TurnLimits turn_limits(const AgentConfig& config) {
    const unsigned lanes = config.thread_count();
    return {config.limits.max_operations, config.limits.max_operations_per_owner,
            (config.starting_limit() + lanes - 1) / lanes, config.limits.queue_timeout};
}

std::string service_text(const Open& open) {
    if (open.service != Service::admin) return std::string(service_name(open.service));
    return "admin " + open.admin;
}

log::Level level_of(FailCode code) {
    switch (code) {
        case FailCode::busy:
        case FailCode::draining:
        case FailCode::standby:
        case FailCode::no_such_repository: return log::Level::info;
        case FailCode::storage:
        case FailCode::spawn: return log::Level::error;
        default: return log::Level::warn;
    }
}

}  // namespace

AgentSession::AgentSession(Lane& lane, Fd socket, bool unix_socket, std::string peer)
    : lane_(lane),
      config_(lane.state.config()),
      connection_(std::make_shared<GatewayConnection>(lane.loop, std::move(socket), unix_socket)),
      peer_(std::move(peer)),
      deadline_(lane.loop) {
    ++lane_.state.handshakes;
    lane_.sessions.insert(this);
}

AgentSession::~AgentSession() {
    handshake_over();
    lane_.sessions.erase(this);
}

void AgentSession::handshake_over() {
    if (!std::exchange(in_handshake_, false)) return;
    --lane_.state.handshakes;
    deadline_.cancel();
}

asio::awaitable<void> AgentSession::run() {
    const auto self = shared_from_this();
    try {
        co_await serve();
    } catch (const std::exception& error) {
        log::error("session broke", {{"request", request_}, {"peer", peer_}, {"error", error.what()}});
        if (relay_) relay_->lose_peer("an error of the agent");
    }
    deadline_.cancel();
    connection_->cut();
}

asio::awaitable<void> AgentSession::serve() {
    deadline_.arm(config_->limits.handshake_timeout, [this] {
        timed_out_ = true;
        connection_->interrupt();
    });
    const Admitted<ReceivedOpen> received = co_await receive_open();
    handshake_over();
    if (!received) co_return co_await tell(received.error());
    request_ = to_hex(received->open.request_id);
    what_ = service_text(received->open) + " " + received->open.storage_path;
    const Admitted<Operation> operation = admit(*received);
    if (!operation) co_return co_await tell(operation.error());
    auto turn = co_await lane_.gate.enter(operation->repo.owner().folded(), turn_limits(*config_));
    if (!turn) {
        lane_.state.nonces.forget(received->open.nonce);
        co_return co_await tell(refuse(FailCode::busy, "its turn did not come in time").value());
    }
    if (connection_->peer_is_gone()) {
        log::info("the gateway left before its turn", {{"request", request_}, {"what", what_}});
        co_return;
    }
    const bool blocking = operation->admin != AdminAction::none && operation->admin != AdminAction::fsck;
    if (blocking) co_return co_await administer(*operation);
    co_await run_git(*operation, turn);
}

void AgentSession::drain() {
    if (in_handshake_) connection_->interrupt();
}

void AgentSession::end(const std::string& reason) {
    if (relay_) {
        relay_->lose_peer(reason);
    } else {
        connection_->cut();
    }
}

// ---- the OPEN

asio::awaitable<Admitted<ReceivedOpen>> AgentSession::receive_open() {
    if (lane_.state.draining) co_return tl::make_unexpected(interrupted());
    std::string message(grv1_open_header_size, '\0');
    const bool started = co_await receive_start(message.data());
    if (!started) co_return tl::make_unexpected(interrupted());
    const auto size = open_size(message);
    if (!size) co_return refuse(FailCode::bad_request, describe(size.error()));
    while (message.size() < *size) {
        // What is not authenticated yet costs no more memory than it sent.
        const std::size_t have = message.size();
        message.resize(std::min(*size, have + open_piece));
        const bool complete =
            co_await connection_->receive_exactly(message.data() + have, message.size() - have);
        if (!complete) co_return tl::make_unexpected(interrupted());
    }
    auto received = parse_open(message);
    if (!received) co_return refuse(FailCode::bad_request, describe(received.error()));
    co_return std::move(*received);
}

// The first bytes of an OPEN. A gateway that only wants to know whether this agent serves sends PING frames
// before it, or instead.
asio::awaitable<bool> AgentSession::receive_start(char* bytes) {
    for (int pings = 0; pings <= max_early_pings; ++pings) {
        const bool complete = co_await connection_->receive_exactly(bytes, grv1::header_size);
        if (!complete) co_return false;
        if (static_cast<FrameType>(bytes[0]) != FrameType::ping) {
            begun_ = true;
            co_return co_await connection_->receive_exactly(bytes + grv1::header_size,
                                                            grv1_open_header_size - grv1::header_size);
        }
        const bool served = co_await answer_ping({bytes, grv1::header_size});
        if (!served) co_return false;
    }
    co_return false;
}

asio::awaitable<bool> AgentSession::answer_ping(std::string_view header) {
    grv1::FrameReader reader(grv1::FrameReader::Receiver::agent);
    std::string payload(static_cast<unsigned char>(header[3]), '\0');
    if (!reader.next(header)) co_return false;
    const bool complete = co_await connection_->receive_exactly(payload.data(), payload.size());
    if (!complete) co_return false;
    if (unwilling(*config_)) co_return false;
    const std::string pong = grv1::encode_frame(FrameType::pong, payload);
    co_return co_await connection_->send(pong);
}

// Why there is no OPEN.
Refusal AgentSession::interrupted() const {
    if (auto refusal = unwilling(*config_)) return std::move(*refusal);
    const std::string_view how = timed_out_ ? "no OPEN in time"
                                 : begun_   ? "ended within its OPEN"
                                            : ended_early;
    return refuse(FailCode::bad_request, std::string(how)).value();
}

// Why nothing is served at present, whoever asks.
std::optional<Refusal> AgentSession::unwilling(const AgentConfig& config) const {
    if (lane_.state.draining) return refuse(FailCode::draining, "draining").value();
    if (!config.standby_file.empty() && ::access(config.standby_file.c_str(), F_OK) == 0) {
        return refuse(FailCode::standby, "on standby").value();
    }
    return std::nullopt;
}

Admitted<Operation> AgentSession::admit(const ReceivedOpen& received) {
    auto& nonces = lane_.state.nonces;
    auto checked = check_ticket(received, *config_, connection_->is_unix(), nonces, AdmissionTime::now());
    if (!checked) return tl::make_unexpected(std::move(checked.error()));
    if (auto refusal = unwilling(*config_)) {
        nonces.forget(received.open.nonce);  // the same ticket may be shown again when this has passed
        return tl::make_unexpected(std::move(*refusal));
    }
    auto operation = resolve_operation(received.open, *config_);
    if (!operation) return operation;
    if (auto place = look_at_place(*config_, *operation); !place) {
        if (place.error().fail.retryable) nonces.forget(received.open.nonce);
        return tl::make_unexpected(std::move(place.error()));
    }
    return operation;
}

// ---- the operation

asio::awaitable<void> AgentSession::run_git(const Operation& operation, std::optional<Gate::Turn>& turn) {
    auto git = GitProcess::start({config_->git, git_arguments(operation), operation.environment,
                                  lane_.state.open_files, operation.service == Service::receive_pack});
    if (!git) co_return co_await tell(refuse(FailCode::spawn, describe(git.error())).value());
    co_await relay_git(operation, turn, std::move(*git));
}

asio::awaitable<void> AgentSession::relay_git(const Operation& operation, std::optional<Gate::Turn>& turn,
                                              GitProcess git) {
    const bool writes = operation.service == Service::receive_pack;
    relay_ = std::make_shared<GitRelay>(lane_.loop, lane_.buffers, connection_, std::move(git),
                                        writes ? Abandoned::finishes : Abandoned::ended,
                                        RelayLimits{config_->limits.grace, config_->limits.abandoned_push});
    deadline_.arm(start_time, [&turn] { turn->started(); });
    const std::string open_ok = grv1::encode_open_ok(grv1_version);
    const bool opened = co_await connection_->send(open_ok);
    if (!opened) relay_->lose_peer("the gateway takes no more");
    const grv1::Exit report = co_await relay_->run([this, &turn] {
        deadline_.cancel();
        turn->started();
    });
    turn.reset();  // git is gone; how long the gateway takes to close is nobody's wait
    co_await deliver(report, grv1::encode_exit(report));
}

// The last frames of a session that ran.
asio::awaitable<void> AgentSession::deliver(grv1::Exit report, std::string frames) {
    const bool delivered = co_await connection_->send(frames);
    log_end(report, delivered);
    if (delivered) co_await close_politely();
}

asio::awaitable<void> AgentSession::administer(const Operation& operation) {
    const std::string open_ok = grv1::encode_open_ok(grv1_version);
    const bool opened = co_await connection_->send(open_ok);
    if (!opened) co_return;
    Event done(lane_.loop);
    AdminResult result;
    // The job holds this coroutine's frame by way of the event: it waits until the job is done.
    asio::post(lane_.state.admin, [&] {
        AdminResult made = perform_admin(*config_, operation);
        asio::post(lane_.loop, [&done, &result, made = std::move(made)]() mutable {
            result = std::move(made);
            done.set();
        });
    });
    co_await done.wait();
    const grv1::Exit report{static_cast<std::uint32_t>(result.status), 0, ""};
    co_await deliver(report, encode_admin_result(result));
}

asio::awaitable<void> AgentSession::tell(Refusal refusal) {
    // Health checks of balancers look like this.
    const bool never_spoke = refusal.why == ended_early;
    log::write(never_spoke ? log::Level::debug : level_of(refusal.fail.code), "refused",
               {{"request", request_},
                {"peer", peer_},
                {"what", what_},
                {"code", static_cast<unsigned>(refusal.fail.code)},
                {"why", refusal.why}});
    const std::string frame = grv1::encode_fail(refusal.fail);
    const bool sent = co_await connection_->send(frame);
    if (sent) co_await close_politely();
}

asio::awaitable<void> AgentSession::close_politely() {
    deadline_.arm(goodbye, [this] { connection_->cut(); });
    co_await connection_->finish();
    deadline_.cancel();
}

void AgentSession::log_end(const grv1::Exit& report, bool delivered) const {
    using namespace std::chrono;
    const auto took = duration_cast<milliseconds>(steady_clock::now() - since_).count();
    const RelayCount count = relay_ ? relay_->count() : RelayCount{};
    const bool by_signal = report.code == grv1::Exit::no_code;
    log::info("done", {{"request", request_},
                       {"peer", peer_},
                       {"what", what_},
                       {by_signal ? "signal" : "status", by_signal ? report.signal : report.code},
                       {"in", count.from_gateway},
                       {"out", count.to_gateway},
                       {"ms", took},
                       {"delivered", delivered ? "yes" : "no"},
                       {"ended", report.reason.empty() ? "by itself" : report.reason}});
}

}  // namespace gerve
