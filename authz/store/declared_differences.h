// What the parts of compare_declared() share: one for each group of kinds.
#pragma once

#include "authz/store/declared_changes.h"

namespace gerve {

// What goes comes first, from the outside in, so that nothing hangs on what goes; then what comes, from the
// inside out; accounts at the very end, when nothing is left of them.
enum DeclaredTurn : unsigned {
    drop_grants,
    drop_team_members,
    drop_teams,
    drop_members,
    drop_keys,
    put_accounts,
    put_members,
    put_teams,
    put_team_members,
    put_repositories,
    put_keys,
    put_grants,
    drop_accounts,
};

// Both sides, and what is found. Borrows all but the latter.
class DeclaredDifferences {
  public:
    DeclaredDifferences(const DeclaredState& wanted, const DeclaredState& there,
                        const CompareOptions& options)
        : wanted_(wanted), there_(there), options_(options) {}

    void compare_people();        // accounts, members, teams (declared_people.cc)
    void compare_repositories();  // and grants (declared_repositories.cc)
    void compare_keys();          // (declared_keys.cc)

    [[nodiscard]] DeclaredComparison take() { return std::move(found_); }

    const DeclaredState& wanted() const { return wanted_; }
    const DeclaredState& there() const { return there_; }
    const CompareOptions& options() const { return options_; }
    DeclaredChange& note(DeclaredChange change) { return found_.changes.emplace_back(std::move(change)); }
    void keep(DeclaredKind kind) { ++found_.kept[kind]; }

  private:
    const DeclaredState& wanted_;
    const DeclaredState& there_;
    const CompareOptions& options_;
    DeclaredComparison found_;
};

// Each entry once: on both sides, declared only, or there only.
template <class Map, class Both, class Wanted, class There>
void walk_declared(const Map& wanted, const Map& there, Both both, Wanted only_wanted, There only_there) {
    for (const auto& [name, value] : wanted) {
        const auto found = there.find(name);
        found == there.end() ? only_wanted(name, value) : both(name, value, found->second);
    }
    for (const auto& [name, value] : there) {
        if (!wanted.contains(name)) only_there(name, value);
    }
}

}  // namespace gerve
