// Whether an OPEN is true and may be served here, and what it then means on this file server.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "authz/model/repo_path.h"
#include "authz/model/ticket.h"
#include "gerve/agent/admission/nonce_cache.h"
#include "gerve/agent/agent_config.h"
#include "gerve/agent/lfs/receive_hooks.h"
#include "gerve/agent/repository/environment.h"
#include "gerve/agent/repository/git_settings.h"
#include "gerve/agent/repository/leftovers.h"
#include "gerve/agent/repository/ref_restoring.h"
#include "gerve/relay/grv1.h"

namespace gerve {

// What the peer is told, and what the log says besides. Before its signature is checked, a peer learns
// nothing.
struct Refusal {
    grv1::Fail fail;
    std::string why;
};
template <class T>
using Admitted = tl::expected<T, Refusal>;

[[nodiscard]] tl::unexpected<Refusal> refuse(grv1::FailCode code, std::string why);

// FAIL 11, since the disk gave neither a yes nor a no. Only what changes nothing may be tried elsewhere; an
// administrator, whom service admin serves, is told the reason too.
[[nodiscard]] tl::unexpected<Refusal> refuse_storage(Service service, const Error& error);

// Half the time in which a ticket counts: it is accepted from 30 s before to 30 s after its own time.
constexpr std::chrono::milliseconds ticket_window{30'000};

// A second use of a ticket is noticed for as long as its time can be right.
constexpr std::chrono::milliseconds nonce_lifetime = 2 * ticket_window;

struct AdmissionTime {
    UnixMillis wall;
    std::chrono::steady_clock::time_point steady;
    [[nodiscard]] static AdmissionTime now() { return {unix_now(), std::chrono::steady_clock::now()}; }
};

// Version, signature, audience, clock, nonce, in this order. An unsigned OPEN is good only for an agent
// without keys, and only over a unix socket.
[[nodiscard]] Admitted<void> check_ticket(const ReceivedOpen& received, const AgentConfig& config,
                                          bool unix_socket, NonceCache& nonces, AdmissionTime now);

enum class AdminAction {
    none,
    create,
    rename,
    remove,
    fsck,
    size,
    set_head,
    restore_ref,
    inspect,
    adopt,
    inspect_tree,
    large_files  // one of the orders of lfs/upkeep.h
};

// What is about taking over a directory, and begins without a repository in its place.
[[nodiscard]] bool adopts(AdminAction action);

// An OPEN in terms of this machine.
struct Operation {
    Service service;
    AdminAction admin = AdminAction::none;
    RepoPath repo;
    std::uint64_t repo_id = 0;
    std::optional<RepoPath> new_repo;    // rename: its name from now on
    std::string branch;                  // set-head
    RefRestoring restoring;              // restore-ref
    Repair repair = Repair::no;          // fsck
    std::string source;                  // inspect, adopt, inspect-tree: the directory; empty: the place
    std::string from;                    // inspect-tree: where the page begins
    std::string order;                   // large_files: its name, and
    std::string argument;                // its argument
    std::string object_format = "sha1";  // create
    std::string directory;               // relative to the root
    std::string path;                    // absolute
    GitEnvironment environment;
    std::string who;                 // for reflogs: the login, "deploy-key", or "gerve"
    std::chrono::days keep_lost{0};  // what a push takes the name from
    SizeLimits sizes;
    std::uint64_t max_object = 0;   // lfs-upload: bytes; 0: no limit
    std::string write_refusal;      // hg-read: for a client that tries to write
    bool requires_objects = false;  // receive-pack: those that its pointers of Git LFS name
    std::string account;            // as Claimant has it
    std::string hooks_problem{};    // receive-pack: why the ticket is not enough for its hooks; empty: it is
    std::string connection;         // of the client, as the ticket names it; empty: it does not
    bool yields = false;            // nobody has logged in: git runs with the lowest priority
};

// Service, path, environment. Does not look at the disk.
[[nodiscard]] Admitted<Operation> resolve_operation(const Open& open, const AgentConfig& config);

enum class Standby { no, yes, unknown };
struct StandbyLook {
    Standby is;
    std::string why;  // it is unknown
};

// Whether the standby file is there. Blocks for as long as the disk takes.
[[nodiscard]] StandbyLook look_for_standby(const AgentConfig& config);

// Nothing when the agent may serve. One that cannot see whether it is on standby behaves as if it were: the
// other endpoint may be the one that serves. `look` is nothing when the disk did not answer.
[[nodiscard]] std::optional<Refusal> refusal_of(const std::optional<StandbyLook>& look);

// What is said of a disk that did not answer about `path` in time.
[[nodiscard]] Error silent_disk(const std::string& path);

// What is in the repository's place, before anything is begun there.
struct Place {
    std::string head;       // the ref that HEAD names; empty when it names a commit, or git is not to be run
    bool is_empty = false;  // receive-pack: there is no branch yet
    RepositoryKind kind = RepositoryKind::git;
    GitSettings settings;
    std::optional<lfs::ReceiveHooks> hooks;  // in front of the repository's own
    std::string hooks_problem;  // receive-pack: why its hooks would not do their work; empty: they would
};

// Whether the operation can begin: the repository exists, unless it is to be created, and git can be run in
// it where the operation runs git. Blocks for as long as the disk takes.
[[nodiscard]] Admitted<Place> look_at_place(const AgentConfig& config, const Operation& operation);

}  // namespace gerve
