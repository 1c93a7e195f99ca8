#include "gerve/worker/git_door.h"

#include <sys/socket.h>

#include <array>
#include <memory>

#include "authz/base/digest.h"
#include "authz/base/display.h"
#include "authz/base/log.h"
#include "authz/base/text.h"
#include "authz/model/messages.h"
#include "gerve/relay/git_operation.h"
#include "gerve/relay/packet_stream.h"
#include "gerve/worker/arrival.h"
#include "gerve/worker/git_request.h"
#include "gerve/worker/git_streams.h"

namespace gerve {
namespace {

using std::chrono::steady_clock;

// An operation is recorded however the client went about it; no client has a version to tell here.
ClientContext context_of(const std::string& address) {
    ClientContext client;
    client.address = address;
    client.connection = to_hex(random_bytes(8));
    client.door = Door::git;
    return client;
}

// The text of an ERR packet: git puts "fatal: remote error: " in front. Only texts of ours are told: what git
// complains of on a file server is not for everybody.
std::string error_text(std::string_view said) {
    constexpr std::string_view ours = "ERROR: ";
    for (std::string_view line : split(said, '\n')) {
        if (line.starts_with(ours)) return std::string(line.substr(ours.size()));
    }
    return {};
}

// The front of an operation on a connection of git://.
class GitFront final : public OperationFront {
  public:
    GitFront(WorkerContext& worker, GitStreams& streams) : worker_(worker), streams_(streams) {}

    asio::awaitable<Result<Granted>> authorize(const AuthorizeRequest& question, SessionReport&) override {
        if (question.service != Service::upload_pack) {
            co_return fail(ErrorKind::denied, messages::fetching_alone());
        }
        const AnonymousRequest asked{question.repo, question.git_protocol, question.request, question.client,
                                     question.takes_report};
        const Stopwatch watch(worker_.metrics.times(WorkerQuestion::authorize));
        auto answer = co_await worker_.authz.ask(asked);
        if (!answer) co_return pass_on(answer);
        if (auto* granted = std::get_if<Granted>(&*answer)) co_return std::move(*granted);
        if (auto* refused = std::get_if<Refused>(&*answer)) {
            denied_ = true;
            co_return fail(ErrorKind::denied, refused->told, std::string(rule_name(refused->because)));
        }
        co_return unavailable("authz reports a stale handle for a request that has no handle");
    }
    asio::awaitable<Result<SelfAnswer>> answer(const SelfRequest&, SessionReport&) override {
        co_return unavailable("nobody has logged in");
    }
    void pushed(PushReport /*part*/) override {}  // nobody pushes here
    [[nodiscard]] ClientStreams& streams() override { return streams_; }
    [[nodiscard]] LiveLink& live() override { return worker_.live; }
    // Whether authz has refused it, and so told of it.
    [[nodiscard]] bool denied() const { return denied_; }

  private:
    WorkerContext& worker_;
    GitStreams& streams_;
    bool denied_ = false;
};

// The text of maintenance may have several lines; an error of git:// is one.
std::string one_line_of(std::string_view text) {
    std::string words(utf8_prefix(trim(text), 500));
    std::replace(words.begin(), words.end(), '\n', ' ');
    return displayed(words);
}

class GitConnection {
  public:
    GitConnection(WorkerContext& worker, Fd socket, const std::string& address)
        : worker_(worker),
          streams_(worker.loop, std::move(socket), worker.anonymous_config.deadlines.idle),
          report_{.handle = {}, .request = RequestId::make(), .client = context_of(address)} {
        ++worker_.git_connections;
    }
    GitConnection(const GitConnection&) = delete;
    GitConnection& operator=(const GitConnection&) = delete;
    ~GitConnection() { --worker_.git_connections; }

