#include "gerve/agent/repository/push_allowance.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>

#include "authz/model/messages.h"
#include "tests/unit/gerve/agent/repository/git_repository.h"

namespace gerve {
namespace {

using Bound = PushAllowance::Bound;
constexpr std::uint64_t mib = 1 << 20;

// Two repositories of one owner.
struct Owner {
    TemporaryDirectory directory;
    std::string first = directory.path + "/first.git";
    std::string second = directory.path + "/second.git";
    KnownUsage usage;

    Owner() {
        for (const std::string& path : {first, second})
            std::filesystem::create_directories(path + "/objects");
    }
    static void fill(const std::string& path, std::size_t bytes) {
        std::ofstream(path + "/objects/file") << std::string(bytes, 'x');
    }
    [[nodiscard]] PushAllowance find(const SizeLimits& limits, Layout layout = Layout::flat) {
        const auto found = find_allowance(limits, layout, first, usage);
        REQUIRE(found);
        REQUIRE(*found);
        return **found;
    }
};

TEST_CASE("without limits a push may have any size") {
    Owner owner;
    const auto found = find_allowance({}, Layout::flat, owner.first, owner.usage);
    REQUIRE(found);
    CHECK_FALSE(*found);
}

TEST_CASE("the limit that is met first bounds a push") {
    Owner owner;
    Owner::fill(owner.first, mib);
    Owner::fill(owner.second, 3 * mib);
    CHECK(owner.find({2 * mib, 100 * mib, 100 * mib}).bound == Bound::push);
    CHECK(owner.find({2 * mib, 100 * mib, 100 * mib}).bytes == 2 * mib);
    const auto repository = owner.find({50 * mib, 2 * mib, 100 * mib});
    CHECK(repository.bound == Bound::repository);
    CHECK(repository.bytes == repository.limit - repository.used);
    CHECK(repository.used >= mib);
    CHECK(repository.bytes < mib);
    const auto all = owner.find({0, 0, 5 * mib});
    CHECK(all.bound == Bound::owner);
    CHECK(all.used >= 4 * mib);
    CHECK(all.bytes < mib);
    const RepoPath path = *RepoPath::parse("alice/site");
    CHECK(all.told(path) == messages::owner_full(path.owner(), all.used, 5 * mib));
}

TEST_CASE("what is full takes a pack without objects, and no more") {
    Owner owner;
    Owner::fill(owner.first, 2 * mib);
    CHECK(owner.find({0, mib, 0}).bytes == 64);
    CHECK(owner.find({1, 0, 0}).bytes == 64);
}

TEST_CASE("where the repositories of an owner stand apart, the owner has no limit") {
    Owner owner;
    const auto found = find_allowance({0, 0, 1}, Layout::hashed_id, owner.first, owner.usage);
    REQUIRE(found);
    CHECK_FALSE(*found);
}

TEST_CASE("what is known is not measured again until it is old") {
    Owner owner;
    using std::chrono::milliseconds;
    const auto before = owner.usage.of(owner.first, milliseconds(60'000)).value();
    Owner::fill(owner.first, mib);
    CHECK(owner.usage.of(owner.first, milliseconds(60'000)).value() == before);
    CHECK(owner.usage.of(owner.first, milliseconds(0)).value() >= before + mib);
    CHECK(owner.usage.of_all_in(owner.directory.path, milliseconds(60'000)).value() >= mib);
    CHECK(owner.usage.of_all_in(owner.directory.path + "/none", milliseconds(0)).value() == 0);
}

TEST_CASE("a lower limit of the repository's own counts, however it is written") {
    const GitRepository repository;
    const Deadline deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    const PushAllowance ten{Bound::push, 10 * mib, 0, 10 * mib};
    const auto with = [&](const std::optional<PushAllowance>& allowance) {
        const auto found = with_own_limit(allowance, repository.place, deadline);
        REQUIRE(found);
        return found->has_value() ? (*found)->bytes : 0;
    };
    CHECK(with(std::nullopt) == 0);
    CHECK(with(ten) == 10 * mib);
    repository.git({"config", "receive.maxInputSize", "1m"});
    CHECK(with(std::nullopt) == mib);
    CHECK(with(ten) == mib);
    repository.git({"config", "receive.maxInputSize", "20m"});
    CHECK(with(ten) == 10 * mib);
    for (const char* none_of_that : {"0", "-1", "much"}) {
        repository.git({"config", "receive.maxInputSize", none_of_that});
        CHECK(with(ten) == 10 * mib);
    }
}

}  // namespace
}  // namespace gerve
