#include "gerve/worker/accounts.h"

#include <doctest/doctest.h>

#include <memory>
#include <optional>
#include <vector>

using namespace gerve;

namespace {

using Clock = Accounts::Clock;

KnownKey user_key(int user, int key) {
    return {KeyId{static_cast<std::int64_t>(key)}, Fingerprint::of_blob("key " + std::to_string(key)),
            User{AccountId{static_cast<std::int64_t>(user)}, *Login::parse("user" + std::to_string(user))}};
}

KnownKey deploy_key(int repo, int key) {
    return {KeyId{static_cast<std::int64_t>(key)}, Fingerprint::of_blob("key " + std::to_string(key)),
            DeployKey{RepoId{static_cast<std::int64_t>(repo)}, *RepoPath::parse("alice/site")}};
}

struct House {
    explicit House(const AccountLimits& limits, unsigned workers = 1) : accounts(limits, workers) {}
    // Whether it got in; the text is kept.
    bool come(const KnownKey& key) {
        auto seat = accounts.enter(
            key, [this](const std::string& why) { cut.push_back(why); }, now);
        if (!seat) text = seat.error();
        if (seat) seats.push_back(std::make_unique<Accounts::Connection>(std::move(*seat)));
        return text.empty() || seat.has_value();
    }
    Accounts accounts;
    Clock::time_point now = Clock::now();
    std::vector<std::unique_ptr<Accounts::Connection>> seats{};
    std::vector<std::string> cut{};
    std::string text{};
};

}  // namespace

TEST_CASE("a key and an account have so many connections, and others are not concerned") {
    House house({.connections_per_key = 2, .connections_per_account = 3});
    CHECK(house.come(user_key(1, 1)));
    CHECK(house.come(user_key(1, 1)));
    CHECK_FALSE(house.come(user_key(1, 1)));
    CHECK(house.text ==
          "ERROR: This key may have at most 2 connections at this gateway at once. Close some of them, then "
          "connect "
          "again.\n");
    CHECK(house.come(user_key(1, 2)));
    CHECK_FALSE(house.come(user_key(1, 3)));
    CHECK(house.text.find("This account may have at most 3 connections") != std::string::npos);
    CHECK(house.come(user_key(2, 4)));
    CHECK(house.come(deploy_key(1, 5)));  // no user's, whatever its number
    house.seats.erase(house.seats.begin());
    CHECK(house.come(user_key(1, 3)));
    house.seats.clear();
    CHECK(house.accounts.connections() == 0);
}

TEST_CASE("the deploy keys of one repository are one account") {
    House house({.connections_per_key = 2, .connections_per_account = 2});
    CHECK(house.come(deploy_key(7, 1)));
    CHECK(house.come(deploy_key(7, 2)));
    CHECK_FALSE(house.come(deploy_key(7, 3)));
    CHECK(house.come(deploy_key(8, 4)));
}

TEST_CASE("operations are counted over all connections, and end with their object") {
    House house({.operations_per_key = 2, .operations_per_account = 3});
    REQUIRE(house.come(user_key(1, 1)));
    REQUIRE(house.come(user_key(1, 1)));
    REQUIRE(house.come(user_key(1, 2)));
    std::optional<Accounts::Operation> first(std::move(*house.seats[0]->begin(Accounts::Kind::git)));
    const auto second = house.seats[1]->begin(Accounts::Kind::git);
    REQUIRE(second.has_value());
    const auto over = house.seats[0]->begin(Accounts::Kind::git);
    REQUIRE_FALSE(over.has_value());
    CHECK(over.error() ==
          "ERROR: This key may have at most 2 git operations at this gateway at once. Wait until some of "
          "them have "
          "ended, then try again.\n");
    const auto third = house.seats[2]->begin(Accounts::Kind::git);
    REQUIRE(third.has_value());
    const auto fourth = house.seats[2]->begin(Accounts::Kind::git);
    REQUIRE_FALSE(fourth.has_value());
    CHECK(fourth.error().find("This account may have at most 3 git operations") != std::string::npos);
    first.reset();
    CHECK(house.seats[0]->begin(Accounts::Kind::git).has_value());
}

