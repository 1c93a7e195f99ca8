#include "gerve/cli/import/gitolite_access.h"

#include <algorithm>

namespace gerve {
namespace {

// What is a repository, as opposed to a group and to what runs outside commands.
bool is_repository(const std::string& name) {
    return is_gitolite_name(name) && !name.starts_with('@') && name.find("EXTCMD/") == std::string::npos;
}

// An option counts when its last value is neither empty nor 0.
bool is_on(const std::vector<const GitoliteSetting*>& settings, std::string_view name) {
    std::string value;
    for (const GitoliteSetting* one : settings) {
        if (one->name == name) value = one->value;
    }
    return !value.empty() && value != "0";
}

bool has(const std::string& rights, char right) {
    return rights.find(right) != std::string::npos;
}

// The rights that count for a repository as soon as one rule names them (Gitolite::Conf::Sugar::rw_cdm).
std::string rights_of(const std::vector<const GitoliteRule*>& rules) {
    std::string rights = "W+";
    for (const char right : {'C', 'D', 'M'}) {
        const auto names_it = [&](const GitoliteRule* rule) {
            return rule->writes() && has(rule->permission, right);
        };
        if (std::ranges::any_of(rules, names_it)) rights += right;
    }
    return rights;
}

}  // namespace

bool is_every_ref(std::string_view refex) {
    return refex == "refs/.*" || refex == "refs/";
}

tl::expected<GitoliteAccess, std::vector<ConfigProblem>> GitoliteAccess::make(const GitoliteConf& conf) {
    GitoliteAccess access(conf);
    std::vector<ConfigProblem> problems;
    const auto add = [&](const std::string& name, const FilePlace& place) {
        if (is_gitolite_name(name) || access.patterns_.contains(name)) return;
        auto pattern = GitolitePattern::parse(name);
        if (pattern)
            access.patterns_.emplace(name, std::move(*pattern));
        else
            problems.push_back({place.file, place.line, 1, pattern.error().told, conf.line_at(place)});
    };
    for (const auto& [key, place] : conf.repo_lines) {
        add(key, place);
        const auto group = conf.groups.find(key);
        if (group == conf.groups.end()) continue;
        for (const auto& [member, subconf] : group->second) add(member, place);
    }
    if (!problems.empty()) return tl::make_unexpected(std::move(problems));
    return access;
}

// Gitolite::Conf::Load::memberships() of a repository that exists and is not wild.
std::set<std::string> GitoliteAccess::keys_of(const std::string& repository) const {
    std::set<std::string> keys{repository, "@all"};
    const auto names_it = [&](const std::string& name) {
        if (name == repository) return true;
        const auto pattern = patterns_.find(name);
        return pattern != patterns_.end() && pattern->second.matches(repository);
    };
    for (const auto& [key, place] : conf_->repo_lines) {
        const auto group = conf_->groups.find(key);
        const bool counts =
            group == conf_->groups.end()
                ? names_it(key)
                : std::ranges::any_of(group->second, names_it, [](const auto& m) { return m.first; });
        if (counts) keys.insert(key);
    }
    return keys;
}

GitoliteRepository GitoliteAccess::describe(const std::string& name, const FilePlace& place) const {
    GitoliteRepository one{name, place, {}};
    std::vector<const GitoliteSetting*> settings;
    for (const std::string& key : keys_of(name)) {
        if (const auto rules = conf_->rules.find(key); rules != conf_->rules.end()) {
            for (const GitoliteRule& rule : rules->second) one.rules.push_back(&rule);
        }
        if (const auto lines = conf_->settings.find(key); lines != conf_->settings.end()) {
            for (const GitoliteSetting& line : lines->second) settings.push_back(&line);
        }
    }
    std::ranges::stable_sort(one.rules, {}, &GitoliteRule::order);
    std::ranges::stable_sort(settings, {}, &GitoliteSetting::order);
    one.deny_rules = is_on(settings, "gitolite-options.deny-rules");
    one.rights = rights_of(one.rules);
    return one;
}

std::vector<GitoliteRepository> GitoliteAccess::repositories() const {
    std::map<std::string, FilePlace> names;
    for (const auto& [key, place] : conf_->repo_lines) {
        const bool has_rules = conf_->rules.contains(key);
        if (is_repository(key) && (has_rules || conf_->settings.contains(key))) names.emplace(key, place);
        const auto group = conf_->groups.find(key);
        if (group == conf_->groups.end() || !has_rules) continue;
        for (const auto& [member, subconf] : group->second) {
            if (is_repository(member)) names.emplace(member, place);
        }
    }
    std::vector<GitoliteRepository> found;
    for (const auto& [name, place] : names) found.push_back(describe(name, place));
    return found;
}

bool GitoliteAccess::is_undeclared(const std::string& group) const {
    return group.starts_with('@') && group != "@all" && !is_gitolite_role(group) &&
           !conf_->groups.contains(group);
}

bool GitoliteAccess::is_open(const std::string& group) const {
    return is_undeclared(group) || is_gitolite_role(group);
}

bool GitoliteAccess::is_for(const std::string& holder, const std::string& user) const {
    return holder == user || holder == "@all" || conf_->is_member(holder, user);
}

bool GitoliteAccess::is_denied(const GitoliteRule& rule, const std::string& user) const {
    return rule.denies() && (is_for(rule.user, user) || is_open(rule.user));
}

// Gitolite::Conf::Load::access() with the ref "any".
bool GitoliteAccess::passes(const GitoliteRepository& repository, const std::string& user, char right) const {
    for (const GitoliteRule* rule : repository.rules) {
        if (rule->denies()) {
            if (repository.deny_rules && is_for(rule->user, user)) return false;
        } else if (is_for(rule->user, user) && has(rule->permission, right)) {
            return true;
        }
    }
    return false;
}

// The first rule whose refex matches a ref and which has the right decides. So a right holds for every ref
// when a rule for every ref gives it, and no rule before that denies any ref.
GitoliteReach GitoliteAccess::write_reach(const GitoliteRepository& repository,
                                          const std::string& user) const {
    GitoliteReach reach;
    GitoliteWrite most = GitoliteWrite::full;
    std::string lacking = repository.rights;
    const auto limit = [&](const GitoliteRule* rule) { reach.limit = reach.limit ? reach.limit : rule; };
    for (const GitoliteRule* rule : repository.rules) {
        if (lacking.empty()) break;
        if (rule->is_vref()) continue;
        const bool is_every = is_every_ref(rule->refex);
        if (is_denied(*rule, user)) {
            limit(rule);
            if (is_every) break;
            most = std::min(most, has(lacking, 'W') ? GitoliteWrite::some_refs : GitoliteWrite::any_ref);
        } else if (rule->writes() && is_for(rule->user, user)) {
            limit(rule);
            reach.write = std::max(reach.write, is_every ? GitoliteWrite::any_ref : GitoliteWrite::some_refs);
            if (is_every) std::erase_if(lacking, [&](char right) { return has(rule->permission, right); });
        }
    }
    if (lacking.empty()) reach.write = GitoliteWrite::full;
    reach.write = std::min(reach.write, most);
    return reach;
}

GitoliteReach GitoliteAccess::reach(const GitoliteRepository& repository, const std::string& user) const {
    GitoliteReach reach = write_reach(repository, user);
    reach.reads = passes(repository, user, 'R');
    reach.writes = passes(repository, user, 'W');
    if (!reach.writes) reach.write = GitoliteWrite::none;
    for (const GitoliteRule* rule : repository.rules) {
        const bool denies = is_denied(*rule, user);
        if (denies && !reach.unsure && is_open(rule->user) && repository.deny_rules) reach.unsure = rule;
        // But for NAME, a VREF is a program, which may refuse a push whatever its rule says.
        const bool is_program = rule->is_vref() && !rule->refex.starts_with("VREF/NAME/");
        const bool may_refuse = is_program ? denies || is_for(rule->user, user) : rule->is_vref() && denies;
        if (!may_refuse || reach.write < GitoliteWrite::any_ref) continue;
        reach.write = GitoliteWrite::some_refs;
        reach.limit = rule;
    }
    if (reach.write == GitoliteWrite::full) reach.limit = nullptr;
    return reach;
}

}  // namespace gerve
