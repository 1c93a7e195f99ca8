#include "gerve/cli/import/gitolite_plan.h"

#include <algorithm>

#include "authz/base/text.h"

namespace gerve {
namespace {

Access access_of(const GitoliteReach& reach, GitoliteWrite least_writer) {
    if (reach.write != GitoliteWrite::none && reach.write >= least_writer) return Access::write;
    return reach.reads ? Access::read : Access::none;
}

Access access_before(const GitoliteReach& reach) {
    return reach.writes ? Access::write : reach.reads ? Access::read : Access::none;
}

// ImportFindings of one kind at one place are one finding, with all its cases.
class CaseBook {
  public:
    explicit CaseBook(const GitoliteConf& conf) : conf_(conf) {}

    void add(const FilePlace& place, const std::string& why, ImportEffect effect, AccessCase one) {
        ImportFinding& finding = found_[{place, why}];
        if (finding.cases.empty()) finding = {place, conf_.line_at(place), why, effect, {}};
        finding.cases.push_back(std::move(one));
    }
    void move_to(ImportFindings& findings) {
        for (auto& [key, finding] : found_) findings.push_back(std::move(finding));
    }

  private:
    const GitoliteConf& conf_;
    std::map<std::pair<FilePlace, std::string>, ImportFinding> found_;
};

class Planner {
  public:
    Planner(const GitoliteConf& conf, const GitoliteAccess& access, const Keydir& keydir,
            const ImportChoices& choices)
        : conf_(conf),
          access_(access),
          choices_(choices),
          repositories_(access.repositories()),
          names_(choices, keydir, repositories_),
          cases_(conf),
          plan_{choices.owner, {}, names_.organizations(), {}, {}, {}, conf.warnings} {
        append(keydir.findings);
        append(names_.findings());
        for (const auto& [user, keys] : keydir.users) plan_user(user, keys);
    }

    GitolitePlan make() {
        plan_teams();
        for (const GitoliteRepository& one : repositories_) {
            if (const RepoPath* path = names_.path_of(one.name)) plan_repository(one, *path);
        }
        list_lines();
        cases_.move_to(plan_.findings);
        std::ranges::stable_sort(plan_.findings, {}, &ImportFinding::place);
        return std::move(plan_);
    }

  private:
    void append(const ImportFindings& more) {
        plan_.findings.insert(plan_.findings.end(), more.begin(), more.end());
    }

    void plan_user(const std::string& user, const std::vector<KeydirKey>& keys) {
        const Login* login = names_.login_of(user);
        if (!login) return;
        plan_.users.insert(*login);
        for (const KeydirKey& one : keys) plan_.keys.push_back({*login, one.key, one.path});
    }

    // The groups that rules give something to, and all users where a rule says @all.
    void plan_teams() {
        std::map<Login, std::set<std::string>> groups;
        for (const GitoliteRepository& one : repositories_) {
            if (!names_.path_of(one.name)) continue;
            for (const GitoliteRule* rule : one.rules) {
                if (const auto team = team_of(*rule)) groups[*team].insert(rule->user);
            }
        }
        for (const auto& [team, same] : groups) {
            if (same.size() > 1) continue;  // but for case: their members get grants of their own
            std::set<Login> members = members_of(*same.begin());
            if (!members.empty()) plan_.teams.emplace(team, std::move(members));
        }
    }

    std::optional<Login> team_of(const GitoliteRule& rule) const {
        if (!rule.user.starts_with('@') || !rule.reads()) return std::nullopt;
        const auto name = Login::parse(rule.user.substr(1));
        return name ? std::optional(*name) : std::nullopt;
    }

    std::set<Login> members_of(const std::string& group) const {
        std::set<Login> members;
        for (const auto& [user, login] : names_.logins()) {
            if (access_.is_for(group, user)) members.insert(login);
        }
        return members;
    }

