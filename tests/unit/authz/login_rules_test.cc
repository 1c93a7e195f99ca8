#include "authz/login_rules.h"

#include <doctest/doctest.h>

using namespace gerve;

namespace {

const Login acme = *Login::parse("acme");
constexpr auto push = Service::receive_pack;
constexpr auto fetch = Service::upload_pack;

LoginFacts by(std::string exchange, std::optional<std::uint8_t> flags) {
    LoginFacts facts{std::move(exchange), true, {}, false};
    if (flags) facts.security_key = SecurityKeyUse{*flags, 0};
    return facts;
}

// The rule that refuses, or "".
std::string refusal(const LoginPolicy& policy, Service service, const LoginFacts& facts,
                    bool by_deploy_key = false) {
    const auto verdicts = judge_login(acme, policy, by_deploy_key, service, facts);
    const LoginVerdict* failure = find_failure(verdicts);
    if (failure == nullptr) return "";
    CHECK(failure->told.starts_with("ERROR: acme requires "));
    CHECK(failure->told.ends_with("\n"));
    return std::string(rule_name(failure->rule));
}

const LoginFacts old_client = by("curve25519-sha256", 5);
const LoginFacts plain_key = by("mlkem768x25519-sha256", {});
const LoginFacts untouched = by("mlkem768x25519-sha256", 0);
const LoginFacts touched = by("mlkem768x25519-sha256", 1);
const LoginFacts with_pin = by("sntrup761x25519-sha512@openssh.com", 5);

}  // namespace

TEST_CASE("without a policy every login will do") {
    for (const LoginFacts& facts : {old_client, plain_key, untouched, LoginFacts{}})
        CHECK(judge_login(acme, {}, false, push, facts).empty());
}

TEST_CASE("a post-quantum key exchange is asked of everybody, for everything") {
    const LoginPolicy policy{.post_quantum = true};
    for (const Service service : {push, fetch, Service::upload_archive, Service::lfs_upload}) {
        CHECK(refusal(policy, service, old_client) == "post-quantum-required");
        CHECK(refusal(policy, service, old_client, true) == "post-quantum-required");
        CHECK(refusal(policy, service, by("", {})) == "post-quantum-required");
        CHECK(refusal(policy, service, plain_key) == "");
        CHECK(refusal(policy, service, with_pin) == "");
    }
}

TEST_CASE("a touch and a PIN are asked for pushes, or for everything") {
    const LoginPolicy touch{.touch = AskedFor::pushes};
    const LoginPolicy touch_all{.touch = AskedFor::everything};
    const LoginPolicy pin{.pin = AskedFor::pushes};
    CHECK(refusal(touch, push, plain_key) == "touch-required");
    CHECK(refusal(touch, Service::lfs_upload, plain_key) == "touch-required");
    CHECK(refusal(touch, push, untouched) == "touch-required");
    CHECK(refusal(touch, push, touched) == "");
    CHECK(refusal(touch, fetch, plain_key) == "");
    CHECK(refusal(touch_all, fetch, plain_key) == "touch-required");
    CHECK(refusal(touch_all, fetch, touched) == "");
    CHECK(refusal(pin, push, touched) == "pin-required");
    CHECK(refusal(pin, push, with_pin) == "");
    CHECK(refusal(pin, fetch, touched) == "");
    CHECK(refusal({.touch = AskedFor::pushes, .pin = AskedFor::everything}, fetch, touched) ==
          "pin-required");
}

TEST_CASE("deploy keys are asked for touch and PIN only where the policy says so") {
    LoginPolicy policy{.touch = AskedFor::everything, .pin = AskedFor::everything};
    CHECK(refusal(policy, push, plain_key, true) == "");
    policy.deploy_keys = true;
    CHECK(refusal(policy, push, plain_key, true) == "touch-required");
    CHECK(refusal(policy, push, touched, true) == "pin-required");
    CHECK(refusal(policy, push, with_pin, true) == "");
}

TEST_CASE("behind sshd what sshd was told to check counts, and the key exchange is not known") {
    LoginFacts facts{{}, true, SecurityKeyUse{1, 0}, true};
    CHECK(refusal({.post_quantum = true}, fetch, facts) == "post-quantum-required");
    CHECK(refusal({.touch = AskedFor::everything}, fetch, facts) == "");
    CHECK(refusal({.pin = AskedFor::everything}, fetch, facts) == "pin-required");
    facts.security_key->flags = 0;
    CHECK(refusal({.touch = AskedFor::everything}, fetch, facts) == "touch-required");
    facts.security_key.reset();
    CHECK(refusal({.touch = AskedFor::everything}, fetch, facts) == "touch-required");
}

TEST_CASE("what is not known is not decided") {
    const auto verdicts =
        judge_login(acme, {true, AskedFor::pushes, AskedFor::pushes, false}, false, push, LoginFacts{});
    REQUIRE(verdicts.size() == 3);
    for (const LoginVerdict& one : verdicts) CHECK(one.is == LoginVerdict::Is::unknown);
    CHECK(find_failure(verdicts) == nullptr);
}
