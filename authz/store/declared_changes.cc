#include "authz/store/declared_changes.h"

#include <algorithm>

#include "authz/base/text.h"
#include "authz/store/declared_differences.h"

namespace gerve {

std::string_view noun_of(DeclaredKind kind, std::size_t count) {
    constexpr std::array<std::array<std::string_view, 2>, 9> nouns{{{"user", "users"},
                                                                    {"organisation", "organisations"},
                                                                    {"member", "members"},
                                                                    {"team", "teams"},
                                                                    {"team member", "team members"},
                                                                    {"repository", "repositories"},
                                                                    {"key", "keys"},
                                                                    {"deploy key", "deploy keys"},
                                                                    {"grant", "grants"}}};
    return nouns[static_cast<std::size_t>(kind)][count == 1 ? 0 : 1];
}

std::string DeclaredChange::text() const {
    constexpr std::string_view signs = "+~-";
    std::string line{signs[static_cast<std::size_t>(sign)]};
    line += " " + std::string(noun_of(kind)) + " " + name;
    if (sign == ChangeSign::change) {
        const std::string quote = attribute == "title" ? "\"" : "";
        line += ": " + attribute + (attribute.empty() ? "" : " ");
        return line + quote + before + quote + " -> " + quote + after + quote;
    }
    const std::string& value = sign == ChangeSign::add ? after : before;
    return value.empty() ? line : line + " (" + value + ")";
}

DeclaredComparison compare_declared(const DeclaredState& wanted, const DeclaredState& there,
                                    const CompareOptions& options) {
    DeclaredDifferences all(wanted, there, options);
    all.compare_people();
    all.compare_repositories();
    all.compare_keys();
    DeclaredComparison found = all.take();
    std::stable_sort(found.changes.begin(), found.changes.end(),
                     [](const DeclaredChange& a, const DeclaredChange& b) {
                         return std::pair(a.kind, fold_case(a.name)) < std::pair(b.kind, fold_case(b.name));
                     });
    return found;
}

Result<std::vector<RefusedChange>> make_declared(Registry& registry,
                                                 const std::vector<DeclaredChange>& changes) {
    std::vector<const DeclaredChange*> in_turn;
    in_turn.reserve(changes.size());
    for (const DeclaredChange& one : changes) in_turn.push_back(&one);
    std::stable_sort(in_turn.begin(), in_turn.end(),
                     [](const auto* a, const auto* b) { return a->turn < b->turn; });
    std::vector<RefusedChange> refused;
    for (const DeclaredChange* one : in_turn) {
        if (!refused.empty() && refused.back().change->turn != one->turn) break;
        const auto made = one->make(registry);
        if (made) continue;
        if (made.error().kind != ErrorKind::client) return pass_on(made);
        refused.push_back({one, describe(made.error())});
    }
    return refused;
}

}  // namespace gerve