    void plan_repository(const GitoliteRepository& one, const RepoPath& path) {
        PlannedRepository planned{one.name, path, false, {}, {}};
        const GitoliteRule* exported_by = daemon_rule(one);
        planned.is_public = exported_by && choices_.daemon_is_public;
        for (const GitoliteRule* rule : one.rules) {
            const auto team = team_of(*rule);
            if (team && plan_.teams.contains(*team)) planned.teams.insert(*team);
        }
        for (const auto& [user, login] : names_.logins()) {
            const GitoliteReach reach = access_.reach(one, user);
            const Access after = reach.unsure ? Access::none : access_of(reach, choices_.least_writer);
            planned.access.emplace(login, after);
            note_case(one, user, reach, planned.is_public ? std::max(after, Access::read) : after);
            if (planned.is_public && access_before(reach) == Access::none)
                cases_.add(exported_by->place, public_text, ImportEffect::more,
                           {one.name, user, Access::none, Access::read});
        }
        if (exported_by && !planned.is_public) add(exported_by->place, private_text, ImportEffect::less);
        plan_.repositories.push_back(std::move(planned));
    }

    // What exports it to everybody. To gitolite, daemon is one of @all; here it has to be named.
    const GitoliteRule* daemon_rule(const GitoliteRepository& one) {
        const GitoliteReach daemon = access_.reach(one, "daemon");
        if (!daemon.reads || daemon.unsure) return nullptr;
        const GitoliteRule* for_all = nullptr;
        for (const GitoliteRule* rule : one.rules) {
            if (!rule->reads() || !access_.is_for(rule->user, "daemon")) continue;
            if (rule->user != "@all") return rule;
            for_all = rule;
        }
        if (for_all) add(for_all->place, all_text, ImportEffect::less);
        return nullptr;
    }

    static constexpr const char* all_text =
        "@all is every user with an account; git-daemon, to which gitolite exports this as well, counts "
        "only where a rule names daemon";
    static constexpr const char* private_text =
        "gitolite exports it to everybody (git-daemon); it stays private, and users with access alone read "
        "it";
    static constexpr const char* public_text =
        "gitolite exports it to everybody (git-daemon), so it becomes public: every account reads it, and "
        "where listen.git is set everybody (--private keeps it private)";

    FilePlace line_for(const GitoliteRepository& one, const std::string& user) const {
        for (const GitoliteRule* rule : one.rules) {
            if (rule->reads() && access_.is_for(rule->user, user)) return rule->place;
        }
        return one.place;
    }

    void note_case(const GitoliteRepository& one, const std::string& user, const GitoliteReach& reach,
                   Access after) {
        const Access before = access_before(reach);
        const AccessCase is_case{one.name, user, before, after};
        if (reach.unsure && before != after) {
            cases_.add(reach.unsure->place, unsure_text, ImportEffect::less, is_case);
        } else if (before == Access::write && after != Access::write) {
            const FilePlace place = reach.limit ? reach.limit->place : line_for(one, user);
            cases_.add(place, less_text(reach.write), ImportEffect::less, is_case);
        } else if (after == Access::write && reach.write < GitoliteWrite::full) {
            const char* why = reach.write == GitoliteWrite::any_ref ? any_ref_text : some_refs_text;
            cases_.add(reach.limit ? reach.limit->place : one.place, why, ImportEffect::more, is_case);
        }
    }

    static constexpr const char* unsure_text =
        "the configuration does not say whom this denies (an undeclared group or a role): it denies "
        "everybody";
    static constexpr const char* any_ref_text =
        "write access in Gerve also allows to force, create and delete (--write full gives these users read "
        "access; git's receive.denyNonFastForwards and receive.denyDeletes apply to all users of a "
        "repository)";
    static constexpr const char* some_refs_text =
        "write access in Gerve is to every ref and for all content (--write some-refs)";

    static std::string less_text(GitoliteWrite write) {
        if (write == GitoliteWrite::none)
            return "gitolite denies these users every push after all: read access";
        if (write == GitoliteWrite::some_refs)
            return "gitolite lets these users push to some refs, or some content, only: read access (--write "
                   "some-refs gives them write access, to every ref)";
        return "gitolite does not let these users force, create or delete: read access (--write any-ref "
               "gives them write access)";
    }

    // Lines that name users who get no account, and those that have no counterpart at all.
    void list_lines() {
        for (const auto& [key, rules] : conf_.rules) {
            if (is_wild(key)) add(conf_.repo_lines.at(key), wild_text, ImportEffect::less);
            for (const GitoliteRule& rule : rules) list_rule(rule);
        }
        for (const auto& [key, settings] : conf_.settings) {
            for (const GitoliteSetting& one : settings) list_setting(one);
        }
    }

