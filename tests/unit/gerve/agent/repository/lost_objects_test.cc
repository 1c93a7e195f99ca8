#include "gerve/agent/repository/lost_objects.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "gerve/agent/repository/garbage.h"
#include "tests/unit/gerve/agent/repository/git_repository.h"

namespace gerve {
namespace {

const Keeping ninety{std::chrono::days(90), {"alice", "00ff"}};

Deadline soon() {
    return std::chrono::steady_clock::now() + std::chrono::seconds(60);
}

// What the reflog names, but for the empty tree.
std::vector<std::string> kept(const GitRepository& repository) {
    const auto log = read_file(repository.path + "/logs/refs/gerve/lost");
    REQUIRE(log);
    const std::string empty = repository.git({"rev-parse", std::string(lost_ref)});
    std::vector<std::string> objects;
    for (const std::string_view line : split(trim(*log), '\n')) {
        CHECK(line.find(" alice <00ff> ") != std::string_view::npos);
        const std::string_view object = split(line, ' ')[1];
        if (object != empty) objects.emplace_back(object);
    }
    return objects;
}

TEST_CASE("what a deletion or a forced update took away is lost, and what was refused is not") {
    const std::string one(40, '1');
    const std::string two(40, '2');
    const auto change = [](const std::string& old_id, const std::string& new_id, RefOutcome outcome,
                           Forced forced) {
        return RefChange{"refs/heads/a", old_id, new_id, outcome, forced, false, ""};
    };
    CHECK(lost_objects({change(one, none, RefOutcome::taken, Forced::no)}) == std::vector{one});
    CHECK(lost_objects({change(one, two, RefOutcome::taken, Forced::yes)}) == std::vector{one});
    CHECK(lost_objects({change(one, two, RefOutcome::taken, Forced::unknown)}) == std::vector{one});
    CHECK(lost_objects({change(one, none, RefOutcome::taken, Forced::no),
                        change(one, two, RefOutcome::taken, Forced::yes),
                        change(two, one, RefOutcome::taken, Forced::yes)}) == std::vector{one, one, two});
    CHECK(lost_objects({change(one, two, RefOutcome::taken, Forced::no)}).empty());
    CHECK(lost_objects({change(none, two, RefOutcome::taken, Forced::no)}).empty());
    CHECK(lost_objects({change(none, none, RefOutcome::taken, Forced::no)}).empty());
    CHECK(lost_objects({change(one, none, RefOutcome::refused, Forced::no)}).empty());
    CHECK(lost_objects({change(one, none, RefOutcome::unknown, Forced::no)}) == std::vector{one});
    RefChange settled = change(one, none, RefOutcome::refused, Forced::no);
    settled.settled = true;  // by what the ref named afterwards, and another push may have made it again
    CHECK(lost_objects({settled}) == std::vector{one});
}

TEST_CASE("git gc keeps the objects, and the ref names none of them") {
    const GitRepository repository;
    const std::string one = repository.commit({}, "one");
    const std::string two = repository.commit({}, "two");
    REQUIRE(keep_objects(repository.place, {one, two}, ninety, soon()));
    CHECK(kept(repository) == std::vector{one, two});
    CHECK(repository.git({"cat-file", "-t", std::string(lost_ref)}) == "tree");
    repository.git({"gc", "--quiet", "--prune=now"});
    CHECK(repository.git({"cat-file", "-t", one}) == "commit");
    CHECK(repository.git({"config", "gc.refs/gerve/lost.reflogExpire"}) == "90.days.ago");
    REQUIRE(keep_objects(repository.place, {one}, {std::chrono::days(7), {"alice", "00ff"}}, soon()));
    CHECK(repository.git({"config", "--get-all", "gc.refs/gerve/lost.reflogExpireUnreachable"}) ==
          "7.days.ago");
    CHECK(kept(repository).size() == 3);
}

TEST_CASE("an object that is not there keeps none of the others from being kept") {
    const GitRepository repository;
    const std::string one = repository.commit({}, "one");
    const std::string two = repository.commit({}, "two");
    REQUIRE(keep_objects(repository.place, {one, std::string(40, '1'), two}, ninety, soon()));
    const auto objects = kept(repository);
    CHECK(std::count(objects.begin(), objects.end(), one) > 0);
    CHECK(std::count(objects.begin(), objects.end(), two) > 0);
    CHECK(repository.git({"cat-file", "-t", std::string(lost_ref)}) == "tree");
}

TEST_CASE("many objects are kept by a few entries, of whichever kind they are") {
    const GitRepository repository;
    std::vector<std::string> objects;
    for (int i = 0; i < 1'200; ++i) objects.push_back(repository.loose_commit(i));
    const std::string blob = repository.git({"hash-object", "-w", "-t", "blob", "/dev/null"});
    objects.push_back(blob);
    objects.insert(objects.end(), objects.begin(),
                   objects.begin() + 700);  // the refs of a push may share them
    REQUIRE(keep_objects(repository.place, objects, ninety, soon()));
    CHECK(kept(repository).size() == 4);
    repository.git({"gc", "--quiet", "--prune=now"});
    const auto left = kinds_of(repository.place, objects, soon());
    REQUIRE(left);
    CHECK(left->size() == 1'201);
    CHECK(repository.git({"cat-file", "-t", std::string(lost_ref)}) == "tree");
}

TEST_CASE("no hook of the repository has a say") {
    const GitRepository repository;
    const std::string hook = repository.path + "/hooks/reference-transaction";
    std::filesystem::create_directories(repository.path + "/hooks");
    std::ofstream(hook) << "#!/bin/sh\nexit 1\n";
    std::filesystem::permissions(hook, std::filesystem::perms::owner_all);
    REQUIRE(keep_objects(repository.place, {repository.commit({}, "one")}, ninety, soon()));
    CHECK(kept(repository).size() == 1);
}

TEST_CASE("nothing is written where nothing is to be kept") {
    const GitRepository repository;
    REQUIRE(keep_objects(repository.place, {}, ninety, soon()));
    REQUIRE(keep_objects(repository.place, {repository.commit({}, "one")},
                         {std::chrono::days(0), {"alice", "00ff"}}, soon()));
    REQUIRE(keep_objects(repository.place, {std::string(40, '1')}, ninety, soon()));
    CHECK_FALSE(std::filesystem::exists(repository.path + "/logs/refs/gerve/lost"));
}

TEST_CASE("pushes at once keep the objects of each") {
    const GitRepository repository;
    std::vector<std::string> objects;
    for (int i = 0; i < 8; ++i) objects.push_back(repository.commit({}, std::to_string(i)));
    std::vector<std::thread> pushes;
    for (const std::string& object : objects) {
        pushes.emplace_back([&repository, object] {
            const auto done = keep_objects(repository.place, {object}, ninety, soon());
            CHECK_MESSAGE(done, (done ? "" : describe(done.error())));
        });
    }
    for (std::thread& push : pushes) push.join();
    auto found = kept(repository);
    std::sort(found.begin(), found.end());
    std::sort(objects.begin(), objects.end());
    CHECK(found == objects);
}

TEST_CASE("git takes an input that no pipe holds, or does not read it") {
    const GitRepository repository;
    std::vector<std::string> many(20'000, std::string(40, '1'));
    many.back() = repository.commit({}, "one");
    const auto present = kinds_of(repository.place, many, soon());
    REQUIRE(present);
    CHECK(present->size() == 1);
    CHECK(present->at(many.back()) == "commit");
    const auto run = run_in(repository.place, {"version"}, soon(), std::string(1 << 20, 'x'));
    REQUIRE(run);
    CHECK(run->output.starts_with("git version"));
}

TEST_CASE("git runs in the repository, by which fsck sees that it is in use") {
    GitRepository repository;
    repository.place.git = repository.directory.path + "/pwd-git";
    std::ofstream(repository.place.git) << "#!/bin/sh\npwd\n";
    std::filesystem::permissions(repository.place.git, std::filesystem::perms::owner_all);
    const auto run = run_in(repository.place, {"version"}, soon());
    REQUIRE(run);
    CHECK(run->output == repository.path + "\n");
}

TEST_CASE("a git that takes too long can remove its locks before it is killed") {
    GitRepository repository;
    const std::string lock = repository.path + "/config.lock";
    repository.place.git = repository.directory.path + "/slow-git";
    std::ofstream(repository.place.git) << "#!/bin/sh\ntrap 'rm " + lock + "; exit 1' TERM\ntouch " + lock +
                                               "\nwhile :; do sleep 0.05; done\n";
    std::filesystem::permissions(repository.place.git, std::filesystem::perms::owner_all);
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(1);
    const auto run = run_in(repository.place, {"version"}, end);
    REQUIRE_FALSE(run);
    CHECK(describe(run.error()).find("git took too long") != std::string::npos);
    CHECK_FALSE(std::filesystem::exists(lock));
}

TEST_CASE("git gc is asked somewhat before git would begin by itself") {
    const GitRepository repository;
    CHECK_FALSE(may_need_collection(repository.path));
    const auto fill = [&](const std::string& directory, const std::string& extension, int count) {
        std::filesystem::create_directories(directory);
        for (int i = 0; i < count; ++i)
            std::ofstream(directory + "/" + std::to_string(i) + extension).put('x');
    };
    fill(repository.path + "/objects/17", "", 20);
    fill(repository.path + "/objects/pack", ".pack", 40);
    fill(repository.path + "/objects/pack", ".idx", 60);
    CHECK_FALSE(may_need_collection(repository.path));
    fill(repository.path + "/objects/17", "", 21);
    CHECK(may_need_collection(repository.path));
    std::filesystem::remove_all(repository.path + "/objects/17");
    fill(repository.path + "/objects/pack", ".pack", 41);
    CHECK(may_need_collection(repository.path));
    std::filesystem::remove_all(repository.path);
    CHECK_FALSE(may_need_collection(repository.path));
}

}  // namespace
}  // namespace gerve
