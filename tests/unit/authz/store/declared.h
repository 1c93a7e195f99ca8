// Applying a declared state in a test, as `gerve apply` does it, without file servers.
#pragma once

#include "authz/store/declared_changes.h"
#include "tests/unit/authz/store/fixture.h"

namespace gerve::testing {

// What apply would change now.
[[nodiscard]] inline DeclaredComparison compare_with(Store& store, const DeclaredState& wanted,
                                                     bool prune = false) {
    Registry registry = store.registry();
    CompareOptions options{prune, true, {}};
    if (prune) options.used = must(registry.list_used_accounts());
    return compare_declared(wanted, must(registry.read_declared()), options);
}

// Makes it so, in a transaction; repositories count as created on their file servers.
inline DeclaredComparison apply_declared(Store& store, const DeclaredState& wanted, bool prune = false) {
    auto transaction = must(Transaction::begin(store.database()));
    DeclaredComparison found = compare_with(store, wanted, prune);
    Registry registry = store.registry();
    for (const RefusedChange& one : must(make_declared(registry, found.changes)))
        FAIL_CHECK(one.change->text() << ": " << one.why);
    for (const DeclaredChange& change : found.changes) {
        if (change.on_disk == OnDisk::create) must(registry.enable_repository(*change.repository));
    }
    must(transaction.commit());
    return found;
}

// The changes as they are listed.
[[nodiscard]] inline std::vector<std::string> lines_of(const DeclaredComparison& found) {
    std::vector<std::string> lines;
    for (const DeclaredChange& change : found.changes) lines.push_back(change.text());
    return lines;
}

}  // namespace gerve::testing
