// The file server of an owner, as the administrative commands use it: through its agent, or in this process
// when the embedded default's agent does not run.
#pragma once

#include <string>

#include "authz/model/ids.h"
#include "authz/model/repo_path.h"
#include "authz/model/route.h"
#include "gerve/cli/site.h"

namespace gerve {

// Where an owner's repositories live. Stops when that is nowhere.
[[nodiscard]] Route route_of(Site& site, const Login& owner);

// Every call blocks until the work is done. Errors:
//   denied       there is no such repository on the file server (of create: there is one already)
//   unavailable  no endpoint answered
//   client       the file server refused
class FileServer {
  public:
    FileServer(Site& site, Route route) : site_(site), route_(std::move(route)) {}

    [[nodiscard]] Result<void> create(const RepoPath& repo, RepoId id);
    [[nodiscard]] Result<void> rename(const RepoPath& from, const RepoPath& to, RepoId id);
    [[nodiscard]] Result<void> remove(const RepoPath& repo, RepoId id);

  private:
    struct Order;
    [[nodiscard]] Result<void> carry_out(const Order& order);
    [[nodiscard]] Result<void> ask(const Endpoint& endpoint, const Order& order);
    [[nodiscard]] Result<void> do_here(const Order& order) const;
    [[nodiscard]] bool is_embedded(const Endpoint& endpoint) const;

    Site& site_;
    Route route_;
};

}  // namespace gerve
