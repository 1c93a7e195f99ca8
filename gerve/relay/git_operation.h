// One git operation of a client, from its exec string to its exit status, alike for every front door.
#pragma once

#include <asio/awaitable.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "authz/base/result.h"
#include "authz/wire/reports.h"
#include "gerve/relay/client_streams.h"
#include "gerve/relay/file_servers.h"
#include "gerve/relay/live_link.h"
#include "gerve/relay/scratch.h"

namespace gerve {

// The front of an operation: the streams of its client, and the way to authz of the door it came through.
class OperationFront {
  public:
    virtual ~OperationFront() = default;
    // The question comes without a handle: the front has it, and leaves it in `report` too. Both arguments
    // outlive the call. Errors: denied (`told` is for the client), unavailable.
    virtual asio::awaitable<Result<Granted>> authorize(const AuthorizeRequest& question,
                                                       SessionReport& report) = 0;
    // Likewise, of a question about the key itself.
    virtual asio::awaitable<Result<SelfAnswer>> answer(const SelfRequest& question,
                                                       SessionReport& report) = 0;
    // What a push did, in parts; to be told before the SessionReport.
    virtual void pushed(PushReport part) = 0;
    [[nodiscard]] virtual ClientStreams& streams() = 0;
    [[nodiscard]] virtual LiveLink& live() = 0;
};

// As the client sent them, unchecked.
struct GitWish {
    std::string command;
    std::string git_protocol;
};

// command → decision, route and ticket → upstream → relay → exit status. `report` comes with request and
// client; service, repo, server, git_protocol, exit and ended are filled in. `notice` are whole lines for the
// stderr of whoever is served, or empty.
asio::awaitable<void> serve_git(OperationFront& front, const GitWish& wish, const std::string& notice,
                                FileServers& file_servers, Scratch& scratch, SessionReport& report);

// The same for a door that knows the command already, and how long it may last. `git_protocol` is unchecked.
asio::awaitable<void> serve_command(OperationFront& front, const GitCommand& command,
                                    const std::string& git_protocol, const OperationDeadlines& deadlines,
                                    const std::string& notice, FileServers& file_servers, Scratch& scratch,
                                    SessionReport& report);

// Fills in the service and the repository of a command that is not run; of one that makes no sense, the whole
// of it as the repository, as serve_git() does.
void describe_command(const std::string& command, SessionReport& report);

// Sends all of `text` on stderr, waiting a while for room. The text outlives the call.
asio::awaitable<void> say(ClientStreams& client, std::string_view text,
                          OutputStream stream = OutputStream::err);

// What ends a session without a file server: its exit status, and its line for stderr. An error that has none
// is logged, and told as "cannot check your access".
[[nodiscard]] int exit_status_of(ErrorKind kind);
[[nodiscard]] std::string refusal_text(const Error& error, const SessionReport& report);

// For a client that asked for nothing: who it is, or that it is suspended.
[[nodiscard]] std::string greeting_text(const KnownKey& key);

// The operator's notice in `file` as lines for a client; empty when there is no file or it cannot be read.
[[nodiscard]] std::string read_notice(const std::string& file);

}  // namespace gerve
