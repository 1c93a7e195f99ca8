// `gerve import repositories`: all repositories of a tree on a file server, each as `repo adopt` takes one.
#include <algorithm>
#include <cstdio>
#include <map>
#include <nlohmann/json.hpp>

#include "authz/base/text.h"
#include "authz/service/explain.h"
#include "gerve/cli/adoption.h"
#include "gerve/cli/commands.h"
#include "gerve/cli/on_record.h"
#include "gerve/cli/output.h"

namespace gerve {
namespace {

struct ImportValues {
    std::string directory;
    std::optional<ServerName> server;
    std::optional<Login> owner;  // of what lies in no directory of an owner
    bool is_private = false;
    bool is_public = false;
    bool yes = false;
    bool json = false;
};

enum class ImportState { ready, there_already, refused, adopted, failed };
constexpr std::array<std::string_view, 5> verdict_names{"ready", "there already", "refused", "adopted",
                                                        "failed"};

struct Candidate {
    Inspection found;
    std::optional<RepoPath> repo;  // what it is to be, with its owner as stored where it has an account
    ImportState verdict = ImportState::ready;
    std::vector<std::string> refusals;
    std::optional<RepositoryRecord> entry;
};

// The one that was named, or the only one.
Route choose_server(Site& site, const std::optional<ServerName>& name) {
    const auto servers = need(site.registry().list_servers());
    if (auto local = embedded_route(site.config())) {
        if (name ? *name == local->server : servers.empty()) return std::move(*local);
    }
    for (const ServerRecord& server : servers) {
        if (name ? server.name == *name : servers.size() == 1) return {server.name, server.endpoints};
    }
    if (name)
        throw Stop{refused_status, "there is no file server " + name->text() + ": see `gerve server list`"};
    throw Stop{usage_status, "give the file server on which the tree is with --server"};
}

// Everything is looked at before anything is changed.
class ImportPlan {
  public:
    ImportPlan(Site& site, const ImportValues& values)
        : site_(site), values_(values), server_(site, choose_server(site, values.server)) {
        for (const AccountRecord& account : need(site.registry().list_accounts()))
            accounts_.emplace(account.login.folded(), account.login);
        for (RepositoryRecord& record : need(site.registry().list_repositories()))
            entries_.emplace(record.path.folded(), std::move(record));
    }

    std::vector<Candidate> look() {
        std::vector<Candidate> all;
        std::string from;
        do {
            auto page = server_.inspect_tree(values_.directory, from);
            if (!page) throw Stop{refused_status, page.error().why};
            if (!from.empty() && page->next == from)
                throw Stop{refused_status, "the file server cannot go on in " + shown(values_.directory)};
            for (Inspection& found : page->found) all.push_back(judge(std::move(found)));
            from = page->next;
        } while (!from.empty());
        refuse_equal_names(all);
        return all;
    }

    [[nodiscard]] FileServer& server() { return server_; }

  private:
    Candidate judge(Inspection found) {
        Candidate one{std::move(found), std::nullopt, ImportState::ready, {}, std::nullopt};
        auto repo = name_of(one.found);
        if (repo) {
            one.repo = std::move(*repo);
            judge_owner(one);
            judge_entry(one);
        } else {
            one.refusals.push_back(explanation_of(repo.error()));
        }
        if (one.verdict == ImportState::there_already) return one;
        for (const std::string& why : one.found.refusals) one.refusals.push_back(why);
        if (!one.refusals.empty()) one.verdict = ImportState::refused;
        return one;
    }

    [[nodiscard]] Result<RepoPath> name_of(const Inspection& found) const {
        const auto depth = std::count(found.name.begin(), found.name.end(), '/');
        if (depth == 1) return RepoPath::parse(found.name);
        if (depth > 1 && !found.filed_as.empty()) return RepoPath::parse(found.filed_as);
        if (depth > 1) {
            return client_error(
                "it is not in the directory of an owner: adopt it with `gerve repo adopt OWNER/NAME DIR`");
        }
        if (!values_.owner) return client_error("it is in no directory of an owner: give one with --owner");
        return RepoPath::parse(values_.owner->text() + "/" + found.name);
    }

