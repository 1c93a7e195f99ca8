#include "gerve/cli/file_server.h"

#include <sys/stat.h>
#include <unistd.h>

#include "authz/base/clock.h"
#include "authz/model/ticket.h"
#include "authz/service/explain.h"
#include "authz/service/ticket_keys.h"
#include "authz/store/directory.h"
#include "gerve/agent/repositories.h"
#include "gerve/cli/agent_call.h"
#include "gerve/cli/local_user.h"
#include "gerve/server/state_directory.h"

namespace gerve {
namespace {

std::string storage_path(const RepoPath& repo) {
    return repo.text() + ".git";
}

}  // namespace

Route route_of(Site& site, const Login& owner) {
    QueryCounters counters;
    Directory directory(site.database(), counters, local_route(site.config().local_agent_socket()));
    auto route = need(directory.find_route(owner));
    if (route) return std::move(*route);
    throw Stop{refused_status, owner.text() + " has no route: `gerve route set " + owner.text() + " SERVER`"};
}

struct FileServer::Order {
    std::string name;  // of GRV1's admin service
    RepoPath repo;
    RepoId id;
    std::optional<RepoPath> to;
};

Result<void> FileServer::create(const RepoPath& repo, RepoId id) {
    return carry_out({"create", repo, id, std::nullopt});
}

Result<void> FileServer::rename(const RepoPath& from, const RepoPath& to, RepoId id) {
    return carry_out({"rename", from, id, to});
}

Result<void> FileServer::remove(const RepoPath& repo, RepoId id) {
    return carry_out({"delete", repo, id, std::nullopt});
}

bool FileServer::is_embedded(const Endpoint& endpoint) const {
    return site_.config().embedded && endpoint.kind() == Endpoint::Kind::unix_socket &&
           endpoint.host() == site_.config().local_agent_socket();
}

// The endpoints in their order, until one answers.
Result<void> FileServer::carry_out(const Order& order) {
    Result<void> done = unavailable("the file server " + route_.server.text() + " has no endpoint");
    for (const Endpoint& endpoint : route_.endpoints) {
        done = ask(endpoint, order);
        if (done || done.error().kind != ErrorKind::unavailable) return done;
    }
    return done;
}

Result<void> FileServer::ask(const Endpoint& endpoint, const Order& order) {
    const auto connection = connect_to(endpoint);
    if (!connection) {
        if (is_embedded(endpoint)) return do_here(order);
        return pass_on(connection);
    }
    const auto keys = load_ticket_keys(site_.config());
    if (!keys) return pass_on(keys);
    Open open;
    open.service = Service::admin;
    open.owner = order.repo.owner().text();
    open.storage_path = storage_path(order.repo);
    open.request_id = RequestId::make().bytes();
    open.time = unix_now();
    open.nonce = random_bytes(16);
    open.audience = route_.server.text();
    open.repo_id = static_cast<std::uint64_t>(number_of(order.id));
    open.admin = order.name;
    if (order.to) open.admin_argument = storage_path(*order.to);
    const auto answer = call_agent(*connection, encode_open(open, &keys->front()));
    if (!answer) return pass_on(answer);
    return {};
}

// `gerve serve` does not run: the disk is ours alone.
Result<void> FileServer::do_here(const Order& order) const {
    // What root makes here the agent of somebody else could not write to.
    const std::string owner = LocalUser::owner_of(site_.config().state);
    if (::geteuid() == 0 && !owner.empty() && owner != "root") {
        return fail(ErrorKind::denied, "`gerve serve` does not run, and the repositories are " + owner +
                                           "'s: start it, or run this as " + owner);
    }
    if (auto made = make_agent_files(site_.config()); !made) return made;
    const Repositories repositories(site_.config().local_agent_root(), Layout::flat);
    const auto id = static_cast<std::uint64_t>(number_of(order.id));
    if (order.name == "create") return repositories.create(order.repo, id);
    if (order.name == "rename") return repositories.rename(order.repo, *order.to, id);
    return repositories.remove(order.repo, id);
}

}  // namespace gerve
