// PolicyAnswer: what a policy says of one operation, in the terms in which two policies can be compared.
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "authz/base/text.h"

namespace gerve {

struct PolicyAnswer {
    // unavailable: its directory was reached and gave no answer that makes sense.
    enum class Is { allow, deny, unavailable };
    // How a denial is told: in the words for a repository that does not exist, as a matter of the account, or
    // with its reason.
    enum class Told { missing, account, reason };

    Is is = Is::deny;
    bool knows_key = true;
    std::string because;  // the rule that decided; empty if none did
    Told told = Told::reason;
    bool writes = false;               // allowed, and the operation may write
    std::string user;                  // whose key it is; empty: a deploy key's, or nobody's
    std::string repo;                  // its name now; empty: there is none
    std::vector<std::string> facts{};  // what was asked, and the answers; or why there is none
};
constexpr std::array<std::string_view, 3> policy_answer_names{"allow", "deny", "unavailable"};
constexpr std::array<std::string_view, 3> policy_told_names{"missing", "account", "reason"};

// The result of comparing one decision.
enum class Compared {
    same,
    differed,
    unanswered,  // a policy was out of reach, or changed its answer meanwhile
    not_asked,   // a login by certificate, which only the directory of the first policy knows
    dropped      // too many were waiting
};
constexpr std::size_t compared_count = 5;
constexpr std::array<std::string_view, compared_count> compared_names{"same", "differed", "unanswered",
                                                                      "not_asked", "dropped"};

// In what two answers differ: "key", "decision", "told", "writes", "repository", "user". Rules and the case
// of names are another policy's own.
[[nodiscard]] inline std::vector<std::string_view> differences(const PolicyAnswer& one,
                                                               const PolicyAnswer& other) {
    if (one.knows_key != other.knows_key) return {"key"};
    if (one.is != other.is) return {"decision"};
    std::vector<std::string_view> found;
    const auto note = [&](bool differs, std::string_view what) {
        if (differs) found.push_back(what);
    };
    if (one.is != PolicyAnswer::Is::allow) {
        note(one.told != other.told, "told");
        return found;
    }
    note(one.writes != other.writes, "writes");
    note(fold_case(one.repo) != fold_case(other.repo), "repository");
    note(fold_case(one.user) != fold_case(other.user), "user");
    return found;
}

}  // namespace gerve
