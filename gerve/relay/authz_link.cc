#include "gerve/relay/authz_link.h"

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>

#include "authz/base/clock.h"
#include "authz/base/rationed_log.h"

namespace gerve {
namespace {

// authz answers within its own deadline when its database does not; so long is waited for authz itself.
constexpr std::chrono::milliseconds question_patience{4'000};
constexpr std::chrono::milliseconds report_patience{60'000};
constexpr std::chrono::milliseconds retry_pause{20};
constexpr std::size_t max_reports = 20'000;
constexpr int send_buffer = 1 << 20;  // bytes: a burst of questions waits there

}  // namespace

AuthzLink::AuthzLink(asio::io_context& loop, std::string socket_path)
    : loop_(loop),
      socket_(loop, std::move(socket_path), {max_authz_message, send_buffer},
              {[this](std::string message) { settle(std::move(message)); }, [this] { disconnected(); }}) {}

void AuthzLink::settle(std::string message) {
    const auto id = parse_reply_id(message);
    if (!id) return log::error("invalid reply from authz", {{"why", describe(id.error())}});
    const auto question = asked_.find(*id);
    if (question == asked_.end()) return;  // nobody waits any more
    question->second->reply = std::move(message);
    question->second->settled.notify();
    asked_.erase(question);
}

void AuthzLink::disconnected() {
    log::warn("connection to authz lost", {{"questions", asked_.size()}});
    for (const auto& [id, question] : std::exchange(asked_, {})) question->settled.notify();
}

// Nothing: not sent, broken off, or the deadline came.
asio::awaitable<std::optional<std::string>> AuthzLink::ask_once(std::uint64_t id, const std::string& message,
                                                                Deadline deadline) {
    if (socket_.send(message) != AuthzSocket::Sent::whole) co_return std::nullopt;
    Question question(loop_.get_executor());
    asked_[id] = &question;
    co_await question.settled.wait(deadline);
    const auto still = asked_.find(id);
    if (still != asked_.end() && still->second == &question) asked_.erase(still);
    co_return std::move(question.reply);
}

template <class Request>
asio::awaitable<Result<std::string>> AuthzLink::ask(const Request& request,
                                                    std::chrono::milliseconds patience) {
    const auto deadline = std::chrono::steady_clock::now() + patience;
    const RequestHead head{++last_id_, monotonic_now() + patience.count()};
    const std::string message = encode_request(head, request);
    while (std::chrono::steady_clock::now() < deadline) {
        auto reply = co_await ask_once(head.id, message, deadline);
        if (reply) co_return std::move(*reply);
        asio::steady_timer pause(loop_, retry_pause);
        co_await pause.async_wait(asio::use_awaitable);
    }
    co_return unavailable("authz does not answer at " + socket_.path());
}

asio::awaitable<Result<std::optional<KeyFound>>> AuthzLink::key(const KeyRequest& request) {
    auto reply = co_await ask(request, question_patience);
    if (!reply) co_return pass_on(reply);
    co_return parse_key_reply(*reply);
}

asio::awaitable<Result<Authorization>> AuthzLink::authorize(const AuthorizeRequest& request) {
    auto reply = co_await ask(request, question_patience);
    if (!reply) co_return pass_on(reply);
    co_return parse_authorize_reply(*reply);
}

asio::awaitable<Result<SelfReply>> AuthzLink::self(const SelfRequest& request) {
    auto reply = co_await ask(request, question_patience);
    if (!reply) co_return pass_on(reply);
    co_return parse_self_reply(*reply);
}

asio::awaitable<Result<Authorization>> AuthzLink::anonymous(const AnonymousRequest& request) {
    auto reply = co_await ask(request, question_patience);
    if (!reply) co_return pass_on(reply);
    co_return parse_authorize_reply(*reply);
}

asio::awaitable<bool> AuthzLink::refusal(const RefusalReport& report) {
    const auto reply = co_await ask(report, question_patience);
    if (!reply) co_return false;
    const auto done = parse_done_reply(*reply);
    co_return done.has_value();
}

asio::awaitable<AuthzLink::Readiness> AuthzLink::ready(std::chrono::milliseconds patience) {
    const ReadyRequest request{ClientContext{"", "", "", "gateway"}};
    const auto reply = co_await ask(request, patience);
    if (!reply) co_return Readiness::authz_away;
    const auto done = parse_done_reply(*reply);
    co_return done ? Readiness::ready : Readiness::directory_away;
}

void AuthzLink::report(Report report) {
    if (reports_.size() >= max_reports) {
        const ClientContext& client =
            std::visit([](const auto& one) -> const ClientContext& { return one.client; }, reports_.front());
        rationed_log().write(log::Level::error, "a report is lost: authz has been away for too long",
                             client.address, {{"connection", client.connection}});
        reports_.pop_front();
    }
    reports_.push_back(std::move(report));
    if (std::exchange(reporting_, true)) return;
    asio::co_spawn(loop_, send_reports(), asio::detached);
}

asio::awaitable<void> AuthzLink::send_reports() {
    while (!reports_.empty()) {
        const Report report = std::move(reports_.front());
        reports_.pop_front();
        const bool taken = co_await send(report);
        if (!taken) reports_.push_front(report);
    }
    reporting_ = false;
}

asio::awaitable<bool> AuthzLink::send(const Report& report) {
    if (const auto* session = std::get_if<SessionReport>(&report)) {
        const auto done = co_await ask(*session, report_patience);
        co_return done.has_value();
    }
    if (const auto* proof = std::get_if<ProofReport>(&report)) {
        const auto done = co_await ask(*proof, report_patience);
        co_return done.has_value();
    }
    co_return co_await refusal(std::get<RefusalReport>(report));
}

}  // namespace gerve
