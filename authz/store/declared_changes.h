// What differs between the directory and what a file declares: changes that an administrator reads, and that
// are made one by one in a transaction.
#pragma once

#include <functional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "authz/base/enum_names.h"
#include "authz/store/declared_state.h"
#include "authz/store/registry.h"

namespace gerve {

// In the order in which they are listed.
enum class DeclaredKind {
    user,
    organization,
    member,
    team,
    team_member,
    repository,
    key,
    deploy_key,
    grant,
};
// As programs read them.
constexpr std::array<std::string_view, 9> declared_kind_names{
    "user", "org", "org-member", "team", "team-member", "repository", "key", "deploy-key", "grant"};
// In a sentence: "user", "users".
[[nodiscard]] std::string_view noun_of(DeclaredKind kind, std::size_t count = 1);

enum class ChangeSign { add, change, remove };
constexpr std::array<std::string_view, 3> change_sign_names{"add", "change", "remove"};

// What a change of a repository asks of its file server.
enum class OnDisk {
    nothing,
    create,           // it is disabled until it is there
    create_disabled,  // and stays disabled
    enable,           // an entry that may not have been created there yet
};

struct DeclaredChange {
    ChangeSign sign = ChangeSign::add;
    DeclaredKind kind = DeclaredKind::user;
    std::string name{};       // "alice", "acme/site bob", "alice SHA256:…"
    std::string attribute{};  // "title", "expires"; empty: `before` and `after` speak for themselves
    std::string before{};
    std::string after{};
    // What it is about, by the names that audit events use: org, user, team, repo, fingerprint.
    std::vector<std::pair<std::string_view, std::string>> about{};
    TextPlace place{};  // where the file asks for it, if it does
    unsigned turn = 0;  // of making it; those of one turn do not depend on each other
    std::function<Result<void>(Registry&)> make{};
    OnDisk on_disk = OnDisk::nothing;
    std::optional<RepoPath> repository{};  // set unless on_disk is nothing

    // "+ user alice", "~ repository a/b: private -> public", "- grant a/b bob (write)": may hold a key's
    // title.
    [[nodiscard]] std::string text() const;
};

struct CompareOptions {
    bool prune = false;         // what is not declared goes
    bool uses_recorded = true;  // KeyOptions::uses_recorded
    std::set<Login> used;       // with `prune`: Registry::list_used_accounts()
};

// `changes` in the order of a reader: by kind and name. `kept`: what is not declared and stays, by kind.
struct DeclaredComparison {
    std::vector<DeclaredChange> changes;
    std::map<DeclaredKind, std::size_t> kept;
};

// Pruning withdraws access and destroys nothing: a repository is disabled, a user that owns one or logged in
// with a key is suspended, an organisation that owns one stays, keys are revoked.
[[nodiscard]] DeclaredComparison compare_declared(const DeclaredState& wanted, const DeclaredState& there,
                                                  const CompareOptions& options);

// A change that was refused.
struct RefusedChange {
    const DeclaredChange* change;
    std::string why;
};

// Makes the changes, in their turns, inside of a transaction of the caller's, which must not be committed
// unless nothing is refused. Once something is refused the rest of its turn is tried, for all that is wrong
// to be told at once. Error: unavailable.
[[nodiscard]] Result<std::vector<RefusedChange>> make_declared(Registry& registry,
                                                               const std::vector<DeclaredChange>& changes);

}  // namespace gerve
