// AuthzClient: asks authz one thing at a time and waits, but never longer than it was told. For the programs
// that sshd starts.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "authz/base/fd.h"
#include "authz/wire/live_protocol.h"
#include "authz/wire/protocol.h"

namespace gerve {

// Every call ends within `patience` of its start: connecting, sending and waiting for the answer together.
// Errors: unavailable (authz is away, hangs, or cannot reach its directory), internal (it refuses to answer
// this user).
class AuthzClient {
  public:
    AuthzClient(std::string socket_path, std::chrono::milliseconds patience)
        : path_(std::move(socket_path)), patience_(patience) {}

    [[nodiscard]] Result<std::optional<KeyFound>> key(const KeyRequest& request);
    [[nodiscard]] Result<std::optional<KeyFound>> holder(const HolderRequest& request);
    [[nodiscard]] Result<Authorization> authorize(const AuthorizeRequest& request);
    [[nodiscard]] Result<SelfReply> self(const SelfRequest& request);
    [[nodiscard]] Result<void> report(const SessionReport& report);
    [[nodiscard]] Result<void> change(const ChangeReport& report);
    // Good: authz answers, and its database answers it.
    [[nodiscard]] Result<void> ready();
    [[nodiscard]] Result<SessionsPage> sessions(const SessionsRequest& request);
    [[nodiscard]] Result<std::uint64_t> kill(const KillRequest& request);

    // Closes the connection until there is another question.
    void hang_up() { socket_ = Fd(); }

  private:
    template <class Request>
    Result<std::string> ask(const Request& request);
    Result<void> connect(std::int64_t deadline);
    Result<void> send(const std::string& message, std::int64_t deadline);
    Result<std::string> receive(std::uint64_t id, std::int64_t deadline);

    std::string path_;
    std::chrono::milliseconds patience_;
    Fd socket_;  // kept for the next question
    std::uint64_t last_id_ = 0;
};

}  // namespace gerve
