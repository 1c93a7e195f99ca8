#include <unistd.h>

#include <iostream>
#include <nlohmann/json.hpp>

#include "authz/base/text.h"
#include "gerve/cli/commands.h"
#include "gerve/cli/file_server.h"
#include "gerve/cli/output.h"
#include "gerve/cli/site.h"

namespace gerve {
namespace {

using Json = nlohmann::ordered_json;

struct Values {
    std::optional<RepoPath> repo;
    std::optional<Login> owner;
    std::string name;
    bool is_private = false;
    bool yes = false;
    bool json = false;
};

constexpr const char* path_name = "OWNER/NAME";

FileServer server_of(Site& site, const Login& owner) {
    return FileServer(site, route_of(site, owner));
}

// The row comes first: it gives the number by which a file server may file the repository.
int create(Site& site, const Values& values) {
    site.details().add("repo", values.repo->text());
    (void)need(site.registry().show_account(values.repo->owner()));
    if (const auto there = site.registry().show_repository(*values.repo)) {
        throw Stop{refused_status, "there is already a repository " + there->path.text()};
    }
    FileServer server = server_of(site, values.repo->owner());
    const RepositoryRecord record = need(site.registry().create_repository(*values.repo, !values.is_private));
    const auto made = server.create(record.path, record.id);
    if (!made) {
        const auto undone = site.registry().delete_repository(record.path);
        throw Stop{refused_status,
                   explanation_of(made.error()) +
                       (undone ? "" : "; and its row stays: " + explanation_of(undone.error()))};
    }
    return 0;
}

// NAME below the same owner, or OWNER/NAME.
RepoPath new_path(const RepoPath& old, const std::string& name) {
    auto path = RepoPath::parse(name.find('/') == std::string::npos ? old.owner().text() + "/" + name : name);
    if (!path) throw Stop{usage_status, "NEW: " + describe(path.error())};
    return *path;
}

// On disk first: a name that is taken there must not be taken in the directory.
int rename(Site& site, const Values& values) {
    const RepositoryRecord record = need(site.registry().show_repository(*values.repo));
    const RepoPath wanted = new_path(record.path, values.name);
    site.details().add("repo", record.path.text());
    site.details().add("before", record.path.text());
    site.details().add("after", wanted.text());
    const AccountRecord owner = need(site.registry().show_account(wanted.owner()));
    const RepoPath to(owner.login, wanted.name());  // the owner spelled as stored
    if (to.folded() != record.path.folded() && site.registry().show_repository(to)) {
        throw Stop{refused_status, "there is already a repository " + to.text()};
    }
    FileServer server = server_of(site, record.path.owner());
    need(server.rename(record.path, to, record.id));
    const auto renamed = site.registry().rename_repository(record.path, to);
    if (!renamed) {
        const auto undone = server.rename(to, record.path, record.id);
        throw Stop{refused_status, explanation_of(renamed.error()) +
                                       (undone ? ""
                                               : "; and on the file server it is " + to.text() +
                                                     " now: " + explanation_of(undone.error()))};
    }
    std::printf("%s is %s now\n", record.path.text().c_str(), renamed->path.text().c_str());
    return 0;
}

void confirm_deletion(const RepoPath& repo) {
    if (::isatty(STDIN_FILENO) == 0) return;
    std::printf("This deletes %s for good. Type its name to go on: ", repo.text().c_str());
    std::fflush(stdout);
    std::string answer;
    std::getline(std::cin, answer);
    if (answer != repo.text()) throw Stop{refused_status, "nothing was deleted"};
}

// On disk first; what is gone there already, from a deletion that was cut short, is no obstacle.
int remove(Site& site, const Values& values) {
    const RepositoryRecord record = need(site.registry().show_repository(*values.repo));
    site.details().add("repo", record.path.text());
    if (!values.yes) confirm_deletion(record.path);
    const auto removed = server_of(site, record.path.owner()).remove(record.path, record.id);
    if (!removed && removed.error().kind != ErrorKind::denied) need(removed);
    (void)need(site.registry().delete_repository(record.path));
    return 0;
}

std::string state_of(const RepositoryRecord& record) {
    if (record.disabled) return "disabled";
    return record.archived ? "archived" : "active";
}

int list(Site& site, const Values& values) {
    const auto records = need(site.registry().list_repositories(values.owner));
    Json out = Json::array();
    Table table({"REPOSITORY", "VISIBILITY", "STATE", "CREATED"});
    for (const RepositoryRecord& record : records) {
        const char* visibility = record.is_public ? "public" : "private";
        out.push_back({{"repository", record.path.text()},
                       {"id", number_of(record.id)},
                       {"visibility", visibility},
                       {"state", state_of(record)},
                       {"created", format_time(record.created)},
                       {"archived", json_time(record.archived)},
                       {"disabled", json_time(record.disabled)}});
        table.add({record.path.text(), visibility, state_of(record), format_time(record.created)});
    }
    values.json ? print_json(out)
                : table.print("no repositories: make one with `gerve repo create OWNER/NAME`");
    return 0;
}

// The commands that set or clear one mark.
struct Mark {
    const char* name;
    const char* purpose;
    std::function<Result<void>(Registry&, const RepoPath&)> set;
};

void declare_marks(Command& repo) {
    const Mark marks[] = {
        {"archive", "Make a repository read-only.",
         [](Registry& registry, const RepoPath& path) { return registry.archive_repository(path); }},
        {"unarchive", "Let an archived repository be pushed to again.",
         [](Registry& registry, const RepoPath& path) { return registry.unarchive_repository(path); }},
        {"disable", "Hide a repository from everybody, as if it were not there.",
         [](Registry& registry, const RepoPath& path) { return registry.disable_repository(path); }},
        {"enable", "Undo disable.",
         [](Registry& registry, const RepoPath& path) { return registry.enable_repository(path); }},
        {"publish", "Let everybody with an account read a repository.",
         [](Registry& registry, const RepoPath& path) { return registry.set_repository_public(path, true); }},
        {"hide", "Make a repository private.",
         [](Registry& registry, const RepoPath& path) {
             return registry.set_repository_public(path, false);
         }},
    };
    for (const Mark& mark : marks) {
        const auto values = std::make_shared<Values>();
        repo.change(mark.name, mark.purpose,
                    [values, set = mark.set](Site& site) {
                        site.details().add("repo", values->repo->text());
                        need(set(site.registry(), *values->repo));
                        return 0;
                    })
            .argument(path_name, "The repository", parsed(values->repo));
    }
}

}  // namespace

void declare_repositories(Command& root) {
    Command repo = root.group("repo", "Repositories.");
    const auto created = std::make_shared<Values>();
    repo.change("create", "Make an empty repository, on the file server of its owner.",
                [created](Site& site) { return create(site, *created); })
        .argument(path_name, "The account that owns it, and its name", parsed(created->repo))
        .flag("--private", "Only its owner, and who is granted access, may read it", created->is_private);
    const auto listed = std::make_shared<Values>();
    repo.command("list", "List all repositories, or those of one owner.",
                 [listed](Site& site) { return list(site, *listed); })
        .optional_argument("OWNER", "Of this owner only", parsed(listed->owner))
        .json(listed->json);
    const auto renamed = std::make_shared<Values>();
    repo.change("rename", "Give a repository another name or owner; the old name goes on working.",
                [renamed](Site& site) { return rename(site, *renamed); })
        .argument(path_name, "The repository", parsed(renamed->repo))
        .argument("NEW", "NAME, or OWNER/NAME", word(renamed->name));
    const auto removed = std::make_shared<Values>();
    repo.change("delete", "Delete a repository for good.",
                [removed](Site& site) { return remove(site, *removed); })
        .argument(path_name, "The repository", parsed(removed->repo))
        .flag("-y,--yes", "Do not ask, at a terminal", removed->yes);
    declare_marks(repo);
    repo.examples({"gerve repo create alice/hello --private", "gerve repo list alice",
                   "gerve repo rename alice/hello greeting", "gerve repo archive alice/greeting"});
}

}  // namespace gerve