TEST_CASE("sessions of Git LFS and git take no places from each other, and eight may run for each of git's") {
    using Kind = Accounts::Kind;
    House house({.operations_per_key = 1, .operations_per_account = 2});
    REQUIRE(house.come(user_key(1, 1)));
    REQUIRE(house.come(user_key(1, 2)));
    std::vector<Accounts::Operation> running;
    for (int i = 0; i < 8; ++i) running.push_back(std::move(*house.seats[0]->begin(Kind::lfs)));
    const auto over = house.seats[0]->begin(Kind::lfs);
    REQUIRE_FALSE(over.has_value());
    CHECK(over.error().starts_with(
        "ERROR: This key may have at most 8 Git LFS sessions at this gateway at once."));
    running.push_back(std::move(*house.seats[0]->begin(Kind::git)));
    CHECK_FALSE(house.seats[0]->begin(Kind::git).has_value());
    for (int i = 0; i < 8; ++i) running.push_back(std::move(*house.seats[1]->begin(Kind::lfs)));
    CHECK(house.seats[1]->begin(Kind::git).has_value());
    running.clear();
    CHECK(house.seats[0]->begin(Kind::lfs).has_value());
    CHECK(house.seats[0]->begin(Kind::git).has_value());
}

TEST_CASE("no limit is none for sessions of Git LFS either") {
    House house({.operations_per_key = 0, .operations_per_account = 0});
    REQUIRE(house.come(user_key(1, 1)));
    std::vector<Accounts::Operation> running;
    for (int i = 0; i < 100; ++i) {
        auto begun = house.seats[0]->begin(Accounts::Kind::lfs);
        REQUIRE(begun.has_value());
        running.push_back(std::move(*begun));
    }
}

TEST_CASE("the longest idle connection goes when there are too many, and none that works or is new") {
    House house({.idle_per_key = 2, .idle_per_account = 3});
    for (int i = 0; i < 5; ++i) REQUIRE(house.come(user_key(1, 1)));
    std::optional<Accounts::Operation> running(std::move(*house.seats[0]->begin(Accounts::Kind::git)));
    house.accounts.trim(house.now + Accounts::idle_after / 2);
    CHECK(house.cut.empty());
    house.now += 2 * Accounts::idle_after;
    REQUIRE(house.come(user_key(2, 9)));
    house.accounts.trim(house.now);
    REQUIRE(house.cut.size() == 2);  // five, of which one works and two may be idle
    CHECK(house.cut[0] ==
          "This key may have at most 2 idle connections at this gateway at once, and this was the longest "
          "idle. Connect "
          "again.");
    house.accounts.trim(house.now);
    CHECK(house.cut.size() == 2);  // each is cut once
    REQUIRE(house.come(user_key(1, 2)));
    REQUIRE(house.come(user_key(1, 2)));
    house.accounts.trim(house.now + 2 * Accounts::idle_after);
    CHECK(house.cut.size() == 3);  // four of the account, three of which may be idle
    CHECK(house.cut[2].starts_with("This account may have at most 3 idle"));
}

TEST_CASE("a worker has its share of a gateway's limit, and tells the whole of it") {
    House house({.connections_per_key = 128}, 2);
    for (int i = 0; i < 64; ++i) CHECK(house.come(user_key(1, 1)));
    CHECK_FALSE(house.come(user_key(1, 1)));
    CHECK(house.text.find("may have at most 128 connections") != std::string::npos);
}

TEST_CASE("zero is no limit") {
    House house(
        {.connections_per_key = 0, .connections_per_account = 0, .idle_per_key = 0, .idle_per_account = 0});
    for (int i = 0; i < 2000; ++i) CHECK(house.come(user_key(1, 1)));
    house.accounts.trim(house.now + 2 * Accounts::idle_after);
    CHECK(house.cut.empty());
}
