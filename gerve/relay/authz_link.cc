#include "gerve/relay/authz_link.h"

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>

#include "authz/base/rationed_log.h"
#include "gerve/loop/wait.h"

namespace gerve {
namespace {

constexpr std::chrono::milliseconds report_patience{60'000};
constexpr std::chrono::milliseconds retry_pause{20};
constexpr std::size_t max_reports = 20'000;
constexpr int question_send_buffer = 1 << 20;  // bytes: a burst of questions waits there

}  // namespace

AuthzLink::AuthzLink(asio::io_context& loop, std::string socket_path)
    : loop_(loop),
      socket_(loop, std::move(socket_path), {max_authz_message, question_send_buffer},
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

asio::awaitable<Result<std::string>> AuthzLink::exchange(std::uint64_t id, std::string message,
                                                         std::chrono::milliseconds patience) {
    const auto deadline = std::chrono::steady_clock::now() + patience;
    while (std::chrono::steady_clock::now() < deadline) {
        auto reply = co_await ask_once(id, message, deadline);
        if (reply) co_return std::move(*reply);
        co_await pause_for(retry_pause);
    }
    co_return unavailable("authz does not answer at " + socket_.path());
}

asio::awaitable<AuthzLink::Readiness> AuthzLink::ready(std::chrono::milliseconds patience) {
    const ReadyRequest request;  // named: see CONTRIBUTING.md on GCC 12
    const auto reply = co_await put(request, patience);
    if (!reply) co_return Readiness::authz_away;
    co_return parse_reply<Done>(*reply) ? Readiness::ready : Readiness::directory_away;
}

void AuthzLink::report(Report report) {
    if (reports_.size() >= max_reports) {
        const ClientContext& client =
            std::visit([](const auto& one) -> const ClientContext& { return one.client; }, reports_.front());
        rationed_log().write(log::Level::error, "a report was lost: authz has been unreachable for too long",
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

// False: it is to be told again. What authz refuses to take, it would refuse again.
asio::awaitable<bool> AuthzLink::send(const Report& report) {
    auto asked = std::visit([this](const auto& one) { return ask(one, report_patience); }, report);
    const auto taken = co_await std::move(asked);
    if (taken || taken.error().kind == ErrorKind::unavailable) co_return taken.has_value();
    const auto& client =
        std::visit([](const auto& one) -> const ClientContext& { return one.client; }, report);
    rationed_log().write(log::Level::error, "a report was lost: authz did not accept it", client.address,
                         {{"connection", client.connection}, {"why", describe(taken.error())}});
    co_return true;
}

}  // namespace gerve
