#include "gerve/relay/git_operation.h"

#include "authz/base/clock.h"
#include "authz/base/fd.h"
#include "authz/base/log.h"
#include "authz/base/text.h"
#include "authz/model/messages.h"
#include "gerve/relay/endable_streams.h"
#include "gerve/relay/operation_log.h"
#include "gerve/relay/relay.h"

namespace gerve {
namespace {

using std::chrono::steady_clock;

constexpr std::chrono::seconds farewell_patience{10};  // for the client to read a last text
constexpr std::chrono::seconds last_word_patience{2};  // likewise, when it is to be gone within five

// For a push whose client has left: git finishes it, its hooks included.
constexpr std::chrono::seconds settling_patience{30};

// Of messages::no_lfs(), and of no other text.
constexpr std::string_view not_found_mark = ": not found\n";

asio::awaitable<void> say_until(ClientStreams& client, std::string_view text, OutputStream stream,
                                Deadline deadline) {
    while (!text.empty() && !client.gone()) {
        text.remove_prefix(client.put_output(stream, text));
        if (text.empty()) co_return;
        const bool in_time = co_await client.wait_output(deadline);
        if (!in_time) co_return;
    }
}

// What is refused goes to stderr alone: git then shows it, and not a protocol error of its own.
asio::awaitable<void> refuse(OperationFront& front, const Error& error, SessionReport& report) {
    report.exit = exit_status_of(error.kind);
    // As a shell without the program would say it: git-lfs goes by that.
    if (error.told.find(not_found_mark) != std::string::npos)
        report.exit = static_cast<int>(ExitStatus::not_found);
    const std::string text = refusal_text(error, report);
    co_await say(front.streams(), text);
}

RelayDeadlines relay_deadlines(Service service, const OperationDeadlines& deadlines) {
    const bool writes = needs_write(service);
    return {deadlines.idle, deadlines.duration, writes, writes ? settling_patience : std::chrono::seconds(0)};
}

// Why the relay ended, for the report, and what the client is told of it.
std::pair<OperationEnd, std::string> words_for(RelayEnd end, const RelayDeadlines& deadlines,
                                               const RequestId& request) {
    switch (end) {
        case RelayEnd::exited: return {OperationEnd::exit, ""};
        case RelayEnd::client_gone: return {OperationEnd::client_gone, messages::connection_lost(request)};
        case RelayEnd::idle:
            return {OperationEnd::idle, messages::idle_for_too_long(deadlines.idle, request)};
        case RelayEnd::too_long:
            return {OperationEnd::too_long, messages::took_too_long(deadlines.duration, request)};
        case RelayEnd::upstream_lost: break;
    }
    return {OperationEnd::upstream_lost, messages::connection_lost(request)};
}

// The operation as authz hears of it, while it is carried.
class LiveOperation final : public LiveSubject {
  public:
    LiveOperation(const SessionReport& report, const RepoPath& repo, EndableStreams& client,
                  Upstream& upstream)
        : report_(report), repo_(repo), client_(client), upstream_(upstream) {}

    [[nodiscard]] LiveEntry describe() const override {
        return {.number = 0,
                .handle = report_.handle,
                .client = report_.client,
                .id = report_.request.text(),
                .service = report_.service,
                .repo = repo_.text(),
                .server = report_.server,
                .since = since_};
    }
    [[nodiscard]] LiveTraffic traffic() const override {
        return {0, client_.bytes_in(), client_.bytes_out()};
    }
    // The relay may be waiting for either side, and a file server that has stalled never comes back.
    void end(LiveEnd why) override {
        client_.end(why);
        upstream_.close();
    }

