// PolicyAnswer: what a policy says of one operation, in the terms in which two policies can be compared.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "authz/base/text.h"

namespace gerve {

struct PolicyAnswer {
    bool allowed = false;
    std::string because;  // the rule that decided; "unknown-key", "revoked-key": it has no such live key
    bool hidden = false;  // denied in the words for a repository that does not exist
    bool writes = false;  // allowed, and the operation may write
    std::string user;     // whose key it is; empty: a deploy key's, or nobody's
    std::string repo;     // its name now; empty: there is none
    std::vector<std::string> facts{};  // what was asked, and the answers
};

// In what two answers differ: "decision", "hidden", "writes", "repository", "user". Rules and the case of
// names are another policy's own. Of operations that both deny, nothing but what is told counts.
[[nodiscard]] inline std::vector<std::string_view> differences(const PolicyAnswer& one,
                                                               const PolicyAnswer& other) {
    if (one.allowed != other.allowed) return {"decision"};
    std::vector<std::string_view> found;
    const auto note = [&](bool differs, std::string_view what) {
        if (differs) found.push_back(what);
    };
    if (!one.allowed) {
        note(one.hidden != other.hidden, "hidden");
        return found;
    }
    note(one.writes != other.writes, "writes");
    note(fold_case(one.repo) != fold_case(other.repo), "repository");
    note(fold_case(one.user) != fold_case(other.user), "user");
    return found;
}

}  // namespace gerve
