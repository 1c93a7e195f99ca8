// What the users, groups and repositories of a gitolite are called in Gerve.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "authz/model/repo_path.h"
#include "gerve/cli/import/gitolite_access.h"
#include "gerve/cli/import/gitolite_keydir.h"
#include "gerve/cli/import/import_finding.h"

namespace gerve {

struct ImportChoices {
    Login owner;  // the organisation of teams, and of repositories without a '/'
    std::map<std::string, RepoPath> repositories;         // by gitolite's name: goes before every other rule
    std::map<std::string, Login> users;                   // likewise
    bool flatten = false;                                 // a/b/c becomes a/b-c
    GitoliteWrite least_writer = GitoliteWrite::any_ref;  // those below it get read access
    bool daemon_is_public = true;  // what gitolite's user `daemon` reads becomes public
};

class GitoliteNames final {
  public:
    // Two names that are the same to Gerve, which does not distinguish case, are taken for neither.
    GitoliteNames(const ImportChoices& choices, const Keydir& keydir,
                  const std::vector<GitoliteRepository>& repositories);

    // Nothing: it cannot be named in Gerve, which is among the findings.
    [[nodiscard]] const Login* login_of(const std::string& user) const;
    [[nodiscard]] const RepoPath* path_of(const std::string& repository) const;
    [[nodiscard]] const std::map<std::string, Login>& logins() const { return logins_; }
    [[nodiscard]] const ImportFindings& findings() const { return findings_; }
    // The owner, and what stands before the '/' of the others.
    [[nodiscard]] std::set<Login> organizations() const;

  private:
    void name_users(const Keydir& keydir);
    void name_repositories(const std::vector<GitoliteRepository>& repositories);
    [[nodiscard]] Result<RepoPath> choose_path(const std::string& repository) const;

    const ImportChoices& choices_;
    std::map<std::string, Login> logins_;
    std::map<std::string, RepoPath> paths_;
    ImportFindings findings_;
};

}  // namespace gerve