    bool is_wild(const std::string& key) const {
        const auto group = conf_.groups.find(key);
        if (group == conf_.groups.end()) return !is_gitolite_name(key);
        return std::ranges::any_of(group->second,
                                   [](const auto& one) { return !is_gitolite_name(one.first); });
    }

    static constexpr const char* wild_text =
        "a pattern of wild repositories: Gerve creates none by a push, and those that exist are not in the "
        "configuration (take them over with `gerve repo create` and `gerve access grant`)";

    void list_rule(const GitoliteRule& rule) {
        if (rule.permission == "C")
            return add(rule.place, "Gerve creates no repository by a push", ImportEffect::less);
        if (is_gitolite_role(rule.user))
            return add(rule.place, "roles of wild repositories (" + rule.user + ") are not taken over",
                       ImportEffect::less);
        if (access_.is_undeclared(rule.user))
            return add(rule.place, rule.user + " is not declared here, so it has no members",
                       ImportEffect::less);
        if (rule.user == "gitweb") return add(rule.place, "Gerve has no web pages", ImportEffect::less);
        list_members(rule);
        const bool is_known =
            rule.user.starts_with('@') || rule.user == "daemon" || names_.login_of(rule.user);
        if (!is_known)
            add(rule.place, no_account_text + rule.user,
                rule.denies() ? ImportEffect::same : ImportEffect::less);
    }

    void list_members(const GitoliteRule& rule) {
        const auto group = conf_.groups.find(rule.user);
        if (group == conf_.groups.end()) return;
        std::string missing;
        for (const auto& [member, subconf] : group->second) {
            if (!names_.login_of(member)) missing += (missing.empty() ? "" : ", ") + printable(member);
        }
        if (!missing.empty())
            add(conf_.group_lines.at(rule.user), no_account_text + missing, ImportEffect::less);
    }

    static constexpr const char* no_account_text = "no key in the keydir, or no login, and no account: ";

    void list_setting(const GitoliteSetting& one) {
        if (one.name == "gitolite-options.deny-rules") return;  // it is obeyed
        const std::string_view name = one.name;
        if (name.starts_with("gitolite-options.mirror."))
            return add(one.place, "Gerve does not mirror, and takes pushes to what was a copy",
                       ImportEffect::more);
        if (name.starts_with("gitolite-options.hook."))
            return add(one.place, "hooks that gitolite runs are not taken over, and so refuse nothing",
                       ImportEffect::more);
        const bool is_option = name.starts_with("gitolite-options.");
        add(one.place,
            is_option ? "options of gitolite are not taken over"
                      : "not written to the repository's config file; what gitolite wrote there stays",
            ImportEffect::same);
    }

    void add(const FilePlace& place, const std::string& why, ImportEffect effect) {
        if (seen_.insert({place, why}).second)
            plan_.findings.push_back({place, conf_.line_at(place), why, effect, {}});
    }

    const GitoliteConf& conf_;
    const GitoliteAccess& access_;
    const ImportChoices& choices_;
    const std::vector<GitoliteRepository> repositories_;
    const GitoliteNames names_;
    CaseBook cases_;
    GitolitePlan plan_;
    std::set<std::pair<FilePlace, std::string>> seen_;
};

}  // namespace

GitolitePlan plan_gitolite(const GitoliteConf& conf, const GitoliteAccess& access, const Keydir& keydir,
                           const ImportChoices& choices) {
    return Planner(conf, access, keydir, choices).make();
}

std::vector<PlannedGrant> grants_for(const PlannedRepository& repository, const TeamMembers& teams) {
    std::vector<PlannedGrant> grants;
    std::map<Login, Access> covered;
    for (const Login& team : repository.teams) {
        const auto members = teams.find(team);
        if (members == teams.end() || members->second.empty()) continue;
        Access least = Access::write;
        for (const Login& member : members->second) {
            const auto wanted = repository.access.find(member);
            least = std::min(least, wanted == repository.access.end() ? Access::none : wanted->second);
        }
        if (least == Access::none) continue;
        grants.push_back({team, true, least});
        for (const Login& member : members->second) covered[member] = std::max(covered[member], least);
    }
    for (const auto& [login, wanted] : repository.access) {
        const auto by_team = covered.find(login);
        if (wanted > (by_team == covered.end() ? Access::none : by_team->second))
            grants.push_back({login, false, wanted});
    }
    return grants;
}

}  // namespace gerve
