// judge_login(): does a login meet what an organisation asks of those that use its repositories. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "authz/model/decision.h"
#include "authz/model/login.h"
#include "authz/model/login_policy.h"
#include "authz/model/service.h"

namespace gerve {

struct LoginVerdict {
    enum class Is { holds, fails, unknown };
    Rule rule;  // that refuses if it fails: post_quantum_required, touch_required, pin_required
    Is is;
    std::string why;   // for an administrator
    std::string told;  // the line for the client, if it fails
};

// One for each thing that is asked for this service of a person or a deploy key; unknown where the facts do
// not say.
[[nodiscard]] std::vector<LoginVerdict> judge_login(const Login& organization, const LoginPolicy& policy,
                                                    bool by_deploy_key, Service service,
                                                    const LoginFacts& facts);

// The first that fails; null: none.
[[nodiscard]] const LoginVerdict* find_failure(const std::vector<LoginVerdict>& verdicts);

}  // namespace gerve
