// AuthzLink: a worker's conversation with authz, many questions at a time over one connection.
#pragma once

#include <asio/awaitable.hpp>
#include <asio/io_context.hpp>
#include <deque>
#include <optional>
#include <string>
#include <unordered_map>
#include <variant>

#include "authz/base/clock.h"
#include "authz/wire/wire.h"
#include "gerve/loop/event.h"
#include "gerve/relay/authz_socket.h"

namespace gerve {

// Every question is answered within its deadline, if only by `unavailable`. A question whose connection broke
// is put again on a new one: questions change nothing, so asking twice is harmless.
class AuthzLink {
  public:
    AuthzLink(asio::io_context& loop, std::string socket_path);

    // `request` outlives the call. Errors: unavailable, within `patience`; internal (authz refuses to
    // answer).
    template <class R>
    [[nodiscard]] asio::awaitable<Result<typename R::Reply>> ask(
        const R& request, std::chrono::milliseconds patience = question_patience) {
        const auto reply = co_await put(request, patience);
        if (!reply) co_return pass_on(reply);
        co_return parse_reply<typename R::Reply>(*reply);
    }
    // Whether a login would find its directory now.
    enum class Readiness { ready, directory_away, authz_away };
    asio::awaitable<Readiness> ready(std::chrono::milliseconds patience);
    // About an operation, or a client that has logged in. Kept until authz has it, in order; when there are
    // too many, the oldest are dropped. One that authz refuses to take is dropped and logged.
    using Report = std::variant<SessionReport, ProofReport, RefusalReport, PushReport>;
    void report(Report report);
    // Whether a report is still to be taken by authz.
    [[nodiscard]] bool owes_reports() const { return reporting_; }

  private:
    struct Question {
        explicit Question(const asio::any_io_executor& executor) : settled(executor) {}
        News settled;
        std::optional<std::string> reply;  // none: the connection broke
    };

    // For authz itself, which answers within a deadline of its own when its database does not.
    static constexpr std::chrono::milliseconds question_patience{4'000};

    template <class R>
    [[nodiscard]] asio::awaitable<Result<std::string>> put(const R& request,
                                                           std::chrono::milliseconds patience) {
        const RequestHead head{++last_id_, monotonic_now() + patience.count()};
        return exchange(head.id, encode_request(head, request), patience);
    }
    asio::awaitable<Result<std::string>> exchange(std::uint64_t id, std::string message,
                                                  std::chrono::milliseconds patience);
    asio::awaitable<std::optional<std::string>> ask_once(std::uint64_t id, const std::string& message,
                                                         Deadline deadline);
    void settle(std::string message);
    void disconnected();
    asio::awaitable<void> send_reports();
    asio::awaitable<bool> send(const Report& report);

    asio::io_context& loop_;
    AuthzSocket socket_;
    std::unordered_map<std::uint64_t, Question*> asked_;
    std::deque<Report> reports_;
    std::uint64_t last_id_ = 0;
    bool reporting_ = false;
};

}  // namespace gerve
