#include "gerve/cli/file_server.h"

#include <sys/stat.h>
#include <unistd.h>

#include <functional>

#include "authz/base/clock.h"
#include "authz/base/text.h"
#include "authz/model/ticket.h"
#include "authz/service/explain.h"
#include "authz/service/ticket_keys.h"
#include "authz/state_directory.h"
#include "authz/store/directory.h"
#include "gerve/cli/local_user.h"

namespace gerve {
namespace {

// It says nothing until it is done; a machine that is gone is noticed by the kernel.
constexpr std::chrono::hours fsck_patience{24 * 7};

// What a call names that is about none.
constexpr std::string_view no_such_path = "gerve-import/nothing";

// Calls about a directory, which agents of 0.1.0 do not know. They begin without a repository in its place.
bool is_adoption(std::string_view call) {
    return call == "inspect" || call == "adopt" || call == "inspect-tree";
}

bool is_about_large_files(std::string_view call) {
    return call.starts_with("lfs-");
}

std::string storage_path(const RepoPath& repo) {
    return repo.text() + ".git";
}

std::string complaint_of(const AgentAnswer& answer) {
    const std::string_view said = trim(answer.errors);
    return said.empty() ? "the file server failed; its log says why" : printable(said, 1000);
}

AgentAnswer no_words() {
    return {};
}

AgentAnswer as_answer(const std::string& said) {
    return {0, said, ""};
}

}  // namespace

std::optional<Route> find_route_of(Site& site, const Login& owner) {
    QueryCounters counters;
    Directory directory(site.database(), counters, embedded_route(site.config()));
    return need(directory.find_route(owner));
}

Route route_of(Site& site, const Login& owner) {
    auto route = find_route_of(site, owner);
    if (route) return std::move(*route);
    throw Stop{refused_status, no_route_text(owner)};
}

std::string no_route_text(const Login& owner) {
    return owner.text() + " has no route: `gerve route set " + owner.text() + " SERVER`";
}

std::string format_of(RepositoryKind kind, const std::string& object_format) {
    return kind == RepositoryKind::git ? object_format : std::string(kind_name(kind));
}

void need_git(const RepositoryRecord& record, std::string_view why) {
    if (record.kind == RepositoryKind::git) return;
    throw Stop{refused_status, record.path.text() + " is a " + std::string(kind_title(record.kind)) +
                                   " repository, which " + std::string(why)};
}

struct FileServer::Order {
    std::string name;  // of GRV1's admin service
    RepoPath repo;
    RepoId id;
    std::string argument;
    std::string object_format;
    std::function<Result<AgentAnswer>(const Repositories&, std::uint64_t id)> here;  // done by ourselves
};

Ordered<void> FileServer::create(const RepoPath& repo, RepoId id, const std::string& object_format) {
    return change(
        {"create", repo, id, "", object_format, [&](const Repositories& all, std::uint64_t number) {
             return all.create(repo, number, object_format.empty() ? "sha1" : object_format).map(no_words);
         }});
}

Ordered<std::string> FileServer::set_head(const RepoPath& repo, RepoId id, const std::string& branch) {
    return ask_for_text(
        {"set-head", repo, id, branch, "", [&](const Repositories& all, std::uint64_t number) {
             return all.set_head(repo, number, branch).map(as_answer);
         }});
}

Ordered<RestoredRef> FileServer::restore_ref(const RepoPath& repo, RepoId id, const RefRestoring& restoring) {
    const auto said = ask_for_text(
        {"restore-ref", repo, id, restoring.ref + " " + restoring.object, "",
         [&](const Repositories& all, std::uint64_t number) {
             return all.restore_ref(repo, number, restoring, keep_lost()).map([](const auto& done) {
                 return as_answer(done.text());
             });
         }});
    if (!said) return tl::make_unexpected(said.error());
    if (auto restored = RestoredRef::parse(*said)) return std::move(*restored);
    return undone(Fate::unknown, "the file server sent an invalid answer: " + printable(*said));
}

Ordered<void> FileServer::rename(const RepoPath& from, const RepoPath& to, RepoId id) {
    return change(
        {"rename", from, id, storage_path(to), "", [&](const Repositories& all, std::uint64_t number) {
             return all.rename(from, to, number).map(no_words);
         }});
}

Ordered<void> FileServer::remove(const RepoPath& repo, RepoId id) {
    return change({"delete", repo, id, "", "", [&](const Repositories& all, std::uint64_t number) {
                       return all.remove(repo, number).map(no_words);
                   }});
}

Ordered<std::uint64_t> FileServer::size(const RepoPath& repo, RepoId id) {
    const auto answer =
        carry_out({"size", repo, id, "", "", [&](const Repositories& all, std::uint64_t number) {
                       return all.size(repo, number).map([](std::uint64_t bytes) {
                           return AgentAnswer{0, std::to_string(bytes), ""};
                       });
                   }});
    if (!answer) return tl::make_unexpected(answer.error());
    if (answer->status != 0) return undone(Fate::refused, complaint_of(*answer));
    const std::string_view said = trim(answer->output);
    if (const auto bytes = parse_decimal(said)) return *bytes;
    return undone(Fate::refused, "the file server sent an invalid size: " + printable(said));
}

Ordered<FsckReport> FileServer::fsck(const RepoPath& repo, RepoId id, Repair repair) {
    const std::string argument = repair == Repair::yes ? "repair" : "";
    const auto answer =
        carry_out({"fsck", repo, id, argument, "", [&](const Repositories& all, std::uint64_t number) {
                       return all.fsck(repo, number, repair).map([](const FsckReport& report) {
                           return AgentAnswer{report.status, report.output, ""};
                       });
                   }});
    if (!answer) return tl::make_unexpected(answer.error());
    return FsckReport{answer->status, answer->output + answer->errors};
}

Adoption FileServer::adoption_here(const Repositories& all) const {
    return {{site_.config().local_agent_root(), Layout::flat, {}}, all, "/usr/bin/git"};
}

Ordered<Inspection> FileServer::inspect(const RepoPath& repo, std::optional<RepoId> id,
                                        const std::string& directory) {
    const auto said = ask_for_text(
        {"inspect", repo, id.value_or(RepoId{}), directory, "",
         [&](const Repositories& all, std::uint64_t number) {
             return adoption_here(all).inspect(repo, number, directory).map([](const auto& found) {
                 return as_answer(found.text());
             });
         }});
    if (!said) return tl::make_unexpected(said.error());
    if (auto found = Inspection::parse(*said)) return std::move(*found);
    return undone(Fate::refused, "the file server sent an invalid answer: " + printable(*said));
}

Ordered<void> FileServer::adopt(const RepoPath& repo, RepoId id, const std::string& directory) {
    return change({"adopt", repo, id, directory, "", [&](const Repositories& all, std::uint64_t number) {
                       return adoption_here(all).adopt(repo, number, directory).map(no_words);
                   }});
}

Ordered<TreePage> FileServer::inspect_tree(const std::string& directory, const std::string& from) {
    const std::string argument = from.empty() ? directory : directory + "\n" + from;
    const auto said =
        ask_for_text({"inspect-tree", *RepoPath::parse(no_such_path), RepoId{}, argument, "",
                      [&](const Repositories& all, std::uint64_t) {
                          return adoption_here(all).inspect_tree(directory, from).map([](const auto& page) {
                              return as_answer(page.text());
                          });
                      }});
    if (!said) return tl::make_unexpected(said.error());
    if (auto page = TreePage::parse(*said)) return std::move(*page);
    return undone(Fate::refused, "the file server sent an invalid list of repositories");
}

Ordered<std::string> FileServer::large_files(const RepoPath& repo, RepoId id, const std::string& order,
                                             const std::string& argument) {
    return ask_for_text({order, repo, id, argument, "", [&](const Repositories& all, std::uint64_t number) {
                             return all.large_files(repo, number, order, argument).map(as_answer);
                         }});
}

Ordered<void> FileServer::change(const Order& order) {
    const auto answer = carry_out(order);
    if (!answer) return tl::make_unexpected(answer.error());
    if (answer->status != 0) return undone(Fate::refused, complaint_of(*answer));
    return {};
}

Ordered<std::string> FileServer::ask_for_text(const Order& order) {
    const auto answer = carry_out(order);
    if (!answer) return tl::make_unexpected(answer.error());
    if (answer->status != 0) return undone(Fate::refused, complaint_of(*answer));
    // Line feeds alone: the path of a lock may end with a blank.
    std::string_view said = answer->output;
    while (said.ends_with('\n')) said.remove_suffix(1);
    return std::string(said);
}

std::chrono::days FileServer::keep_lost() const {
    return site_.config().repositories.keep_lost;
}

bool FileServer::is_embedded(const Endpoint& endpoint) const {
    return site_.config().embedded && endpoint.kind() == Endpoint::Kind::unix_socket &&
           endpoint.host() == site_.config().local_agent_socket();
}

Undone FileServer::without_agent() const {
    std::string daemons;
    for (const Endpoint& endpoint : route_.endpoints) daemons += " " + endpoint.text();
    return {Fate::refused, "the file server " + name().text() +
                               " has no agent, and git daemons do not accept administrative commands: run "
                               "gerve-agent on the file server, and add the agent with `gerve server set " +
                               name().text() + " HOST:PORT" + daemons + "`"};
}

// The agents in their order, until one takes it up.
Ordered<AgentAnswer> FileServer::carry_out(const Order& order) {
    Ordered<AgentAnswer> done = tl::make_unexpected(without_agent());
    for (const Endpoint& endpoint : route_.endpoints) {
        if (endpoint.kind() == Endpoint::Kind::git_daemon) continue;
        done = ask(endpoint, order);
        if (done || done.error().fate != Fate::elsewhere) break;
    }
    if (!done && done.error().fate == Fate::missing)
        done.error().why = name().text() + " does not have " + order.repo.text();
    if (!done && done.error().misunderstood && (is_adoption(order.name) || is_about_large_files(order.name)))
        done.error().why +=
            ": if the gerve-agent of " + name().text() + " is older than this gerve, upgrade it";
    return done;
}

Ordered<AgentAnswer> FileServer::ask(const Endpoint& endpoint, const Order& order) {
    const auto connection = connect_to(endpoint);
    if (!connection) {
        if (is_embedded(endpoint)) return do_here(order);
        return undone(Fate::elsewhere, describe(connection.error()));
    }
    const auto keys = load_ticket_keys(site_.config());
    if (!keys) return undone(Fate::refused, explanation_of(keys.error()));
    Open open;
    open.service = Service::admin;
    open.owner = order.repo.owner().text();
    open.storage_path = storage_path(order.repo);
    open.request_id = RequestId::make().bytes();
    open.time = unix_now();
    open.nonce = random_bytes(16);
    open.audience = name().text();
    open.repo_id = static_cast<std::uint64_t>(number_of(order.id));
    open.admin = order.name;
    open.admin_argument = order.argument;
    open.object_format = order.object_format;
    open.keep_lost = keep_lost();
    return call_agent(*connection, encode_open(open, &keys->front()),
                      order.name == "fsck" || order.name == "lfs-prune" ? fsck_patience : admin_patience);
}

// `gerve serve` does not run: the disk is ours alone.
Ordered<AgentAnswer> FileServer::do_here(const Order& order) const {
    // What root makes here the agent of somebody else could not write to; and git does as the repository's
    // configuration says, which is theirs.
    const std::string owner = LocalUser::owner_of(site_.config().state);
    if (::geteuid() == 0 && !owner.empty() && owner != "root") {
        return undone(Fate::refused, "`gerve serve` is not running, and the repositories belong to " + owner +
                                         ": start `gerve serve`, or run this as " + owner);
    }
    if (auto made = make_agent_files(site_.config()); !made)
        return undone(Fate::refused, explanation_of(made.error()));
    const std::string root = site_.config().local_agent_root();
    if (order.name != "create" && !is_adoption(order.name)) {
        const auto place = open_below(root, storage_path(order.repo));
        if (!place && place.error().kind == ErrorKind::denied) return undone(Fate::missing, "");
        if (!place) return undone(Fate::refused, describe(place.error()));
    }
    auto answer =
        order.here(Repositories(root, Layout::flat), static_cast<std::uint64_t>(number_of(order.id)));
    if (!answer) return undone(Fate::refused, explanation_of(answer.error()));
    return std::move(*answer);
}

}  // namespace gerve
