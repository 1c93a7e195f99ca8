// The first part of an operation: the OPEN is received, found to be true, and found to be possible here.
#include <algorithm>

#include "authz/base/text.h"
#include "gerve/agent/agent_operation.h"

namespace gerve {
namespace {

using grv1::FailCode;
using grv1::FrameType;

// An OPEN is received in pieces of this size; most come in one.
constexpr std::size_t open_piece = 4096;

// A connection that wants to know more often whether this agent serves can be made anew.
constexpr int max_early_pings = 16;

}  // namespace

asio::awaitable<Admitted<ReceivedOpen>> AgentOperation::receive_open() {
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
asio::awaitable<bool> AgentOperation::receive_start(char* bytes) {
    for (int pings = 0;; ++pings) {
        const bool complete = co_await connection_->receive_exactly(bytes, grv1::header_size);
        if (!complete) co_return false;
        if (static_cast<FrameType>(bytes[0]) != FrameType::ping) {
            begun_ = true;
            // Another protocol is refused by its first bytes: it may send no more of them.
            if (std::string_view(bytes, grv1::header_size) != grv1_open_magic) co_return true;
            co_return co_await connection_->receive_exactly(bytes + grv1::header_size,
                                                            grv1_open_header_size - grv1::header_size);
        }
        if (pings == max_early_pings) co_return false;
        const bool served = co_await answer_ping({bytes, grv1::header_size});
        if (!served) co_return false;
    }
}

asio::awaitable<bool> AgentOperation::answer_ping(std::string_view header) {
    grv1::FrameReader reader(grv1::FrameReader::Receiver::agent);
    std::string payload(static_cast<unsigned char>(header[3]), '\0');
    if (!reader.next(header)) co_return false;
    const bool complete = co_await connection_->receive_exactly(payload.data(), payload.size());
    if (!complete) co_return false;
    unwilling_ = co_await unwilling();
    if (unwilling_) co_return false;
    const std::string pong = grv1::encode_frame(FrameType::pong, payload);
    co_return co_await connection_->send(pong);
}

// Why there is no OPEN.
Refusal AgentOperation::interrupted() const {
    if (lane_.state.draining) return refuse(FailCode::draining, "draining").value();
    if (unwilling_) return *unwilling_;
    const std::string_view how = timed_out_ ? "no OPEN was received in time"
                                 : begun_   ? "the connection ended within its OPEN"
                                            : ended_before_open;
    return refuse(FailCode::bad_request, std::string(how)).value();
}

// Why nothing is served at present, whoever asks.
asio::awaitable<std::optional<Refusal>> AgentOperation::unwilling() {
    std::optional<Refusal> refusal;
    if (lane_.state.draining) {
        refusal = refuse(FailCode::draining, "draining").value();
    } else if (!config_->standby_file.empty()) {
        std::function<StandbyLook()> work = [config = config_] { return look_for_standby(*config); };
        DiskShare share{"", config_->standby_file};
        const auto standby = co_await disk_.call(lane_.state.looks, std::move(share), std::move(work),
                                                 config_->limits.storage_timeout);
        refusal = refusal_of(standby);
    }
    co_return refusal;
}

asio::awaitable<Admitted<Operation>> AgentOperation::admit(const ReceivedOpen& received) {
    auto& nonces = lane_.state.nonces;
    auto checked = check_ticket(received, *config_, connection_->is_unix(), nonces, AdmissionTime::now());
    if (!checked) co_return tl::make_unexpected(std::move(checked.error()));
    nonce_ = received.open.nonce;
    stranger_ = anonymous_client(received.open);
    leave_handshakes();
    lane_.state.handshakes.trust(peer_.source);
    std::optional<Refusal> refusal = co_await unwilling();
    auto operation = resolve_operation(received.open, *config_);
    if (!refusal && operation) {
        Admitted<Place> place = co_await look(*operation);
        if (place) {
            place_ = std::move(*place);
        } else {
            refusal = place.error();
        }
    }
    if (!refusal) co_return operation;
    co_return tl::make_unexpected(std::move(*refusal));
}

// What the disk has in the repository's place. A disk that says nothing holds up this operation alone, and
// not for ever.
asio::awaitable<Admitted<Place>> AgentOperation::look(const Operation& operation) {
    std::function<Admitted<Place>()> work = [config = config_, operation] {
        return look_at_place(*config, operation);
    };
    DiskShare share{operation.repo.owner().folded(), operation.repo.folded()};
    auto place = co_await disk_.call(lane_.state.looks, std::move(share), std::move(work),
                                     config_->limits.storage_timeout);
    if (place) co_return std::move(*place);
    co_return refuse_storage(operation.service, silent_disk(operation.path));
}

// git would run without hooks that check the push, or with hooks that check it by half. As an operation that
// was served: only so does the client read what is wrong.
asio::awaitable<void> AgentOperation::refuse_push(const Operation& operation, std::string problem) {
    log::error("a push is refused, since its hooks would not do their work",
               {{"request", request_}, {"repo", operation.path}, {"why", problem}});
    const std::string told = "ERROR: The hooks of " + operation.repo.text() +
                             " would not check this push, so it is refused: " + printable(problem, 300) +
                             ". Tell the operator of the file server. (request " + request_ + ")\n";
    const grv1::Exit exit{static_cast<std::uint32_t>(ExitStatus::refused), 0, "hooks"};
    const std::string frames = grv1::encode_open_ok(grv1_version) +
                               grv1::encode_frame(grv1::FrameType::stderr_data, told) +
                               grv1::encode_exit(exit);
    co_await deliver(exit, frames);
}

}  // namespace gerve
