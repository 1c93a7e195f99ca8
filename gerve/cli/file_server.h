// The file server of an owner, as the administrative commands use it: through its agent, or in this process
// when the embedded default's agent does not run.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "authz/model/ids.h"
#include "authz/model/repo_path.h"
#include "authz/model/route.h"
#include "gerve/agent/repository/adoption.h"
#include "gerve/agent/repository/repositories.h"
#include "gerve/cli/agent_call.h"
#include "gerve/cli/site.h"

namespace gerve {

// Where an owner's repositories live; nothing, or a stop, when that is nowhere. Nobody needs an account to be
// routed where one server holds every owner.
[[nodiscard]] std::optional<Route> find_route_of(Site& site, const Login& owner);
[[nodiscard]] Route route_of(Site& site, const Login& owner);
[[nodiscard]] std::string no_route_text(const Login& owner);

// What create() calls a repository of this kind; `object_format` is of one of git.
[[nodiscard]] std::string format_of(RepositoryKind kind, const std::string& object_format = {});

// Stops with "OWNER/NAME is a Mercurial repository, and WHY" unless it is one of git.
void need_git(const RepositoryRecord& record, std::string_view why);

// Every call blocks until the work is done, or nobody takes it up. What an agent may have begun is never
// given to another: Fate::unknown is the end.
class FileServer {
  public:
    FileServer(Site& site, Route route) : site_(site), route_(std::move(route)) {}
    // Of the owner's route; stops when there is none.
    FileServer(Site& site, const Login& owner) : FileServer(site, route_of(site, owner)) {}

    [[nodiscard]] const ServerName& name() const { return route_.server; }

    // `object_format`: "sha256", "hg" for a repository of Mercurial, or "" for git's own default.
    [[nodiscard]] Ordered<void> create(const RepoPath& repo, RepoId id, const std::string& object_format);
    [[nodiscard]] Ordered<void> rename(const RepoPath& from, const RepoPath& to, RepoId id);
    [[nodiscard]] Ordered<void> remove(const RepoPath& repo, RepoId id);

    // The default branch from now on; returns the one before.
    [[nodiscard]] Ordered<std::string> set_head(const RepoPath& repo, RepoId id, const std::string& branch);

    // What the ref names then, and what it named before.
    [[nodiscard]] Ordered<RestoredRef> restore_ref(const RepoPath& repo, RepoId id,
                                                   const RefRestoring& restoring);

    // What is in a directory of the file server or, without one, in the repository's place. Without an id it
    // has no number yet. Changes nothing.
    [[nodiscard]] Ordered<Inspection> inspect(const RepoPath& repo, std::optional<RepoId> id,
                                              const std::string& directory);
    // Checks the directory again, and moves it to the repository's place.
    [[nodiscard]] Ordered<void> adopt(const RepoPath& repo, RepoId id, const std::string& directory);
    // One page of the repositories in a tree, from the `next` of the page before on. Changes nothing.
    [[nodiscard]] Ordered<TreePage> inspect_tree(const std::string& directory, const std::string& from);

    // Bytes that its files take on the disk.
    [[nodiscard]] Ordered<std::uint64_t> size(const RepoPath& repo, RepoId id);
    // Waits for as long as git takes.
    [[nodiscard]] Ordered<FsckReport> fsck(const RepoPath& repo, RepoId id, Repair repair);

    // An order of lfs/upkeep.h ("lfs-locks", …); the lines that it tells.
    [[nodiscard]] Ordered<std::string> large_files(const RepoPath& repo, RepoId id, const std::string& order,
                                                   const std::string& argument);

  private:
    struct Order;
    [[nodiscard]] Ordered<void> change(const Order& order);
    [[nodiscard]] Ordered<std::string> ask_for_text(const Order& order);
    [[nodiscard]] Adoption adoption_here(const Repositories& all) const;
    [[nodiscard]] std::chrono::days keep_lost() const;
    [[nodiscard]] Ordered<AgentAnswer> carry_out(const Order& order);
    [[nodiscard]] Ordered<AgentAnswer> ask(const Endpoint& endpoint, const Order& order);
    [[nodiscard]] Ordered<AgentAnswer> do_here(const Order& order) const;
    [[nodiscard]] Undone without_agent() const;
    [[nodiscard]] bool is_embedded(const Endpoint& endpoint) const;

    Site& site_;
    Route route_;
};

}  // namespace gerve
