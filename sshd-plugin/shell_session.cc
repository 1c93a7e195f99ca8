#include "sshd-plugin/shell_session.h"

#include <unistd.h>

#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <asio/signal_set.hpp>
#include <exception>

#include "authz/base/digest.h"
#include "authz/base/log.h"
#include "authz/base/text.h"
#include "authz/model/messages.h"
#include "authz/wire/client.h"
#include "authz/wire/session_log.h"
#include "gerve/relay/git_operation.h"
#include "sshd-plugin/standard_streams.h"

namespace gerve::sshd {
namespace {

using std::chrono::steady_clock;

// authz answers within its own deadline when its database does not; so long is waited for authz itself.
constexpr std::chrono::milliseconds question_patience{5'000};
constexpr std::chrono::milliseconds report_patience{2'000};
constexpr std::chrono::milliseconds reports_patience{5'000};  // of all parts of a push together

Error withdrawn() {
    return {ErrorKind::denied, messages::withdrawn(), "the key is no longer known"};
}

// The process has one client and nothing else to do, so authz is asked by calls that block.
class SshdFront final : public OperationFront {
  public:
    // What a push did goes to `pushed`.
    SshdFront(AuthzClient& authz, const std::string& handle, ClientStreams& streams, LiveLink& live,
              std::vector<PushReport>& pushed)
        : authz_(authz), handle_(handle), streams_(streams), live_(live), pushed_(pushed) {}

    asio::awaitable<Result<Granted>> authorize(const AuthorizeRequest& question,
                                               SessionReport& report) override {
        AuthorizeRequest asked = question;
        asked.handle = handle_;
        report.handle = handle_;
        auto answer = authz_.ask(asked);
        authz_.hang_up();  // thousands of these processes may run for hours
        if (!answer) co_return pass_on(answer);
        if (auto* granted = std::get_if<Granted>(&*answer)) co_return std::move(*granted);
        if (auto* refused = std::get_if<Refused>(&*answer)) {
            co_return fail(kind_of(*refused), refused->told, std::string(rule_name(refused->because)));
        }
        co_return tl::make_unexpected(why_stale(question.client));
    }
    asio::awaitable<Result<SelfAnswer>> answer(const SelfRequest& question, SessionReport& report) override {
        SelfRequest asked = question;
        asked.handle = handle_;
        report.handle = handle_;
        auto answer = authz_.ask(asked);
        if (!answer) co_return pass_on(answer);
        if (auto* told = std::get_if<SelfAnswer>(&*answer)) co_return std::move(*told);
        co_return tl::make_unexpected(why_stale(question.client));
    }
    void pushed(PushReport part) override { pushed_.push_back(std::move(part)); }
    [[nodiscard]] ClientStreams& streams() override { return streams_; }
    [[nodiscard]] LiveLink& live() override { return live_; }

  private:
    // The key was withdrawn, or it still is good and only the connection has lived too long.
    Error why_stale(const ClientContext& client) {
        const auto holder = authz_.ask(HolderRequest{handle_, client});
        if (!holder) return holder.error();
        return *holder ? Error{ErrorKind::denied, messages::connection_too_old(), "the handle is too old"}
                       : withdrawn();
    }

    AuthzClient& authz_;
    const std::string& handle_;
    ClientStreams& streams_;
    LiveLink& live_;
    std::vector<PushReport>& pushed_;
};

void log_end(const SessionReport& report) {
    std::vector<log::Field> fields{{"request", report.request.text()}, {"addr", report.client.address}};
    add_operation(fields, report);
    log::write(log::Level::info, "session", fields);
}

class ShellSession {
  public:
    ShellSession(const Invocation& invocation, const ClientRequest& request)
        : invocation_(invocation),
          request_(request),
          authz_(invocation.socket, question_patience),
          streams_(loop_, STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO),
          signals_(loop_, SIGHUP, SIGTERM, SIGINT),
          report_{.handle = {}, .request = RequestId::make(), .client = {}} {
        report_.client.address = request.address;
        report_.client.connection = to_hex(sha256(request.connection).substr(0, 8));
        report_.client.door = Door::sshd;
    }

    int run() {
        heed_signals();
        asio::co_spawn(loop_, request_.command ? serve() : greet(), [this](const std::exception_ptr& thrown) {
            if (thrown) report_.exit = static_cast<int>(ExitStatus::failed);
            loop_.stop();
        });
        loop_.run();
        if (request_.command) tell_end();
        return report_.exit;
    }

  private:
    asio::awaitable<void> serve() {
        SshdFront front(authz_, invocation_.handle, streams_, live_, pushed_);
        const GitWish wish{*request_.command, request_.git_protocol};
        const std::string notice = read_notice(invocation_.notice);
        co_await serve_git(front, wish, notice, file_servers_, scratch_, report_);
    }

    asio::awaitable<void> greet() {
        const HolderRequest question{invocation_.handle, report_.client};
        const auto holder = authz_.ask(question);
        std::string text;
        report_.exit = static_cast<int>(ExitStatus::refused);
        if (holder && *holder) {
            text = greeting_text((*holder)->key);
        } else {
            const Error error = holder ? withdrawn() : holder.error();
            text = refusal_text(error, report_);
            report_.exit = exit_status_of(error.kind);
        }
        co_await say(streams_, text);
    }

    void tell_end() {
        report_.bytes_in = streams_.bytes_in();
        report_.bytes_out = streams_.bytes_out();
        report_.duration_ms = static_cast<std::uint64_t>(
            std::chrono::duration_cast<std::chrono::milliseconds>(steady_clock::now() - started_).count());
        log_end(report_);
        if (report_.handle.empty()) return;
        AuthzClient authz(invocation_.socket, report_patience);
        std::size_t told = 0;
        const auto give_up = steady_clock::now() + reports_patience;
        while (told < pushed_.size() && steady_clock::now() < give_up && authz.ask(pushed_[told])) ++told;
        const bool ended = authz.ask(report_).has_value();
        const std::size_t lost = pushed_.size() - told + (ended ? 0 : 1);
        if (lost == 0) return;
        log::error("session reports were lost", {{"request", report_.request.text()}, {"count", lost}});
    }

    // The first signal takes the client away; the second does not wait for what it asked for.
    void heed_signals() {
        signals_.async_wait([this](const asio::error_code& stopped, int) {
            if (stopped) return;
            if (std::exchange(signalled_, true)) return stop_waiting();
            streams_.leave();
            heed_signals();
        });
    }

    // What became of the operation is not known then.
    void stop_waiting() {
        report_.ended = OperationEnd::client_gone;
        report_.exit = static_cast<int>(ExitStatus::failed);
        loop_.stop();
    }

    const Invocation& invocation_;
    const ClientRequest& request_;
    const steady_clock::time_point started_ = steady_clock::now();
    asio::io_context loop_{1};
    AuthzClient authz_;
    StandardStreams streams_;
    LiveLink live_{loop_, invocation_.socket, Door::sshd};
    asio::signal_set signals_;
    FileServers file_servers_{loop_, UpstreamConfig(), FileServers::Memory::none};
    Scratch scratch_;
    bool signalled_ = false;
    std::vector<PushReport> pushed_;
    SessionReport report_;
};

}  // namespace

int serve_client(const Invocation& invocation, const ClientRequest& request) {
    return ShellSession(invocation, request).run();
}

}  // namespace gerve::sshd
