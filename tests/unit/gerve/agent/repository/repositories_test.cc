#include "gerve/agent/repository/repositories.h"

#include <doctest/doctest.h>
#include <stdlib.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <thread>
#include <vector>

#include "authz/base/fd.h"

namespace gerve {
namespace {

namespace fs = std::filesystem;

RepoPath repo(std::string_view text) {
    return RepoPath::parse(text).value();
}

class Root {
  public:
    Root() {
        char name[] = "/tmp/gerve-repositories-XXXXXX";
        path = fs::canonical(::mkdtemp(name)).string();
    }
    ~Root() { fs::remove_all(path); }
    // What is in a directory, sorted.
    [[nodiscard]] std::vector<std::string> list(const std::string& relative) const {
        std::vector<std::string> names;
        for (const auto& entry : fs::directory_iterator(path + "/" + relative))
            names.push_back(entry.path().filename());
        std::sort(names.begin(), names.end());
        return names;
    }
    std::string path;
};

TEST_CASE("a new repository is bare, on main, and cannot be made twice") {
    const Root root;
    const Repositories repositories(root.path, Layout::flat);
    REQUIRE(repositories.create(repo("o/r"), 0));
    CHECK(read_file(root.path + "/o/r.git/HEAD") == "ref: refs/heads/main\n");
    CHECK(read_file(root.path + "/o/r.git/config")->find("bare = true") != std::string::npos);
    CHECK(read_file(root.path + "/o/r.git/config")->find("allowFilter = true") != std::string::npos);
    CHECK_FALSE(fs::exists(root.path + "/o/r.git/hooks"));
    const auto again = repositories.create(repo("o/r"), 0);
    REQUIRE_FALSE(again);
    CHECK(again.error().kind == ErrorKind::denied);
    CHECK(again.error().told == "o/r already exists");
    CHECK(root.list(".gerve").empty());
}

TEST_CASE("of many who create one repository at once, one succeeds") {
    const Root root;
    const Repositories repositories(root.path, Layout::md5_owner);
    std::atomic<int> made = 0;
    std::vector<std::thread> threads;
    for (int i = 0; i < 8; ++i) {
        threads.emplace_back([&] { made += repositories.create(repo("mojombo/bert"), 0) ? 1 : 0; });
    }
    for (auto& thread : threads) thread.join();
    CHECK(made == 1);
    CHECK(fs::exists(root.path + "/a/a8/e2/95/mojombo/bert.git/HEAD"));
    CHECK(root.list(".gerve").empty());
}

TEST_CASE("a template brings its hooks") {
    const Root root;
    fs::create_directories(root.path + "/template/hooks");
    std::ofstream(root.path + "/template/hooks/update") << "#!/bin/true\n";
    const Repositories repositories(root.path, Layout::flat, "/usr/bin/git", root.path + "/template");
    REQUIRE(repositories.create(repo("o/r"), 0));
    CHECK(fs::exists(root.path + "/o/r.git/hooks/update"));
    CHECK(read_file(root.path + "/o/r.git/config")->find("allowFilter") != std::string::npos);
}

TEST_CASE("a repository moves to a free name only") {
    const Root root;
    const Repositories repositories(root.path, Layout::flat);
    REQUIRE(repositories.create(repo("o/a"), 0));
    REQUIRE(repositories.create(repo("o/b"), 0));
    CHECK(repositories.rename(repo("o/a"), repo("o/b"), 0).error().told == "o/b already exists");
    REQUIRE(repositories.rename(repo("o/a"), repo("p/c"), 0));
    CHECK(root.list("o") == std::vector<std::string>{"b.git"});
    CHECK(root.list("p") == std::vector<std::string>{"c.git"});
    CHECK(repositories.rename(repo("o/a"), repo("o/d"), 0).error().kind == ErrorKind::denied);
    CHECK(repositories.rename(repo("p/c"), repo("p/c"), 0));

    const Repositories hashed(root.path, Layout::hashed_id);
    REQUIRE(hashed.create(repo("o/r"), 7));
    CHECK(hashed.rename(repo("o/r"), repo("p/q"), 7));
    CHECK(hashed.size(repo("whatever/name"), 7));
    CHECK_FALSE(hashed.size(repo("o/r"), 8));
}

TEST_CASE("a deleted repository leaves nothing") {
    const Root root;
    const Repositories repositories(root.path, Layout::flat);
    REQUIRE(repositories.create(repo("o/r"), 0));
    CHECK(repositories.remove(repo("o/r"), 0));
    CHECK(root.list("o").empty());
    CHECK(root.list(".gerve").empty());
    CHECK(repositories.remove(repo("o/r"), 0).error().told == "o/r does not exist");
}

TEST_CASE("a link is never followed out of the root") {
    const Root root;
    fs::create_directories(root.path + "/outside/r.git");
    std::ofstream(root.path + "/outside/r.git/HEAD") << "precious";
    fs::create_directories(root.path + "/root/o");
    fs::create_directory_symlink("../../outside/r.git", root.path + "/root/o/r.git");
    fs::create_directory_symlink("../outside", root.path + "/root/p");
    const Repositories repositories(root.path + "/root", Layout::flat);
    CHECK_FALSE(repositories.remove(repo("o/r"), 0));
    CHECK_FALSE(repositories.size(repo("o/r"), 0));
    CHECK_FALSE(repositories.create(repo("o/r"), 0));
    CHECK_FALSE(repositories.create(repo("p/new"), 0));
    CHECK_FALSE(repositories.rename(repo("p/r"), repo("o/x"), 0));
    CHECK(root.list("outside") == std::vector<std::string>{"r.git"});
    CHECK(fs::exists(root.path + "/outside/r.git/HEAD"));
}

TEST_CASE("size and fsck tell of what is there") {
    const Root root;
    const Repositories repositories(root.path, Layout::flat);
    REQUIRE(repositories.create(repo("o/r"), 0));
    const auto before = repositories.size(repo("o/r"), 0);
    REQUIRE(before);
    std::ofstream(root.path + "/o/r.git/objects/large") << std::string(1 << 20, 'x');
    CHECK(*repositories.size(repo("o/r"), 0) >= *before + (1 << 20));
    CHECK(repositories.fsck(repo("o/r"), 0)->status == 0);
    std::ofstream(root.path + "/o/r.git/refs/heads/main") << std::string(40, '1') << "\n";
    const auto broken = repositories.fsck(repo("o/r"), 0);
    REQUIRE(broken);
    CHECK(broken->status != 0);
    CHECK(broken->output.find("invalid sha1 pointer") != std::string::npos);
}

TEST_CASE("what a crash left is cleared away, what is being made is not") {
    const Root root;
    const Repositories repositories(root.path, Layout::flat);
    fs::create_directories(root.path + "/.gerve/deleted-1.git/objects");
    fs::create_directories(root.path + "/.gerve/new-1.git");
    fs::create_directories(root.path + "/.gerve/new-2.git");
    fs::last_write_time(root.path + "/.gerve/new-1.git",
                        fs::file_time_type::clock::now() - std::chrono::hours(2));
    repositories.clean_up();
    CHECK(root.list(".gerve") == std::vector<std::string>{"new-2.git"});
}

}  // namespace
}  // namespace gerve
