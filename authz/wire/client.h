// AuthzClient: asks authz one thing at a time and waits, but never longer than it was told. For the programs
// that sshd starts.
#pragma once

#include <chrono>
#include <functional>
#include <string>

#include "authz/base/fd.h"
#include "authz/wire/wire.h"

namespace gerve {

// Every call ends within `patience` of its start: connecting, sending and waiting for the answer together.
// Errors: unavailable (authz is away, hangs, or cannot reach its directory), internal (it refuses to answer
// this user).
class AuthzClient {
  public:
    AuthzClient(std::string socket_path, std::chrono::milliseconds patience)
        : path_(std::move(socket_path)), patience_(patience) {}

    // ReadyRequest is answered when authz answers and its database does.
    template <class R>
    [[nodiscard]] Result<typename R::Reply> ask(const R& request) {
        const auto reply = exchange([&](const RequestHead& head) { return encode_request(head, request); });
        if (!reply) return pass_on(reply);
        return parse_reply<typename R::Reply>(*reply);
    }

    // Closes the connection until there is another question.
    void hang_up() { socket_ = Fd(); }

  private:
    Result<std::string> exchange(const std::function<std::string(const RequestHead&)>& encode);
    Result<void> connect(std::int64_t deadline);
    Result<void> send(const std::string& message, std::int64_t deadline);
    Result<std::string> receive(std::uint64_t id, std::int64_t deadline);

    std::string path_;
    std::chrono::milliseconds patience_;
    Fd socket_;  // kept for the next question
    std::uint64_t last_id_ = 0;
};

}  // namespace gerve
