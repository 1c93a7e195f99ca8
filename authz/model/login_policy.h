// LoginPolicy: what an organisation asks of the logins that use its repositories.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "authz/base/enum_names.h"
#include "authz/model/security_key.h"

namespace gerve {

// Which operations something is asked for.
enum class AskedFor : int { nothing = 0, pushes = 1, everything = 2 };
constexpr std::array<std::string_view, 3> asked_for_names{"off", "push", "all"};
[[nodiscard]] constexpr std::string_view asked_for_name(AskedFor what) {
    return name_in(asked_for_names, what);
}

struct LoginPolicy {
    bool post_quantum = false;           // of all clients
    AskedFor touch = AskedFor::nothing;  // of people: user presence, signed by a FIDO key
    AskedFor pin = AskedFor::nothing;    // of people: user verification, signed by a FIDO key
    bool deploy_keys = false;            // `touch` and `pin` of deploy keys, too

    [[nodiscard]] bool asks_anything() const {
        return post_quantum || touch != AskedFor::nothing || pin != AskedFor::nothing;
    }
    friend bool operator==(const LoginPolicy&, const LoginPolicy&) = default;
};

// "off", or "post-quantum, touch push, pin all, deploy keys".
[[nodiscard]] inline std::string text_of(const LoginPolicy& policy) {
    std::string text;
    const auto add = [&](const std::string& part) { text += (text.empty() ? "" : ", ") + part; };
    if (policy.post_quantum) add("post-quantum");
    if (policy.touch != AskedFor::nothing) add("touch " + std::string(asked_for_name(policy.touch)));
    if (policy.pin != AskedFor::nothing) add("pin " + std::string(asked_for_name(policy.pin)));
    if (policy.deploy_keys) add("deploy keys");
    return text.empty() ? "off" : text;
}

// What is to become of each part; nothing: it stays.
struct LoginPolicyChange {
    std::optional<bool> post_quantum{};
    std::optional<AskedFor> touch{};
    std::optional<AskedFor> pin{};
    std::optional<bool> deploy_keys{};

    [[nodiscard]] static LoginPolicyChange to(const LoginPolicy& policy) {
        return {policy.post_quantum, policy.touch, policy.pin, policy.deploy_keys};
    }
    [[nodiscard]] bool any() const { return post_quantum || touch || pin || deploy_keys; }
    [[nodiscard]] LoginPolicy over(const LoginPolicy& policy) const {
        return {post_quantum.value_or(policy.post_quantum), touch.value_or(policy.touch),
                pin.value_or(policy.pin), deploy_keys.value_or(policy.deploy_keys)};
    }
};

// What is known of how somebody logged in.
struct LoginFacts {
    std::optional<std::string> key_exchange{};     // nothing: not known
    bool attestation_known = false;                // whether the next is what there is
    std::optional<SecurityKeyUse> security_key{};  // of a FIDO key's signature
    bool behind_sshd = false;                      // which keeps the key exchange to itself
};

}  // namespace gerve
