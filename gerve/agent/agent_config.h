// The configuration of gerve-agent as one immutable value; every key is described in gerve-agent.toml(5).
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "authz/base/problem.h"
#include "authz/base/result.h"
#include "authz/log_config.h"
#include "authz/model/git_command.h"
#include "authz/model/ticket.h"
#include "gerve/agent/admission/operation_count.h"
#include "gerve/agent/forge/forge_settings.h"
#include "gerve/agent/repository/layout.h"

namespace gerve {

// Which of the four services an agent runs.
class ServiceSet {
  public:
    void insert(Service service) { bits_ |= bit(service); }
    [[nodiscard]] bool contains(Service service) const { return (bits_ & bit(service)) != 0; }
    [[nodiscard]] static ServiceSet all();

  private:
    static unsigned bit(Service service) { return 1U << static_cast<unsigned>(service); }
    unsigned bits_ = 0;
};

struct AgentLimits {
    unsigned max_operations = 2048;         // git processes at once
    unsigned max_operations_per_owner = 0;  // of these for one owner; 0: no limit of its own
    // Of these for one account, and by one key; 0: no limit of its own, nothing: a share of max_operations.
    std::optional<unsigned> max_operations_per_account;
    std::optional<unsigned> max_operations_per_key;
    unsigned max_starting = 0;  // git processes that have not written yet; 0: four per core
    // Connections that have not sent a whole OPEN; those of a unix socket do not count.
    unsigned max_handshakes = 4096;
    unsigned max_handshakes_per_source = 256;  // of one IPv4 address or IPv6 /64
    std::chrono::milliseconds handshake_timeout{10'000};
    std::chrono::milliseconds queue_timeout{
        20'000};  // an operation waits this long for its turn, then FAIL 7
    std::chrono::milliseconds storage_timeout{
        10'000};                             // the disk tells for so long what is there, then FAIL 11
    std::chrono::milliseconds grace{5'000};  // between SIGTERM and SIGKILL
    std::chrono::milliseconds abandoned_push{
        3'600'000};  // a receive-pack without a gateway may take this long
    std::chrono::milliseconds drain_timeout{
        3'600'000};  // operations that outlive SIGTERM this long are ended
    std::chrono::milliseconds shutdown_timeout{30'000};  // likewise, when the machine goes down (SIGUSR1)
    std::chrono::milliseconds peer_timeout{900'000};     // a gateway that takes no byte for so long is gone
    unsigned socket_buffer = 512 * 1024;                 // bytes each way; 0: the kernel's own tuning
};

struct AgentConfig {
    std::string file;                 // where it was read from; empty: from the command line
    std::string name;                 // the audience of tickets
    std::vector<std::string> listen;  // endpoints; may be empty when a socket is inherited
    std::string root;                 // absolute, without symbolic links
    Layout layout = Layout::flat;
    std::vector<std::string> adopt_from;  // as root; repositories may be taken over from there
    std::vector<TicketKey> ticket_keys;   // empty: unsigned OPENs, on unix sockets only
    std::string standby_file;             // empty: none
    std::string git = "/usr/bin/git";
    std::string hg = "/usr/bin/hg";      // needed for repositories of Mercurial alone
    std::string template_directory;      // of new repositories; empty: no hooks
    bool check_objects = true;           // that are pushed, as git fsck does
    std::optional<ForgeSettings> forge;  // whose hooks pushes run
    ServiceSet services = ServiceSet::all();
    unsigned threads = 0;  // 0: one per core, at most 4
    AgentLimits limits;
    LogConfig log;

    // Of git, where the forge has one; else empty.
    [[nodiscard]] std::string git_home() const { return forge ? forge->home : std::string(); }
    [[nodiscard]] unsigned thread_count() const;
    [[nodiscard]] unsigned starting_limit() const;  // for the whole agent
    // `most`: what the process has room for, whatever is configured.
    [[nodiscard]] OperationLimits operation_limits(unsigned most) const;
    // Of sessions of Git LFS, which count apart: eight, as git-lfs opens them, for each operation of git.
    [[nodiscard]] OperationLimits lfs_limits(unsigned most) const;
};

// Of the operations that a process has room for (at least one), those that git may be when there is no room
// for all that is configured: three quarters. The others are sessions of Git LFS.
[[nodiscard]] unsigned share_of_git(unsigned most);

template <class T>
using ConfigResult = tl::expected<T, std::vector<ConfigProblem>>;

// Reads the file and the ticket keys that it names. All problems come together.
[[nodiscard]] ConfigResult<AgentConfig> load_agent_config(const std::string& file);

// The same from text; the files and directories that it names must exist.
[[nodiscard]] ConfigResult<AgentConfig> parse_agent_config(std::string text, const std::string& name);

// For an agent without a file, as the embedded gateway starts it. `ticket_key` may be empty.
[[nodiscard]] Result<AgentConfig> make_agent_config(const std::string& name, const std::string& root,
                                                    const std::string& ticket_key);

}  // namespace gerve
