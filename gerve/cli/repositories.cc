#include <unistd.h>

#include <iostream>
#include <nlohmann/json.hpp>

#include "gerve/cli/commands.h"
#include "gerve/cli/file_server.h"
#include "gerve/cli/output.h"
#include "gerve/cli/site.h"

namespace gerve {
namespace {

struct RepositoryValues {
    std::optional<RepoPath> repo;
    std::optional<Login> owner;
    std::string name;
    std::string object_format;
    bool is_private = false;
    bool is_public = false;
    bool is_hg = false;
    bool yes = false;
    bool json = false;
};

constexpr const char* path_name = "OWNER/NAME";

// An entry without a repository is taken back; what else keeps it from being made is told with its remedy.
std::string take_back(Site& site, FileServer& server, const RepositoryRecord& record, const Undone& failed) {
    std::string told = failed.why;
    if (failed.fate == Fate::refused && server.size(record.path, record.id)) {
        told += "; " + server.name().text() +
                " has a repository of that name that does not belong to any entry here: inspect it on " +
                "the file server, move or remove it, then create the repository again";
    }
    const auto undone = site.registry().delete_repository(record.path);
    return undone ? told : told + "; and its entry could not be removed: " + explanation_of(undone.error());
}

// It may be there, or be made yet. Without an entry nobody could delete it or use its name; and what is
// disabled shows nobody what may have been there before.
std::string keep_disabled(Site& site, const RepositoryRecord& record, const Undone& failed) {
    const std::string path = record.path.text();
    const auto disabled = site.registry().disable_repository(record.path);
    return failed.why + "; whether " + path + " was created is unknown, and its entry remains" +
           (disabled ? ", disabled"
                     : " and could not be disabled (" + explanation_of(disabled.error()) + ")") +
           ". Find out with `gerve repo size " + path +
           "`: if the repository exists, run `gerve repo enable " + path +
           "`; if not, run `gerve repo delete " + path + "` and create it again";
}

// What the command says; nothing: it leaves it to the configuration.
std::optional<Visibility> wanted_visibility(const RepositoryValues& values) {
    if (values.is_private && values.is_public)
        throw Stop{usage_status, "--public cannot be combined with --private"};
    if (values.is_private) return Visibility::only_owner;
    return values.is_public ? std::optional(Visibility::everybody) : std::nullopt;
}

// A repository that is there, as a script that creates it once more finds it.
int take_known(FileServer& server, const RepositoryRecord& there, std::optional<Visibility> wanted,
               RepositoryKind kind) {
    const std::string path = there.path.text();
    if (there.kind != kind) {
        throw Stop{refused_status, "repository " + path + " already exists, and it is of kind " +
                                       std::string(kind_name(there.kind)) +
                                       ": a repository cannot change its kind"};
    }
    if (wanted && there.is_public != (*wanted == Visibility::everybody)) {
        throw Stop{refused_status, "repository " + path + " already exists, and it is " +
                                       (there.is_public ? "public: `gerve repo make-private "
                                                        : "private: `gerve repo make-public ") +
                                       path + "` changes that"};
    }
    const auto size = server.size(there.path, there.id);
    if (!size && size.error().fate == Fate::missing) {
        throw Stop{refused_status, "there is an entry for " + path + ", but " + size.error().why +
                                       ": if it was never created there, run `gerve repo delete " + path +
                                       "` and create it again"};
    }
    return there_already("repository " + path + " already exists" + (there.disabled ? " (disabled)" : ""));
}

// The row comes first: it gives the number by which a file server may file the repository.
int create(Site& site, const RepositoryValues& values) {
    site.details().add("repo", values.repo->text());
    const auto wanted = wanted_visibility(values);
    if (values.is_hg && !values.object_format.empty())
        throw Stop{usage_status, "--object-format is one of git's, and cannot be combined with --hg"};
    const auto kind = values.is_hg ? RepositoryKind::hg : RepositoryKind::git;
    (void)need(site.registry().show_account(values.repo->owner()));
    FileServer server(site, values.repo->owner());
    if (const auto there = site.registry().show_repository(*values.repo))
        return take_known(server, *there, wanted, kind);
    const Visibility visibility = wanted.value_or(site.config().repositories.default_visibility);
    const bool is_public = visibility == Visibility::everybody;
    site.details().add("visibility", name_in(visibility_names, visibility));
    if (values.is_hg) site.details().add("kind", kind_name(kind));
    const RepositoryRecord record = need(site.registry().create_repository(*values.repo, is_public, kind));
    const auto made = server.create(record.path, record.id, format_of(kind, values.object_format));
    if (made) {
        std::printf("created %s (%s%s)\n", record.path.text().c_str(),
                    std::string(name_in(visibility_names, visibility)).c_str(), values.is_hg ? ", hg" : "");
        return 0;
    }
    const bool unknown = made.error().fate == Fate::unknown;
    throw Stop{refused_status, unknown ? keep_disabled(site, record, made.error())
                                       : take_back(site, server, record, made.error())};
}

// NAME below the same owner, or OWNER/NAME.
RepoPath new_path(const RepoPath& old, const std::string& name) {
    auto path = RepoPath::parse(name.find('/') == std::string::npos ? old.owner().text() + "/" + name : name);
    if (!path) throw Stop{usage_status, "NEW: " + describe(path.error())};
    return *path;
}

// The file server does not have it by its old name. A rename that was cut short between disk and directory
// has left it by the new one, and is finished here; disabled, since it might be something else that was left
// there.
[[noreturn]] void finish_rename(Site& site, FileServer& server, const RepositoryRecord& record,
                                const RepoPath& to, const Undone& failed) {
    if (!server.size(to, record.id)) throw Stop{refused_status, failed.why};
    need(site.registry().disable_repository(record.path));
    const RepositoryRecord renamed = need(site.registry().rename_repository(record.path, to));
    const std::string path = renamed.path.text();
    throw Stop{refused_status,
               failed.why + ", but it has " + path +
                   ", probably because a rename was interrupted. The rename is finished now, and " + path +
                   " is disabled: inspect it on the file server, then run `gerve repo enable " + path + "`"};
}

void rename_on_disk(Site& site, FileServer& server, const RepositoryRecord& record, const RepoPath& to) {
    const auto moved = server.rename(record.path, to, record.id);
    if (moved) return;
    const Undone& failed = moved.error();
    if (failed.fate == Fate::missing) finish_rename(site, server, record, to, failed);
    if (failed.fate != Fate::unknown) throw Stop{refused_status, failed.why};
    throw Stop{refused_status,
               failed.why +
                   "; whether the file server has renamed it is unknown (find out with `gerve repo size " +
                   record.path.text() + "`), and its entry is unchanged: run the rename again"};
}

// On disk first: a name that is taken there must not be taken in the directory.
int rename(Site& site, const RepositoryValues& values) {
    const RepositoryRecord record = need(site.registry().show_repository(*values.repo));
    const RepoPath wanted = new_path(record.path, values.name);
    site.details().add("repo", record.path.text());
    site.details().add("before", record.path.text());
    site.details().add("after", wanted.text());
    const AccountRecord owner = need(site.registry().show_account(wanted.owner()));
    const RepoPath to(owner.login, wanted.name());  // the owner spelled as stored
    if (to.folded() != record.path.folded() && site.registry().show_repository(to)) {
        throw Stop{refused_status, "repository " + to.text() + " already exists"};
    }
    FileServer server(site, record.path.owner());
    rename_on_disk(site, server, record, to);
    const auto renamed = site.registry().rename_repository(record.path, to);
    if (!renamed) {
        const auto undone = server.rename(to, record.path, record.id);
        throw Stop{refused_status, explanation_of(renamed.error()) +
                                       (undone ? ""
                                               : "; the file server has renamed it to " + to.text() +
                                                     ", and cannot undo that: " + undone.error().why)};
    }
    std::printf("%s is now %s\n", record.path.text().c_str(), renamed->path.text().c_str());
    return 0;
}

// What `set-head` names may be written as git writes it.
std::string branch_of(const std::string& name) {
    constexpr std::string_view branches = "refs/heads/";
    return name.starts_with(branches) ? name.substr(branches.size()) : name;
}

int set_head(Site& site, const RepositoryValues& values) {
    const RepositoryRecord record = need(site.registry().show_repository(*values.repo));
    const std::string branch = branch_of(values.name);
    site.details().add("repo", record.path.text());
    need_git(record, "has no HEAD: a clone checks out the bookmark @, or the branch default");
    site.details().add("after", branch);
    const auto before = FileServer(site, record.path.owner()).set_head(record.path, record.id, branch);
    if (!before) throw Stop{refused_status, before.error().why};
    site.details().add("before", *before);
    std::printf("the default branch of %s is now %s\n", record.path.text().c_str(), branch.c_str());
    return 0;
}

// The object formats of git, of which "sha1" is the one that every git reads.
Setter object_format_into(std::string& into) {
    return [&into](const std::string& text) -> Result<void> {
        if (text != "sha1" && text != "sha256") return client_error("must be sha1 or sha256");
        into = text == "sha1" ? "" : text;
        return {};
    };
}

void confirm_deletion(const RepoPath& repo) {
    if (::isatty(STDIN_FILENO) == 0) return;
    std::printf("This deletes %s for good. Type its name to continue: ", repo.text().c_str());
    std::fflush(stdout);
    std::string answer;
    std::getline(std::cin, answer);
    if (answer != repo.text()) throw Stop{refused_status, "nothing was deleted"};
}

// On disk first; what is gone there already, from a deletion that was cut short, is no obstacle.
int remove(Site& site, const RepositoryValues& values) {
    const RepositoryRecord record = need(site.registry().show_repository(*values.repo));
    site.details().add("repo", record.path.text());
    if (!values.yes) confirm_deletion(record.path);
    const auto removed = FileServer(site, record.path.owner()).remove(record.path, record.id);
    const bool missing = !removed && removed.error().fate == Fate::missing;
    if (!removed && removed.error().fate == Fate::unknown) {
        throw Stop{
            refused_status,
            removed.error().why +
                "; whether the file server has deleted it is unknown (find out with `gerve repo size " +
                record.path.text() + "`), and its entry remains: run the delete again"};
    }
    if (!removed && !missing) throw Stop{refused_status, removed.error().why};
    (void)need(site.registry().delete_repository(record.path));
    if (missing) {
        complain(removed.error().why +
                 ": only its entry was removed; if the repository is elsewhere, delete it there");
    }
    return 0;
}

int list(Site& site, const RepositoryValues& values) {
    const auto records = need(site.registry().list_repositories(values.owner));
    Json out = Json::array();
    Table table({"REPOSITORY", "KIND", "VISIBILITY", "STATE", "CREATED"});
    for (const RepositoryRecord& record : records) {
        const char* visibility = record.is_public ? "public" : "private";
        out.push_back({{"repository", record.path.text()},
                       {"id", number_of(record.id)},
                       {"kind", kind_name(record.kind)},
                       {"visibility", visibility},
                       {"state", record.state()},
                       {"created", time_text(record.created)},
                       {"archived", json_time(record.archived)},
                       {"disabled", json_time(record.disabled)}});
        table.add({record.path.text(), std::string(kind_name(record.kind)), visibility,
                   std::string(record.state()), time_text(record.created)});
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
    const char* former_name = nullptr;  // which keeps working
};

Command declare_mark(Command& repo, const char* name, const Mark& mark) {
    const auto values = std::make_shared<RepositoryValues>();
    return repo
        .change(name, mark.purpose,
                [values, set = mark.set](Site& site) {
                    site.details().add("repo", values->repo->text());
                    need(set(site.registry(), *values->repo));
                    return 0;
                })
        .argument(path_name, "The repository", parsed(values->repo));
}

void declare_marks(Command& repo) {
    const Mark marks[] = {
        {"archive", "Make a repository read-only.",
         [](Registry& registry, const RepoPath& path) { return registry.archive_repository(path); }},
        {"unarchive", "Let clients push to an archived repository again.",
         [](Registry& registry, const RepoPath& path) { return registry.unarchive_repository(path); }},
        {"disable", "Answer everybody as if a repository did not exist.",
         [](Registry& registry, const RepoPath& path) { return registry.disable_repository(path); }},
        {"enable", "Serve a disabled repository again.",
         [](Registry& registry, const RepoPath& path) { return registry.enable_repository(path); }},
        {"make-public",
         "Let every account read a repository, and every client over git:// where listen.git is set.",
         [](Registry& registry, const RepoPath& path) { return registry.set_repository_public(path, true); },
         "publish"},
        {"make-private", "Let only accounts with access read a repository.",
         [](Registry& registry, const RepoPath& path) { return registry.set_repository_public(path, false); },
         "hide"},
    };
    for (const Mark& mark : marks) {
        declare_mark(repo, mark.name, mark);
        if (mark.former_name != nullptr) declare_mark(repo, mark.former_name, mark).hidden();
    }
}

}  // namespace

void declare_repositories(Command& root) {
    Command repo = root.group("repo", "Repositories.");
    const auto created = std::make_shared<RepositoryValues>();
    repo.change("create",
                "Create an empty repository on its owner's file server; private, unless "
                "repositories.default_visibility says otherwise.",
                [created](Site& site) { return create(site, *created); })
        .argument(path_name, "The account that owns it, and its name", parsed(created->repo))
        .flag("--private", "Only its owner and accounts with a grant may read it", created->is_private)
        .flag("--public", "Every account may read it, and every client over git:// where listen.git is set",
              created->is_public)
        .option("--object-format", "FORMAT", "sha1 (the default), or sha256, which cannot be changed later",
                object_format_into(created->object_format))
        .flag("--hg", "A Mercurial repository, which hg reads and writes; this cannot be changed later",
              created->is_hg);
    const auto listed = std::make_shared<RepositoryValues>();
    repo.command("list", "List all repositories, or those of one owner.",
                 [listed](Site& site) { return list(site, *listed); })
        .optional_argument("OWNER", "Only repositories of this owner", parsed(listed->owner))
        .json(listed->json);
    const auto renamed = std::make_shared<RepositoryValues>();
    repo.change("rename", "Give a repository another name or owner; the old name keeps working.",
                [renamed](Site& site) { return rename(site, *renamed); })
        .argument(path_name, "The repository", parsed(renamed->repo))
        .argument("NEW", "NAME, or OWNER/NAME", word(renamed->name));
    const auto removed = std::make_shared<RepositoryValues>();
    repo.change("delete", "Delete a repository for good.",
                [removed](Site& site) { return remove(site, *removed); })
        .argument(path_name, "The repository", parsed(removed->repo))
        .flag("-y,--yes", "Do not ask for confirmation", removed->yes);
    const auto headed = std::make_shared<RepositoryValues>();
    repo.change("set-head", "Set the default branch, which a clone checks out.",
                [headed](Site& site) { return set_head(site, *headed); })
        .argument(path_name, "The repository", parsed(headed->repo))
        .argument("BRANCH", "An existing branch", word(headed->name));
    declare_adoption(repo);
    declare_inspection(repo);
    declare_repository_history(repo);
    declare_ref_restoring(repo);
    declare_marks(repo);
    repo.examples({"gerve repo create alice/hello --public", "gerve repo list alice",
                   "gerve repo adopt alice/site /srv/old/site.git --dry-run",
                   "gerve repo rename alice/hello greeting", "gerve repo set-head alice/greeting trunk",
                   "gerve repo archive alice/greeting", "gerve repo fsck alice/greeting bob/site",
                   "gerve repo history alice/greeting trunk", "gerve repo restore-ref alice/greeting trunk"});
}

}  // namespace gerve