  private:
    const SessionReport& report_;
    const RepoPath& repo_;
    EndableStreams& client_;
    Upstream& upstream_;
    UnixMillis since_ = unix_now();
};

// Bytes that a ref may take in a message, in which a byte may take six.
std::size_t size_of(const RefChange& change) {
    constexpr std::size_t around = 250;
    return around + 6 * (change.ref.size() + change.why.size());
}

void tell_push(OperationFront& front, std::vector<RefChange> changes, const SessionReport& report) {
    constexpr std::size_t most = 48 * 1024;  // well below max_authz_message
    PushReport part{report.handle, report.request, report.client, report.repo, 0, {}};
    std::size_t size = 0;
    const auto tell = [&] {
        if (part.changes.empty()) return;
        ++part.part;
        front.pushed(part);
        part.changes.clear();
        size = 0;
    };
    for (RefChange& change : changes) {
        const std::size_t more = size_of(change);
        if (part.changes.size() == max_push_part || size + more > most) tell();
        size += more;
        part.changes.push_back(std::move(change));
    }
    tell();
}

void tell_facts(OperationFront& front, RelayOutcome outcome, SessionReport& report) {
    if (!outcome.bad_report.empty()) {
        log_for(report, log::Level::warn, "a report of the file server is incomplete",
                {{"request", report.request.text()}, {"server", report.server}, {"why", outcome.bad_report}});
    }
    report.push = outcome.report.push;
    const bool declined = report.push && outcome_of(*report.push) == PushOutcome::refused;
    if (declined && report.ended == OperationEnd::exit) report.ended = OperationEnd::declined;
    report.fetch = outcome.report.fetch;
    report.git_said = std::move(outcome.report.git_said);
    tell_push(front, std::move(outcome.report.changes), report);
}

asio::awaitable<void> carry(OperationFront& front, const RepoPath& repo, Upstream upstream, Scratch& scratch,
                            RelayDeadlines deadlines, SessionReport& report) {
    EndableStreams client(front.streams());
    LiveOperation operation(report, repo, client, upstream);
    const bool known = !report.handle.empty();
    const LiveLink::Place place = known ? front.live().enter(operation) : front.live().hold(operation);
    RelayOutcome outcome = co_await relay(client, upstream, scratch, deadlines);
    auto [ended, text] = words_for(outcome.end, deadlines, report.request);
    report.ended = ended;
    const bool exited = outcome.end == RelayEnd::exited;
    report.exit = outcome.exit_status.value_or(static_cast<int>(ExitStatus::failed));
    tell_facts(front, std::move(outcome), report);
    if (exited) co_return;
    Deadline deadline = steady_clock::now() + farewell_patience;
    if (client.ended()) {
        report.ended = end_of(*client.ended());
        text = live_end_text(*client.ended());
        deadline = steady_clock::now() + last_word_patience;
    }
    const std::string told = text;
    co_await say_until(front.streams(), told, OutputStream::err, deadline);
}

// `what` is the agent's: "64 operations of one key".
std::string at_its_limit(const std::string& what, const RequestId& request) {
    return "ERROR: At most " + what +
           " may run here at once. Wait until some of them have ended, then try again. (request " +
           request.text() + ")\n";
}

asio::awaitable<void> tell_self(OperationFront& front, SelfQuestion question, SessionReport& report) {
    report.ended = OperationEnd::refused;
    report.service = question.name();
    if (question.repo) report.repo = question.repo->text();
    const SelfRequest request{{}, std::move(question), report.request, report.client};
    const auto answer = co_await front.answer(request, report);
    if (!answer) co_return co_await refuse(front, answer.error(), report);
    report.ended = OperationEnd::exit;
    report.exit = answer->exit;
    co_await say(front.streams(), answer->out, OutputStream::out);
    co_await say(front.streams(), answer->err);
}

// An older authz grants it as it grants git-lfs-transfer, without an answer for the client.
asio::awaitable<void> give_token(OperationFront& front, const Granted& granted, SessionReport& report) {
    if (granted.answer.empty()) {
        const Error error{ErrorKind::client, messages::no_lfs(lfs_command(true)), ""};
        co_return co_await refuse(front, error, report);
    }
    report.ended = OperationEnd::exit;
    report.exit = 0;
    co_await say(front.streams(), granted.notice);
    co_await say(front.streams(), granted.answer, OutputStream::out);
}

}  // namespace

void describe_command(const std::string& command, SessionReport& report) {
    report.repo = command;
    if (const auto self = parse_self_question(command); self && *self) {
        report.service = (*self)->name();
        report.repo = (*self)->repo ? (*self)->repo->text() : "";
    } else if (const auto git = parse_git_command(command)) {
        report.service = service_name(git->service);
        report.repo = git->repo.text();
    }
}

asio::awaitable<void> serve_git(OperationFront& front, const GitWish& wish, const std::string& notice,
                                FileServers& file_servers, Scratch& scratch, SessionReport& report) {
    const auto self = parse_self_question(wish.command);
    if (self && *self) co_return co_await tell_self(front, **self, report);
    const auto command = self ? parse_git_command(wish.command) : Result<GitCommand>(pass_on(self));
    report.ended = OperationEnd::refused;
    if (!command) {
        report.repo = wish.command;
        co_return co_await refuse(front, command.error(), report);
    }
    const OperationDeadlines& deadlines = file_servers.config().deadlines(command->service);
    co_await serve_command(front, *command, wish.git_protocol, deadlines, notice, file_servers, scratch,
                           report);
}

asio::awaitable<void> serve_command(OperationFront& front, const GitCommand& command,
                                    const std::string& git_protocol, const OperationDeadlines& deadlines,
                                    const std::string& notice, FileServers& file_servers, Scratch& scratch,
                                    SessionReport& report) {
    report.ended = OperationEnd::refused;
    report.service = service_name(command.service);
    report.repo = command.repo.text();
    const auto protocol = GitProtocol::parse(git_protocol);
    if (protocol) report.git_protocol = protocol->text();

    const bool is_push = command.service == Service::receive_pack;  // its hooks read the command
    const AuthorizeRequest question{.handle = {},
                                    .service = command.service,
                                    .repo = command.repo,
                                    .git_protocol = protocol ? std::optional(*protocol) : std::nullopt,
                                    .request = report.request,
                                    .client = report.client,
                                    .takes_report = true,
                                    .wants_token = command.wants_token,
                                    .command = is_push ? command.text : std::string()};
    const auto granted = co_await front.authorize(question, report);
    if (!granted) co_return co_await refuse(front, granted.error(), report);
    report.repo = granted->repo.text();
    if (command.wants_token) co_return co_await give_token(front, *granted, report);
    const Service service = granted->service.value_or(command.service);
    report.service = service_name(service);
    auto upstream = co_await file_servers.reach(*granted, report);
    if (!upstream) {
        // The agent answered that it does not serve it; the command was refused.
        const bool is_hg = kind_of(service) == RepositoryKind::hg;
        if ((is_lfs(service) || is_hg) && upstream.error().kind == ErrorKind::client) {
            const Error error{
                ErrorKind::client,
                is_hg ? messages::no_hg_there(granted->repo) : messages::no_lfs_there(granted->repo), ""};
            co_return co_await refuse(front, error, report);
        }
        report.ended = OperationEnd::upstream_unreachable;
        // It answered, and told what it has enough of for now.
        const std::string limit = upstream.error().told;
        const std::string told = limit.empty()
                                     ? messages::server_not_answering(granted->repo.owner(), report.request)
                                     : at_its_limit(limit, report.request);
        const Error error{ErrorKind::unavailable, told, describe(upstream.error())};
        co_return co_await refuse(front, error, report);
    }
    const std::string notices = granted->notice + notice;
    co_await say(front.streams(), notices);
    const bool as_asked = service == command.service;
    const RelayDeadlines relayed =
        relay_deadlines(service, as_asked ? deadlines : file_servers.config().deadlines(service));
    co_await carry(front, granted->repo, std::move(*upstream), scratch, relayed, report);
}

asio::awaitable<void> say(ClientStreams& client, std::string_view text, OutputStream stream) {
    co_await say_until(client, text, stream, steady_clock::now() + farewell_patience);
}

int exit_status_of(ErrorKind kind) {
    switch (kind) {
        case ErrorKind::denied: return static_cast<int>(ExitStatus::refused);
        case ErrorKind::unavailable:
        case ErrorKind::internal: return static_cast<int>(ExitStatus::unavailable);
        case ErrorKind::client: break;
    }
    return static_cast<int>(ExitStatus::failed);
}

std::string refusal_text(const Error& error, const SessionReport& report) {
    if (!error.told.empty()) return error.told;
    log_for(report, log::Level::warn, "cannot serve",
            {{"request", report.request.text()}, {"why", error.detail}});
    return messages::cannot_check(report.request);
}

std::string greeting_text(const KnownKey& key) {
    return is_suspended(key.holder) ? messages::suspended() : messages::greeting(name_of(key.holder));
}

std::string read_notice(const std::string& file) {
    if (file.empty()) return {};
    const auto text = read_file(file, 4096);
    if (!text) {
        log::warn("cannot read the operator notice", {{"why", describe(text.error())}});
        return {};
    }
    std::string lines;
    for (const std::string_view line : split(trim(*text), '\n')) {
        if (!line.empty()) lines += messages::notice(line);
    }
    return lines;
}

}  // namespace gerve
