// What gitolite lets a user do in a repository, decided from its rules as gitolite does
// (Gitolite::Conf::Load).
#pragma once

#include <set>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "gerve/cli/import/gitolite_conf.h"
#include "gerve/cli/import/gitolite_pattern.h"

namespace gerve {

// How far a writer may go, each with what the one before it may.
enum class GitoliteWrite {
    none,       // to no ref
    some_refs,  // to some refs, or of some content (VREF)
    any_ref,    // to every ref, but not all of: create, force, delete, merge
    full,
};
inline constexpr std::array<std::string_view, 4> gitolite_write_names{"none", "some-refs", "any-ref", "full"};

// Before git runs, gitolite asks with the ref "any", which matches every refex and, unless the option
// deny-rules is set, no rule that denies: that is `reads` and `writes`, which are what `gitolite access -q
// REPO USER R|W any` answers. What a push may do then is `write`.
struct GitoliteReach {
    bool reads = false;
    bool writes = false;
    GitoliteWrite write = GitoliteWrite::none;
    const GitoliteRule* limit = nullptr;  // what keeps `write` from being full
    // A rule denies an open group. Here everybody may be one of its members.
    const GitoliteRule* unsure = nullptr;
};

// All that counts for one repository.
struct GitoliteRepository {
    std::string name;
    FilePlace place;                         // where it is first named
    std::vector<const GitoliteRule*> rules;  // in the order in which they are tried
    bool deny_rules = false;
    std::string rights =
        "W+";  // what full write access takes: CREATE_IS_C, DELETE_IS_D, MERGE_CHECK add to it
};

class GitoliteAccess final {
  public:
    // `conf` is not owned, and must outlive it. Errors: patterns that Gerve cannot match as Perl does.
    [[nodiscard]] static tl::expected<GitoliteAccess, std::vector<ConfigProblem>> make(
        const GitoliteConf& conf);

    // Those that gitolite creates by itself: named in a repo line, or in a group that is.
    [[nodiscard]] std::vector<GitoliteRepository> repositories() const;
    [[nodiscard]] GitoliteReach reach(const GitoliteRepository& repository, const std::string& user) const;
    // Whether a rule for `holder` (a name, a group, "@all") is one for the user.
    [[nodiscard]] bool is_for(const std::string& holder, const std::string& user) const;
    [[nodiscard]] bool is_undeclared(const std::string& group) const;
    // Whether its members are not in the configuration: an undeclared group, whose members another program
    // knows, or a role, which `gitolite perms` gives.
    [[nodiscard]] bool is_open(const std::string& group) const;

  private:
    explicit GitoliteAccess(const GitoliteConf& conf) : conf_(&conf) {}
    [[nodiscard]] GitoliteRepository describe(const std::string& name, const FilePlace& place) const;
    [[nodiscard]] std::set<std::string> keys_of(const std::string& repository) const;
    [[nodiscard]] bool is_denied(const GitoliteRule& rule, const std::string& user) const;
    [[nodiscard]] bool passes(const GitoliteRepository& repository, const std::string& user,
                              char right) const;
    [[nodiscard]] GitoliteReach write_reach(const GitoliteRepository& repository,
                                            const std::string& user) const;

    const GitoliteConf* conf_;
    std::map<std::string, GitolitePattern> patterns_;  // by what they are written as
};

// A refex that every ref matches.
[[nodiscard]] bool is_every_ref(std::string_view refex);

}  // namespace gerve