    void judge_owner(Candidate& one) {
        const Login owner = one.repo->owner();
        const auto account = accounts_.find(owner.folded());
        if (account == accounts_.end()) {
            one.refusals.push_back(owner.text() + " has no account: `gerve user add " + owner.text() +
                                   "`, or `gerve user add " + owner.text() + " --org`");
            return;
        }
        one.repo = RepoPath(account->second, one.repo->name());
        if (std::string why = wrong_route(account->second); !why.empty())
            one.refusals.push_back(std::move(why));
    }

    // Why an owner's repositories are not to be on this file server; asked once for each.
    const std::string& wrong_route(const Login& owner) {
        const auto [known, is_new] = routes_.try_emplace(owner.folded());
        if (!is_new) return known->second;
        try {
            const Route route = route_of(site_, owner);
            if (route.server != server_.name())
                known->second = owner.text() + "'s repositories are on " + route.server.text() +
                                ", and not on " + server_.name().text() + ": `gerve route set` changes that";
        } catch (const Stop& stop) {
            known->second = stop.text;
        }
        return known->second;
    }

    void judge_entry(Candidate& one) {
        const bool stays = one.found.filed_as == one.repo->text();
        one.found.in_place = stays;
        if (const auto other = RepoPath::parse(one.found.filed_as); other && !stays && entry_of(*other))
            one.refusals.push_back("it is the repository " + other->text());
        const RepositoryRecord* entry = entry_of(*one.repo);
        if (entry == nullptr) return;
        if (stays) {
            one.verdict = ImportState::there_already;
            return;
        }
        const auto size = server_.size(entry->path, entry->id);
        if (size) {
            one.refusals.push_back("there is a repository " + entry->path.text() +
                                   " already: adopt this one by another name");
        } else if (size.error().fate == Fate::missing) {
            one.entry = *entry;  // of a command that was interrupted
        } else {
            one.refusals.push_back(size.error().why);
        }
    }

    [[nodiscard]] const RepositoryRecord* entry_of(const RepoPath& repo) const {
        const auto entry = entries_.find(repo.folded());
        return entry == entries_.end() ? nullptr : &entry->second;
    }

    // Names that differ in case alone are one name.
    static void refuse_equal_names(std::vector<Candidate>& all) {
        std::map<std::string, Candidate*> seen;
        for (Candidate& one : all) {
            if (!one.repo) continue;
            const auto [first, is_new] = seen.try_emplace(one.repo->folded(), &one);
            if (is_new) continue;
            for (Candidate* each : {first->second, &one}) {
                const Candidate& other = each == &one ? *first->second : one;
                if (each->verdict == ImportState::there_already) continue;
                each->verdict = ImportState::refused;
                each->refusals.push_back(shown(other.found.directory) +
                                         " has the same name: adopt it by another with `gerve repo adopt`");
            }
        }
    }

