#include "gerve/agent/repository/push_settling.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>

#include "gerve/agent/repository/loose_history.h"
#include "tests/unit/gerve/agent/repository/git_repository.h"

namespace gerve {
namespace {

using std::chrono::steady_clock;

struct Repository : GitRepository {
    [[nodiscard]] Forced forced(const std::string& old_id, const std::string& new_id) const {
        std::vector<RefChange> changes{taken(old_id, new_id)};
        CHECK(mark_possibly_forced(changes));
        CHECK(changes[0].forced == Forced::unknown);
        find_forced(place, changes, steady_clock::now() + std::chrono::seconds(20));
        return changes[0].forced;
    }
    [[nodiscard]] RefChange settled(const std::string& ref, const std::string& old_id,
                                    const std::string& new_id) const {
        RefChange change;
        change.ref = ref;
        change.old_id = old_id;
        change.new_id = new_id;
        std::vector<RefChange> changes{change};
        CHECK(has_open_outcome(changes));
        REQUIRE(settle_outcomes(place, changes, steady_clock::now() + std::chrono::seconds(20)));
        return changes[0];
    }
};

TEST_CASE("an update is forced when the old commit is no ancestor of the new one, loose or packed") {
    const Repository repository;
    const std::string first = repository.commit({}, "first");
    const std::string side = repository.commit({first}, "side");
    std::string tip = first;
    for (int i = 0; i < 5; ++i) tip = repository.commit({tip}, std::to_string(i));
    const std::string merge = repository.commit({side, tip}, "merge");
    repository.git({"update-ref", "refs/heads/merge", merge});
    const std::string objects = repository.path + "/objects";
    CHECK(reaches_over_loose(objects, merge, first, 100));
    CHECK(reaches_over_loose(objects, merge, side, 100));
    CHECK_FALSE(reaches_over_loose(objects, merge, none, 100));
    CHECK_FALSE(reaches_over_loose(objects, tip, first, 2));
    CHECK_FALSE(reaches_over_loose(objects, side, tip, 100));
    for (const bool packed : {false, true}) {
        CAPTURE(packed);
        if (packed) {
            repository.git({"repack", "-a", "-d", "--quiet"});
            repository.git({"prune-packed"});
            CHECK_FALSE(reaches_over_loose(objects, merge, first, 100));
        }
        CHECK(repository.forced(first, merge) == Forced::no);
        CHECK(repository.forced(tip, merge) == Forced::no);
        CHECK(repository.forced(merge, side) == Forced::yes);
        CHECK(repository.forced(tip, side) == Forced::yes);
        CHECK(repository.forced(std::string(40, '1'), tip) == Forced::unknown);
    }
    // What a replacement says is not the history.
    repository.git({"replace", "--graft", side, tip});
    CHECK(repository.forced(tip, side) == Forced::yes);
}

TEST_CASE("damaged objects prove nothing") {
    const Repository repository;
    const std::string first = repository.commit({}, "first");
    const std::string tip = repository.commit({first}, "tip");
    const std::string objects = repository.path + "/objects";
    const std::string file = objects + "/" + tip.substr(0, 2) + "/" + tip.substr(2);
    REQUIRE(reaches_over_loose(objects, tip, first, 10));
    std::filesystem::permissions(file, std::filesystem::perms::owner_write,
                                 std::filesystem::perm_options::add);
    for (const std::string& content :
         {std::string(), std::string("x"), std::string(5000, '\x78'), std::string(5000, '\0')}) {
        std::ofstream(file, std::ios::binary | std::ios::trunc) << content;
        CHECK_FALSE(reaches_over_loose(objects, tip, first, 10));
    }
}

TEST_CASE("what is not found out in time, or is too much, is unknown") {
    const Repository repository;
    const std::string first = repository.commit({}, "first");
    const std::string tip = repository.commit({first}, "tip");
    std::vector<RefChange> changes{repository.taken(first, tip)};
    REQUIRE(mark_possibly_forced(changes));
    find_forced(repository.place, changes, steady_clock::now() - std::chrono::seconds(1));
    CHECK(changes[0].forced == Forced::unknown);
    // Of the same move one look is enough.
    std::vector<RefChange> many(10'000, repository.taken(tip, first));
    REQUIRE(mark_possibly_forced(many));
    find_forced(repository.place, many, steady_clock::now() + std::chrono::seconds(20));
    CHECK(std::all_of(many.begin(), many.end(),
                      [](const RefChange& one) { return one.forced == Forced::yes; }));
}

TEST_CASE("an outcome is settled by what the ref itself names now") {
    const Repository repository;
    const std::string one = repository.commit({}, "one");
    const std::string two = repository.commit({one}, "two");
    const std::string three = repository.commit({two}, "three");
    repository.git({"update-ref", "refs/heads/main", two});
    // A tag whose name would be taken for it, if git were asked for a name and not for a ref.
    repository.git({"update-ref", "refs/tags/refs/heads/gone", one});
    repository.git({"update-ref", "refs/heads/dir/below", one});
    CHECK(repository.settled("refs/heads/main", one, two).outcome == RefOutcome::taken);
    CHECK(repository.settled("refs/heads/main", two, three).outcome == RefOutcome::refused);
    CHECK(repository.settled("refs/heads/main", one, three).outcome == RefOutcome::unknown);
    CHECK(repository.settled("refs/heads/gone", one, none).outcome == RefOutcome::taken);
    CHECK(repository.settled("refs/heads/gone", none, one).outcome == RefOutcome::refused);
    CHECK(repository.settled("refs/heads/dir", none, one).outcome == RefOutcome::refused);
    for (const char* odd : {"refs/heads/a b", "HEAD", "refs/heads/*", "refs/heads/x\n", "--all"})
        CHECK(repository.settled(odd, none, one).outcome == RefOutcome::refused);
    CHECK(repository.settled("refs/heads/main", one, two).settled);
}

TEST_CASE("a deletion that named an object which is not there tells no object") {
    const Repository repository;
    const std::string one = repository.commit({}, "one");
    std::vector<RefChange> changes{repository.taken(one, none), repository.taken(std::string(40, '1'), none)};
    CHECK(has_deletion(changes));
    REQUIRE(check_deletions(repository.place, changes, steady_clock::now() + std::chrono::seconds(20)));
    CHECK(changes[0].old_id == one);
    CHECK(changes[1].old_id == none);
    CHECK(kind_of(changes[1]) == "delete");
}

}  // namespace
}  // namespace gerve
