#include "gerve/agent/repository/layout.h"

#include <doctest/doctest.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <vector>

namespace gerve {
namespace {

namespace fs = std::filesystem;

RepoPath repo(std::string_view text) {
    return RepoPath::parse(text).value();
}

TEST_CASE("each layout puts a repository where the documentation says") {
    CHECK(repository_directory(Layout::flat, repo("mojombo/bert"), 0) == "mojombo/bert.git");
    CHECK(repository_directory(Layout::md5_owner, repo("mojombo/bert"), 0) == "a/a8/e2/95/mojombo/bert.git");
    // The owner is hashed as it is spelled.
    CHECK(repository_directory(Layout::md5_owner, repo("Mojombo/bert"), 0) != "a/a8/e2/95/Mojombo/bert.git");
    CHECK(repository_directory(Layout::hashed_id, repo("o/r"), 1) ==
          "@hashed/6b/86/6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b.git");
    CHECK_FALSE(repository_directory(Layout::hashed_id, repo("o/r"), 0));
    CHECK(name_in(layout_names, Layout::md5_owner) == "md5-owner");
    CHECK(name_in(layout_names, Layout::hashed_id) == "hashed-id");
}

TEST_CASE("a storage path is OWNER/NAME.git of that owner and nothing else") {
    CHECK(parse_storage_path("mojombo/bert.git", "mojombo"));
    CHECK(parse_storage_path("o/.github.git", "o"));
    for (const char* bad :
         {"mojombo/bert", "/mojombo/bert.git", "mojombo/bert.GIT", "mojombo/bert.git/", "mojombo//bert.git",
          "../mojombo/bert.git", "mojombo/../bert.git", "mojombo/..", "mojombo/.git", "mojombo/bert.git.git",
          "mojombo", "", "mojombo/a/b.git", "mojombo/-bert.git", "mojombo/be rt.git", "mojombo/be%2ert.git",
          "~mojombo/bert.git"}) {
        CAPTURE(bad);
        CHECK_FALSE(parse_storage_path(bad, "mojombo"));
    }
    CHECK_FALSE(parse_storage_path("mojombo/bert.git", "defunkt"));
    CHECK_FALSE(parse_storage_path("mojombo/bert.git", "Mojombo"));
    CHECK_FALSE(parse_storage_path("mojombo/bert.git", ""));
}

// A root with repositories, links and files, removed at the end.
class Root {
  public:
    Root() {
        char name[] = "/tmp/gerve-layout-XXXXXX";
        path = ::mkdtemp(name);
        fs::create_directories(path + "/root/owner/real.git/inner");
        fs::create_directories(path + "/outside/secret.git");
        fs::create_directory_symlink("../../outside/secret.git", path + "/root/owner/out.git");
        fs::create_directory_symlink("real.git", path + "/root/owner/within.git");
        fs::create_directory_symlink("owner", path + "/root/alias");
        fs::create_directory_symlink("/", path + "/root/slash");
        std::ofstream(path + "/root/owner/file.git") << "no directory";
    }
    ~Root() { fs::remove_all(path); }
    std::string path;
};

TEST_CASE("only a real directory below the root is opened, by openat2 and by walking alike") {
    const Root root;
    using Opener = Result<Fd> (*)(const std::string&, const std::string&);
    for (const Opener open : {&open_below, &walk_below}) {
        CAPTURE(open == &walk_below);
        const auto opens = [&](const std::string& relative) {
            return open(root.path + "/root", relative).has_value();
        };
        const auto failure = [&](const std::string& relative) {
            const auto opened = open(root.path + "/root", relative);
            REQUIRE_FALSE(opened);
            return opened.error();
        };
        CHECK(opens("owner/real.git"));
        CHECK(opens("owner/real.git/inner"));
        for (const char* missing : {"owner/missing.git", "nobody/real.git", "owner/file.git",
                                    "owner/file.git/inner", "../outside/secret.git", "/etc"}) {
            CAPTURE(missing);
            CHECK(failure(missing).kind == ErrorKind::denied);
        }
        // A repository that was moved away behind a link is not missing, and neither is anything without
        // root.
        for (const char* link : {"owner/out.git", "owner/within.git", "alias/real.git", "slash/etc"}) {
            CAPTURE(link);
            CHECK(failure(link).kind == ErrorKind::unavailable);
            CHECK(failure(link).detail.find("symbolic link") != std::string::npos);
        }
        const auto no_root = open(root.path + "/nowhere", "owner/real.git");
        REQUIRE_FALSE(no_root);
        CHECK(no_root.error().kind == ErrorKind::unavailable);
    }
}

// Takes each descriptor that the process may still have, until it is destroyed.
class NoDescriptors {
  public:
    NoDescriptors() {
        ::getrlimit(RLIMIT_NOFILE, &before_);
        rlimit few = before_;
        few.rlim_cur = 64;
        ::setrlimit(RLIMIT_NOFILE, &few);
        for (Fd next(::dup(2)); next; next = Fd(::dup(2))) taken_.push_back(std::move(next));
    }
    ~NoDescriptors() {
        taken_.clear();
        ::setrlimit(RLIMIT_NOFILE, &before_);
    }

  private:
    rlimit before_{};
    std::vector<Fd> taken_;
};

TEST_CASE("what cannot be opened is not missing, for whatever reason") {
    const Root root;
    using Opener = Result<Fd> (*)(const std::string&, const std::string&);
    for (const Opener open : {&open_below, &walk_below}) {
        CAPTURE(open == &walk_below);
        const NoDescriptors none;
        for (const char* path : {"owner/real.git", "owner/missing.git"}) {
            const auto opened = open(root.path + "/root", path);
            REQUIRE_FALSE(opened);
            CHECK(opened.error().kind == ErrorKind::unavailable);
            CHECK(opened.error().detail.find("Too many open files") != std::string::npos);
        }
    }
    // ENAMETOOLONG stands for each number that nobody has thought of.
    const auto long_name = open_below(root.path + "/root", std::string(300, 'x'));
    REQUIRE_FALSE(long_name);
    CHECK(long_name.error().kind == ErrorKind::unavailable);
}

}  // namespace
}  // namespace gerve
