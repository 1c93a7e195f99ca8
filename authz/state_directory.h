// The state directory: made private on the first start, locked against a second master, filled with what the
// embedded default needs.
#pragma once

#include <string>

#include "authz/base/fd.h"
#include "authz/base/result.h"
#include "authz/config.h"

namespace gerve {

// Makes the directory (0700), and its parents where they are missing (0755), unless it is there. Refuses one
// that others may write into. Error: internal, with the remedy.
[[nodiscard]] Result<void> make_state_directory(const std::string& directory);

// Makes config.local_ticket_key() unless it is there or the configuration names other keys.
[[nodiscard]] Result<void> make_ticket_key(const Config& config);

// What the embedded default's agent needs: a root for repositories and its own configuration, agent.toml.
[[nodiscard]] Result<void> make_agent_files(const Config& config);
[[nodiscard]] std::string agent_config_file(const Config& config);

// Held by a master for as long as it lives.
class StateLock {
  public:
    // Error: internal, when another master has it, naming its process id.
    [[nodiscard]] static Result<StateLock> take(const std::string& directory);
    // The last master ended without letting go: its children may still hold its sockets for a moment.
    [[nodiscard]] bool predecessor_died() const { return predecessor_died_; }

    StateLock(StateLock&&) = default;
    StateLock& operator=(StateLock&&) = delete;
    ~StateLock();

  private:
    StateLock(Fd file, bool predecessor_died) : file_(std::move(file)), predecessor_died_(predecessor_died) {}
    Fd file_;
    bool predecessor_died_;
};

}  // namespace gerve