    Site& site_;
    const ImportValues& values_;
    FileServer server_;
    std::map<std::string, Login> accounts_;            // folded
    std::map<std::string, RepositoryRecord> entries_;  // folded
    std::map<std::string, std::string> routes_;        // what is wrong with that of an owner, folded
};

void print_candidates(const std::vector<Candidate>& all) {
    Table table({"REPOSITORY", "DIRECTORY", "OWNER", "HEAD", "FORMAT", "SIZE", "HOOKS", "VERDICT"});
    for (const Candidate& one : all) {
        const Inspection& found = one.found;
        std::string verdict(name_in(verdict_names, one.verdict));
        if (one.verdict == ImportState::refused) verdict += ": " + join(one.refusals, "; ");
        const auto text = [](const std::string& what) { return what.empty() ? "-" : shown(what); };
        table.add({one.repo ? one.repo->text() : "-", text(found.name), text(found.owner), text(found.head),
                   text(found.object_format), size_text(found.bytes), text(join(found.hooks, ", ")),
                   one_line(verdict)});
    }
    table.print("no repositories are there");
    for (const Candidate& one : all) {
        for (const std::string& note : one.found.notes)
            std::printf("%s: %s\n", one.repo ? one.repo->text().c_str() : shown(one.found.name).c_str(),
                        one_line(note).c_str());
    }
}

Json candidate_json(const Candidate& one) {
    const Inspection& found = one.found;
    return {{"repository", one.repo ? Json(one.repo->text()) : Json()},
            {"directory", found.directory},
            {"owner", found.owner},
            {"head", found.head},
            {"object_format", found.object_format},
            {"bytes", found.bytes},
            {"hooks", found.hooks},
            {"notes", found.notes},
            {"verdict", name_in(verdict_names, one.verdict)},
            {"refusals", one.refusals}};
}

// Each is an event of its own in the trail, so that an import that is interrupted has on record what it did.
// `tree`: the directory that they were found in. What was found there is told in letters for a terminal.
void adopt_all(Site& site, FileServer& server, const std::string& tree, std::vector<Candidate>& all,
               bool is_public, bool prints) {
    for (Candidate& one : all) {
        if (one.verdict != ImportState::ready) continue;
        const int status = run_on_record(site, "repo adopt", [&](Site& here) {
            here.details().add("repo", one.repo->text());
            try {
                const RepositoryRecord entry = take_over(
                    here, server,
                    {*one.repo, tree + "/" + one.found.name, one.found.in_place, is_public, one.entry});
                if (prints) print_adopted(entry);
            } catch (const Stop& stop) {
                one.refusals.push_back(stop.text);
                throw Stop{stop.status, one.repo->text() + ": " + stop.text};
            }
            return 0;
        });
        one.verdict = status == 0 ? ImportState::adopted : ImportState::failed;
        std::fflush(stdout);
    }
}

std::size_t count_of(const std::vector<Candidate>& all, ImportState verdict) {
    return static_cast<std::size_t>(
        std::count_if(all.begin(), all.end(), [&](const Candidate& one) { return one.verdict == verdict; }));
}

std::string summary_of(const std::vector<Candidate>& all) {
    std::string text;
    for (const ImportState verdict : {ImportState::adopted, ImportState::ready, ImportState::there_already,
                                      ImportState::refused, ImportState::failed}) {
        const std::size_t count = count_of(all, verdict);
        if (count > 0)
            text += (text.empty() ? "" : ", ") + std::to_string(count) + " " +
                    std::string(name_in(verdict_names, verdict));
    }
    return text;
}

int import_repositories(Site& site, const ImportValues& values) {
    check_directory(values.directory);
    if (values.is_private && values.is_public)
        throw Stop{usage_status, "--public cannot be combined with --private"};
    ImportPlan plan(site, values);
    auto all = plan.look();
    if (!values.json) print_candidates(all);
    const bool is_public =
        values.is_public ||
        (!values.is_private && site.config().repositories.default_visibility == Visibility::everybody);
    if (values.yes) adopt_all(site, plan.server(), values.directory, all, is_public, !values.json);
    if (values.json) {
        Json out = Json::array();
        for (const Candidate& one : all) out.push_back(candidate_json(one));
        print_json(out);
    } else if (!all.empty()) {
        const bool waits = count_of(all, ImportState::ready) > 0;
        std::printf("%s%s\n", summary_of(all).c_str(),
                    waits ? "; nothing was changed: --yes adopts what is ready" : "");
    }
    return count_of(all, ImportState::refused) + count_of(all, ImportState::failed) == 0 ? 0 : refused_status;
}

}  // namespace

void declare_import_repositories(Command& imports) {
    const auto values = std::make_shared<ImportValues>();
    imports
        .command(
            "repositories",
            "List the repositories in a directory of a file server, OWNER/NAME.git each, and adopt them.",
            [values](Site& site) { return import_repositories(site, *values); })
        .argument("DIR", "The directory, below the root of the file server's agent or its adopt_from",
                  word(values->directory))
        .option("--server", "NAME", "The file server; default: the only one", parsed(values->server))
        .option("--owner", "LOGIN", "Owner of the repositories that are in DIR itself, NAME.git",
                parsed(values->owner))
        .flag("--private", "Only owners and accounts with a grant may read them", values->is_private)
        .flag("--public", "Every account may read them, and every client over git:// where listen.git is set",
              values->is_public)
        .flag("-y,--yes", "Adopt those that are ready; default: only list them", values->yes)
        .json(values->json)
        .examples({"gerve import repositories /srv/git/.old",
                   "gerve import repositories /srv/git/.old --server fs1 --yes",
                   "gerve import repositories /srv/git/.gitolite --owner acme"});
}

}  // namespace gerve
