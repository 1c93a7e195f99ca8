// inquire(): the one way from a principal and a git command to a decision and a route; for a login and for
// `gerve explain` alike.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "authz/login_rules.h"
#include "authz/model/decision.h"
#include "authz/model/git_command.h"
#include "authz/model/hook_variables.h"
#include "authz/model/principal.h"
#include "authz/store/directory.h"

namespace gerve {

// One thing the directory was asked, and what it said.
struct Fact {
    Query query;
    std::string asked;
    std::string answer;
};

struct Inquiry {
    Decision decision;
    std::optional<Repository> repository;
    std::optional<Route> route;              // looked up only when the decision is Allow
    Service service = Service::upload_pack;  // that was decided on: the one asked for, or most_of() it
    std::string write_refusal = {};          // what keeps it from being most_of() it, as a client is told
    std::vector<LoginVerdict> verdicts{};    // on what the owner asks of logins, for whom access is allowed
    Permission permission{};                 // nothing, unless it was asked
    bool permission_asked = false;
    HookVariables hooks{};  // inquire(), of a push that is allowed: what its hooks get
};

// Whether what is told leaves it open whether there is such a repository.
[[nodiscard]] bool hides(const Decision& decision);

// Without the route, and without a word on how somebody logged in: what runs is not ended by a new policy. A
// refusal that does not tell whether there is such a repository costs the same statements for each reason
// behind it, but for a name below the asker's own login. Error: unavailable.
[[nodiscard]] Result<Inquiry> inquire_access(Directory& directory, const Principal& principal,
                                             Service service, const RepoPath& repo,
                                             std::vector<Fact>* facts = nullptr);

// Access, the kind of repository, and what its organisation asks of the login; without the route. Error:
// unavailable.
[[nodiscard]] Result<Inquiry> inquire_login(Directory& directory, const Principal& principal, Service service,
                                            const RepoPath& repo, const LoginFacts& login,
                                            std::vector<Fact>* facts = nullptr);

// The same, and the route, which is asked for what is allowed alone. `facts`, unless null, gets each answer.
// Error: unavailable.
[[nodiscard]] Result<Inquiry> inquire(Directory& directory, const Principal& principal, Service service,
                                      const RepoPath& repo, const LoginFacts& login,
                                      std::vector<Fact>* facts = nullptr);

// For somebody who has not logged in, and fetches: without the route, and with it. Error: unavailable.
[[nodiscard]] Result<Inquiry> inquire_anonymous_access(Directory& directory, const RepoPath& repo);
[[nodiscard]] Result<Inquiry> inquire_anonymously(Directory& directory, const RepoPath& repo);

}  // namespace gerve
