#include "gerve/worker/login_budget.h"

#include <doctest/doctest.h>

using namespace gerve;
using namespace std::chrono_literals;

namespace {

const LoginBudget::Time start{100h};
const std::string address = "192.0.2.7";

}  // namespace

TEST_CASE("a source may cost so much at once, and a part of the time after that") {
    LoginBudget budget;
    CHECK(budget.refusal(address, start).empty());
    budget.spend(address, LoginBudget::at_once - 1ms, start);
    CHECK(budget.refusal(address, start).empty());
    budget.spend(address, 1ms, start);
    const std::string refused = budget.refusal(address, start);
    CHECK(refused.find(address) != std::string::npos);
    CHECK(refused.find("Try again in") != std::string::npos);
    CHECK(budget.refusal("192.0.2.8", start).empty());
    CHECK(budget.refusal(address, start + 1s).empty());
    CHECK_FALSE(budget.refusal(address, start + 0ms).empty());
}

TEST_CASE("in an hour a source costs no more than its part of it") {
    LoginBudget budget;
    auto now = start;
    auto spent = 0ms;
    while (now < start + 1h) {
        if (budget.refusal(address, now).empty()) {
            budget.spend(address, 100ms, now);
            spent += 100ms;
        } else {
            now += 10ms;
        }
    }
    CHECK(spent <= LoginBudget::at_once + std::chrono::milliseconds(1h) / LoginBudget::refill_part + 100ms);
}

TEST_CASE("what a login that succeeded cost is given back") {
    LoginBudget budget;
    for (int i = 0; i < 10'000; ++i) {
        budget.spend(address, 5ms, start);
        REQUIRE(budget.refusal(address, start).empty());
        budget.give_back(address, 5ms);
    }
}

TEST_CASE("the addresses of one IPv6 network are one source") {
    LoginBudget budget;
    budget.spend("2001:db8::1", LoginBudget::at_once, start);
    CHECK_FALSE(budget.refusal("2001:db8::2", start).empty());
    CHECK(budget.refusal("2001:db8:0:1::1", start).empty());
}

TEST_CASE("sources that have refilled are forgotten") {
    LoginBudget budget;
    for (int i = 0; i < 5'000; ++i) {
        budget.spend("10.0." + std::to_string(i / 256) + "." + std::to_string(i % 256), 1ms, start + i * 1s);
    }
    CHECK(budget.sources() < 2'000);
}