    asio::awaitable<void> run(UnauthenticatedLimit::Place place) {
        place.can_be_cut_by([this] { streams_.stop_reading(); });
        const Deadline deadline = steady_clock::now() + worker_.anonymous_config.request_timeout;
        auto request = co_await receive_request(deadline);
        place.give_back();
        std::string refusal;
        if (!request) {
            worker_.metrics.count_refused(abandoned_ ? GitRefusal::abandoned : GitRefusal::malformed);
            refusal = error_text(request.error().told);
            // A check that only connects leaves no line.
            const bool checked = abandoned_ && streams_.bytes_in() == 0 && steady_clock::now() < deadline;
            if (!checked) note(abandoned_ ? "git-abandoned" : "git-malformed", describe(request.error()));
        } else if (!worker_.maintenance.empty()) {
            worker_.metrics.count_refused(GitRefusal::maintenance);
            note("maintenance", "");
            refusal = one_line_of(worker_.maintenance);
        } else {
            refusal = co_await serve(*request);
        }
        co_await streams_.part(std::move(refusal));
    }

  private:
    tl::unexpected<Error> abandoned() {
        abandoned_ = true;
        return client_error("ERROR: No git request was received in time.\n");
    }

    asio::awaitable<Result<GitRequest>> receive_request(Deadline deadline) {
        std::array<char, max_git_request> packet;
        const std::span<char> header(packet.data(), git_request_header);
        const bool begun = co_await streams_.receive_exactly(header, deadline);
        if (!begun) co_return abandoned();
        const auto size = git_request_size({packet.data(), git_request_header});
        if (!size) co_return pass_on(size);
        const std::span<char> rest(packet.data() + git_request_header, *size - git_request_header);
        const bool complete = co_await streams_.receive_exactly(rest, deadline);
        if (!complete) co_return abandoned();
        co_return parse_git_request({packet.data(), *size});
    }

    // What the client is to be told; empty when git spoke for itself.
    asio::awaitable<std::string> serve(const GitRequest& request) {
        UnauthenticatedLimit::Refusal refusal;
        const auto place = worker_.anonymous.admit(report_.client.address, refusal);
        if (!place) {
            worker_.metrics.count_refused(ConnectionEnd::anonymous);
            note("limit-git-sessions", refusal.text);
            co_return refusal.text;
        }
        worker_.metrics.accepted_git.add();
        const auto started = steady_clock::now();
        const GaugeHold running(worker_.numbers.sessions);
        GitFront front(worker_, streams_);
        const GitCommand command{request.service, request.repo};
        const std::string notice;  // there is no stderr to say it on
        co_await serve_command(front, command, request.git_protocol, worker_.anonymous_config.deadlines,
                               notice, worker_.file_servers, worker_.scratch, report_);
        denied_ = front.denied();
        report_.bytes_in = streams_.bytes_in();
        report_.bytes_out = streams_.bytes_out();
        report_.duration_ms = static_cast<std::uint64_t>(
            std::chrono::duration_cast<std::chrono::milliseconds>(steady_clock::now() - started).count());
        tell_end();
        std::string why = error_text(streams_.refusal());
        if (why.empty()) why = "The repository cannot be read.";
        co_return why;
    }

    void note(std::string_view reason, std::string_view text) {
        worker_.refusals.note(report_.client, reason, text);
    }

    // authz writes the line in the log, within the ration of the client's address. A refusal is told by its
    // decision.
    void tell_end() {
        worker_.metrics.count_operation(report_);
        if (!denied_) worker_.authz.report(report_);
    }

    WorkerContext& worker_;
    GitStreams streams_;
    SessionReport report_;
    bool denied_ = false;     // by policy
    bool abandoned_ = false;  // no whole request came
};

void turn_away(const Fd& socket, const std::string& text) {
    const std::string packet = encode_packet("ERR " + text);
    (void)::send(socket.get(), packet.data(), packet.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
}

constexpr ArrivalDoor git_door{Door::git, turn_away};

}  // namespace

asio::awaitable<void> serve_git_connection(WorkerContext& worker, Fd socket, IpAddress peer) {
    const auto client = co_await find_client(worker, socket, peer, git_door);
    if (!client) co_return;
    const std::string address = *client;
    auto place = admit(worker, socket, address, git_door);
    if (!place) co_return;
    const auto connection = std::make_unique<GitConnection>(worker, std::move(socket), address);
    co_await connection->run(std::move(*place));
}

}  // namespace gerve
