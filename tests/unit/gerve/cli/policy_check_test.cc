#include "gerve/cli/policy_check.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

using namespace gerve;

namespace {

AuditJson login_of(const std::string& who, const std::string& key, std::optional<int> flags,
                   const std::string& exchange = "mlkem768x25519-sha256",
                   const std::string& door = "gateway") {
    AuditJson event{{"event", "proven"}, {"fingerprint", key}, {"key", 1}, {"client", "c"}, {"door", door}};
    event[who.find('/') == std::string::npos ? "user" : "deploy_key_of"] = who;
    if (!exchange.empty()) event["key_exchange"] = exchange;
    if (flags) event["security_key"] = {{"flags", *flags}, {"counter", 1}};
    return event;
}

PolicyCheck check(const LoginPolicy& policy, const std::vector<AuditJson>& logins) {
    const std::vector<PolicySubject> subjects{
        {"alice", false}, {"Bob", false}, {"carol", false}, {"acme/site", true}};
    return check_policy(*Login::parse("acme"), policy, subjects, logins,
                        {{"sk", {"sk-ssh-ed25519@openssh.com"}},
                         {"plain", {"ssh-ed25519"}},
                         {"ended", {"ssh-ed25519", true}}});
}

}  // namespace

TEST_CASE("those with access who logged in otherwise than the policy asks are listed") {
    const auto found = check({.touch = AskedFor::pushes}, {
                                                              login_of("alice", "sk", 1),
                                                              login_of("bob", "plain", {}),
                                                              login_of("bob", "sk", 0),
                                                              login_of("stranger", "plain", {}),
                                                              login_of("acme/site", "plain", {}),
                                                          });
    CHECK(found.subjects == 4);
    CHECK(found.unseen == 1);
    CHECK(found.undecided == 0);
    REQUIRE(found.refusals.size() == 2);
    for (const PolicyRefusal& one : found.refusals) {
        CHECK(one.login["user"] == "bob");
        CHECK(one.pushes_only);
    }
    CHECK(found.refusals[0].why == std::vector<std::string>{"touch-required: it is not a security key"});
}

TEST_CASE("a policy for everything refuses everything, of deploy keys only where it says so") {
    LoginPolicy policy{.touch = AskedFor::everything};
    const std::vector<AuditJson> logins{login_of("acme/site", "plain", {})};
    CHECK(check(policy, logins).refusals.empty());
    policy.deploy_keys = true;
    REQUIRE(check(policy, logins).refusals.size() == 1);
    CHECK_FALSE(check(policy, logins).refusals[0].pushes_only);
}

TEST_CASE(
    "a login by a key that is revoked or has expired does not count, unless a certificate has the key") {
    const LoginPolicy policy{.touch = AskedFor::pushes};
    AuditJson login = login_of("alice", "ended", {});
    CHECK(check(policy, {login}).refusals.empty());
    CHECK(check(policy, {login}).unseen == 4);
    login["authority"] = "SHA256:x";
    CHECK(check(policy, {login}).refusals.size() == 1);
}

TEST_CASE("what an event does not say is not decided, but that sshd keeps the exchange to itself is known") {
    const auto of_old = check({.post_quantum = true}, {login_of("alice", "plain", {}, "")});
    CHECK(of_old.refusals.empty());
    CHECK(of_old.undecided == 1);
    const auto by_sshd = check({.post_quantum = true}, {login_of("alice", "plain", {}, "", "sshd")});
    CHECK(by_sshd.refusals.size() == 1);
    const auto sk_by_sshd = check({.touch = AskedFor::pushes}, {login_of("alice", "sk", {}, "", "sshd")});
    CHECK(sk_by_sshd.refusals.empty());
    CHECK(sk_by_sshd.undecided == 1);
    // Of a certificate.
    const auto certified = check({.touch = AskedFor::pushes}, {login_of("alice", "other", {}, "", "sshd")});
    CHECK(certified.refusals.empty());
    CHECK(certified.undecided == 1);
    CHECK(check({.touch = AskedFor::pushes}, {login_of("alice", "other", {})}).refusals.size() == 1);
    CHECK(check({.touch = AskedFor::pushes}, {login_of("alice", "plain", {}, "", "sshd")}).refusals.size() ==
          1);
    const auto old_client =
        check({.post_quantum = true}, {login_of("alice", "plain", {}, "curve25519-sha256")});
    REQUIRE(old_client.refusals.size() == 1);
    CHECK(old_client.refusals[0].why.front() == "post-quantum-required: curve25519-sha256");
}
