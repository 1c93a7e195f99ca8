#include "gerve/cli/import/gitolite_names.h"

#include <algorithm>

#include "authz/base/text.h"

namespace gerve {
namespace {

// Takes out all that are the same to Gerve; returns them.
template <class Value>
std::set<std::string> take_doubles(std::map<std::string, Value>& names) {
    std::map<Value, std::vector<std::string>> by_value;
    for (const auto& [name, value] : names) by_value[value].push_back(name);
    std::set<std::string> doubles;
    for (const auto& [value, same] : by_value) {
        if (same.size() > 1) doubles.insert(same.begin(), same.end());
    }
    for (const std::string& name : doubles) names.erase(name);
    return doubles;
}

}  // namespace

GitoliteNames::GitoliteNames(const ImportChoices& choices, const Keydir& keydir,
                             const std::vector<GitoliteRepository>& repositories)
    : choices_(choices) {
    name_users(keydir);
    name_repositories(repositories);
}

const Login* GitoliteNames::login_of(const std::string& user) const {
    const auto found = logins_.find(user);
    return found == logins_.end() ? nullptr : &found->second;
}

const RepoPath* GitoliteNames::path_of(const std::string& repository) const {
    const auto found = paths_.find(repository);
    return found == paths_.end() ? nullptr : &found->second;
}

std::set<Login> GitoliteNames::organizations() const {
    std::set<Login> organizations{choices_.owner};
    for (const auto& [name, path] : paths_) organizations.insert(path.owner());
    return organizations;
}

void GitoliteNames::name_users(const Keydir& keydir) {
    const auto refuse = [&](const std::string& user, const std::string& why) {
        add_finding(findings_, {"keydir", 0}, user,
                    why + ": no account; name one with --user " + printable(user, 64) + "=LOGIN",
                    ImportEffect::less);
    };
    for (const auto& [user, keys] : keydir.users) {
        const auto chosen = choices_.users.find(user);
        const auto login =
            chosen == choices_.users.end() ? Login::parse(user) : Result<Login>(chosen->second);
        if (!login)
            refuse(user, "not a login of Gerve");
        else if (*login == choices_.owner)
            refuse(user, "the organisation " + choices_.owner.text() + " (--owner) has this name");
        else
            logins_.emplace(user, *login);
    }
    for (const std::string& user : take_doubles(logins_))
        refuse(user, "another user has this login, since Gerve does not distinguish case");
}

Result<RepoPath> GitoliteNames::choose_path(const std::string& repository) const {
    const auto chosen = choices_.repositories.find(repository);
    if (chosen != choices_.repositories.end()) return chosen->second;
    const auto slash = repository.find('/');
    const std::string owner =
        slash == std::string::npos ? choices_.owner.text() : repository.substr(0, slash);
    std::string name = repository.substr(slash == std::string::npos ? 0 : slash + 1);
    if (choices_.flatten) std::ranges::replace(name, '/', '-');
    if (name.find('/') != std::string::npos)
        return client_error("Gerve names repositories OWNER/NAME (--flatten makes it " + owner + "/" +
                            printable(name.substr(0, name.find('/'))) + "-…)");
    const auto login = Login::parse(owner);
    if (!login) return client_error("not a login of Gerve: " + printable(owner));
    const auto last = RepoName::parse(name);
    if (!last) return client_error("not a name that Gerve gives a repository");
    return RepoPath(*login, *last);
}

// Below a user's login the user would own it, and have all of it.
void GitoliteNames::name_repositories(const std::vector<GitoliteRepository>& repositories) {
    std::map<std::string, FilePlace> places;
    const auto refuse = [&](const std::string& name, const std::string& why) {
        add_finding(findings_, places.at(name), "repo " + name,
                    why + ": not taken; name it with --map " + printable(name, 100) + "=OWNER/NAME",
                    ImportEffect::less);
    };
    std::set<Login> users;
    for (const auto& [user, login] : logins_) users.insert(login);
    for (const GitoliteRepository& one : repositories) {
        places.emplace(one.name, one.place);
        const auto path = choose_path(one.name);
        if (!path)
            refuse(one.name, path.error().told);
        else if (users.contains(path->owner()))
            refuse(one.name, path->owner().text() + " is a user, who would own it");
        else
            paths_.emplace(one.name, *path);
    }
    for (const std::string& name : take_doubles(paths_))
        refuse(name, "another repository has this name, since Gerve does not distinguish case");
}

}  // namespace gerve
