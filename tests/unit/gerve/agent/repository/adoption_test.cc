#include "gerve/agent/repository/adoption.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>
#include <vector>

#include "gerve/agent/repository/config_findings.h"
#include "gerve/agent/repository/repository_tree.h"
#include "tests/unit/temporary.h"

namespace gerve {
namespace {

namespace fs = std::filesystem;

RepoPath named(std::string_view text) {
    return RepoPath::parse(text).value();
}

// A root, and a directory beside it from which repositories may be taken.
struct Places {
    explicit Places(Layout layout = Layout::flat)
        : root(fs::canonical(directory.path).string() + "/root"),
          old(fs::canonical(directory.path).string() + "/old"),
          places{root, layout, {old}},
          adoption(places, Repositories(root, layout), "/usr/bin/git") {
        fs::create_directory(root);
        fs::create_directory(old);
    }
    std::string make(const std::string& relative) const {
        const Repositories maker(old, Layout::flat);
        REQUIRE(maker.create(named("made/" + std::to_string(++number_)), 0));
        const std::string path = old + "/" + relative;
        fs::create_directories(fs::path(path).parent_path());
        fs::rename(old + "/made/" + std::to_string(number_) + ".git", path);
        fs::remove(old + "/made");
        return path;
    }
    TemporaryDirectory directory;
    std::string root;
    std::string old;
    AdoptionPlaces places;
    Adoption adoption;

  private:
    mutable int number_ = 0;
};

TEST_CASE(
    "a directory is taken from the root and from the places of the configuration, and from nowhere else") {
    const AdoptionPlaces places{"/srv/git", Layout::hashed_id, {"/srv/old", "/srv/git/inner"}};
    CHECK(find_source(places, "/srv/old/a/b.git")->base == "/srv/old");
    CHECK(find_source(places, "/srv/old/a/b.git")->relative == "a/b.git");
    CHECK(find_source(places, "/srv/git/x.git")->base == "/srv/git");
    CHECK(find_source(places, "/srv/git/inner/x.git")->relative == "inner/x.git");
    CHECK(find_source({"/srv/git", Layout::flat, {"/srv"}}, "/srv/git/o/r.git")->base == "/srv/git");
    CHECK(find_source(places, "/srv/old")->relative.empty());
    for (const char* kept : {"/srv/git/.gerve/deleted-1.git", "/srv/git/@hashed/aa/bb/cc.git"})
        CHECK(find_source(places, kept).error().kind == ErrorKind::denied);
    for (const char* outside : {"/srv/older/x.git", "/srv/ol", "/srv", "/etc/passwd"})
        CHECK(find_source(places, outside).error().kind == ErrorKind::denied);
    for (const char* odd : {"", "/", "srv/old/x", "/srv/old/../x", "/srv/old/./x", "/srv/old//x",
                            "/srv/old/x/", "/srv/old/a\nb"})
        CHECK(find_source(places, odd).error().kind == ErrorKind::client);
    CHECK(find_source({"/srv/git", Layout::flat, {}}, "/srv/git/@hashed/x.git"));
}

TEST_CASE("a path in a command is one word") {
    CHECK(shell_word("/srv/old/a-b_c.git") == "/srv/old/a-b_c.git");
    CHECK(shell_word("/srv/a b;rm -rf $HOME") == "'/srv/a b;rm -rf $HOME'");
    CHECK(shell_word("/srv/a'b`c\n") == "'/srv/a'\\''b`c\\x0a'");
}

TEST_CASE("the layout says whose place a directory is") {
    const AdoptionPlaces flat{"/r", Layout::flat, {"/old"}};
    CHECK(filed_as(flat, {"/r", "o/r.git"}) == "o/r");
    CHECK(filed_as(flat, {"/r", "x/o/r.git"}).empty());
    CHECK(filed_as(flat, {"/r", "o/r"}).empty());
    CHECK(filed_as(flat, {"/old", "o/r.git"}).empty());
    const AdoptionPlaces md5{"/r", Layout::md5_owner, {}};
    CHECK(filed_as(md5, {"/r", "a/a8/e2/95/mojombo/bert.git"}) == "mojombo/bert");
    CHECK(filed_as(md5, {"/r", "a/a8/e2/96/mojombo/bert.git"}).empty());
    CHECK(filed_as({"/r", Layout::hashed_id, {}}, {"/r", "o/r.git"}).empty());
}

TEST_CASE("what is checked is moved, and nothing else changes") {
    const Places places;
    const std::string path = places.make("a/one.git");
    const auto found = places.adoption.inspect(named("o/r"), 0, path);
    REQUIRE(found);
    CHECK(found->refusals.empty());
    CHECK(found->head == "refs/heads/main");
    CHECK(found->object_format == "sha1");
    CHECK(found->bytes > 0);
    CHECK_FALSE(found->in_place);
    CHECK(found->notes.front().find("HEAD names refs/heads/main, which does not exist yet") == 0);
    CHECK(fs::exists(path));
    REQUIRE(places.adoption.adopt(named("o/r"), 0, path));
    CHECK_FALSE(fs::exists(path));
    CHECK(fs::exists(places.root + "/o/r.git/HEAD"));
    const auto there = places.adoption.inspect(named("o/r"), 0, "");
    REQUIRE(there);
    CHECK(there->in_place);
    CHECK(there->filed_as == "o/r");
    CHECK(places.adoption.adopt(named("o/r"), 0, ""));
    CHECK(places.adoption.adopt(named("o/r"), 0, path).error().told.find("there is no directory") == 0);
}

TEST_CASE("a repository is filed by its number") {
    const Places places(Layout::hashed_id);
    const std::string path = places.make("one.git");
    CHECK(places.adoption.inspect(named("o/r"), 0, "").error().kind == ErrorKind::client);
    CHECK(places.adoption.adopt(named("o/r"), 0, path).error().kind == ErrorKind::client);
    REQUIRE(places.adoption.inspect(named("o/r"), 0, path));
    REQUIRE(places.adoption.adopt(named("o/r"), 7, path));
    CHECK(places.adoption.inspect(named("o/r"), 7, "")->in_place);
}

TEST_CASE("what is in the place of another stays, and so does what was to go there") {
    const Places places;
    const std::string path = places.make("one.git");
    fs::create_directories(places.root + "/o/r.git");
    const auto done = places.adoption.adopt(named("o/r"), 0, path);
    REQUIRE_FALSE(done);
    CHECK(done.error().told.find("there is a repository in the place of o/r already") == 0);
    CHECK(fs::exists(path + "/HEAD"));
}

TEST_CASE("what was put in the place of what was checked is not taken") {
    const Places places;
    const std::string path = places.make("one.git");
    const std::string other = places.make("other.git");
    // The last that the check does is to ask git; this one changes the directories behind it.
    const std::string git = places.directory.path + "/git";
    std::ofstream(git) << "#!/bin/sh\n/usr/bin/git \"$@\"\nended=$?\ncase \"$*\" in *rev-parse*)\n"
                       << "mv " << path << " " << path << ".was; mv " << other << " " << path
                       << ";;\nesac\nexit $ended\n";
    fs::permissions(git, fs::perms::owner_all);
    const Adoption slow(places.places, Repositories(places.root, Layout::flat), git);
    const auto inode = [](const std::string& of) {
        struct stat status {};
        REQUIRE(::stat(of.c_str(), &status) == 0);
        return status.st_ino;
    };
    const auto replaced = inode(other);
    const auto done = slow.adopt(named("o/r"), 0, path);
    REQUIRE_FALSE(done);
    CHECK(describe(done.error()).find("was replaced while it was checked") != std::string::npos);
    CHECK(inode(path) == replaced);
    CHECK_FALSE(fs::exists(places.root + "/o/r.git"));
}

TEST_CASE("the configuration of a repository is judged") {
    using namespace std::string_literals;
    const auto refusals = [](const std::string& listed) { return find_in_config(listed, "/r").refusals; };
    CHECK(refusals("core.bare\ntrue\0core.filemode\ntrue\0"s).empty());
    CHECK(refusals("core.bare\0"s).empty());  // a key alone is true
    for (const char* no : {"core.bare\nfalse", "core.bare\nNo", "core.bare\n0", "core.bare\n"})
        CHECK(refusals(no + "\0"s).size() == 1);
    CHECK(refusals("core.worktree\n/x\0"s).front() ==
          "it has a work tree (core.worktree in its config): `git config --file /r/config --unset-all "
          "core.worktree`");
    CHECK(refusals("includeif.gitdir:/x.path\n/y\0include.path\n/z\0"s).size() == 2);
    CHECK(refusals("extensions.partialclone\norigin\0"s).size() == 1);
    const auto notes =
        find_in_config(
            "core.hookspath\n/hooks\0receive.fsckobjects\nfalse\0gc.auto\n0\0core.fsmonitor\n/bin/x\0"s, "/r")
            .notes;
    REQUIRE(notes.size() == 3);
    CHECK(notes[0] == "its hooks are those in /hooks (core.hooksPath)");
    CHECK(notes[1] == "its config names a program that git may run: core.fsmonitor");
    CHECK(notes[2] == "its config decides, and not Gerve: receive.fsckobjects, gc.auto");
}

TEST_CASE("an inspection is read as it was written, and never taken for a good one") {
    Inspection found;
    found.directory = "/old/\xff.git";
    found.hooks = {"update"};
    found.refusals = {"a \"b\""};
    found.bytes = 1ULL << 40;
    const auto read = Inspection::parse(found.text());
    REQUIRE(read);
    CHECK(read->bytes == found.bytes);
    CHECK(read->hooks == found.hooks);
    CHECK(read->refusals == found.refusals);
    for (const char* odd :
         {"", "{}", "[]", "{\"directory\":\"/x\"}", "{\"directory\":1,\"refusals\":[]}",
          "{\"directory\":\"/x\",\"refusals\":[1]}", "{\"directory\":\"/x\",\"refusals\":[]"})
        CHECK_FALSE(Inspection::parse(odd));
    TreePage page;
    page.found = {found, found};
    page.next = "6162";
    CHECK(TreePage::parse(page.text())->found.size() == 2);
    CHECK(TreePage::parse(page.text())->next == "6162");
    CHECK_FALSE(TreePage::parse(found.text()));  // cut off
    CHECK_FALSE(TreePage::parse(""));
}

TEST_CASE("an inspection that says too much is shortened, and stays a refusal") {
    Inspection found;
    found.refusals.assign(100, std::string(4000, '\\'));
    found.hooks.assign(40, "hook");
    found.notes.assign(10, "note");
    found.shorten(128 * 1024);
    CHECK(found.text().size() <= 128 * 1024);
    CHECK(found.refusals.size() > 10);
    CHECK(found.hooks.empty());
    found.shorten(10);
    CHECK(found.refusals.size() == 1);
}

struct Tree {
    TemporaryDirectory directory;
    void add(const std::string& relative) const { fs::create_directories(directory.path + "/" + relative); }
    [[nodiscard]] Fd open() const {
        return Fd(::open(directory.path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    }
    // All that a walk finds in pieces of `size`.
    [[nodiscard]] std::vector<std::string> walk(std::size_t size) const {
        std::vector<std::string> all;
        std::string from;
        do {
            std::size_t taken = 0;
            const auto next = walk_tree(
                open(), from,
                [&](const std::string& relative) {
                    if (taken == size) return false;
                    ++taken;
                    all.push_back(relative);
                    return true;
                },
                [] { return false; }, [](const std::string& relative) { return relative == "skipped"; });
            REQUIRE(next);
            from = *next;
        } while (!from.empty());
        return all;
    }
};

TEST_CASE("a tree is walked in pieces of any size") {
    const Tree tree;
    for (const char* one : {"a/x.git", "a/y.git", "a-b/x.git", "b.git/inner.git", "c/d/e/z.git",
                            "skipped/x.git", "plain/HEAD", "plain/objects", "empty"})
        tree.add(one);
    fs::create_symlink("/", tree.directory.path + "/link.git");
    fs::create_symlink("/", tree.directory.path + "/elsewhere");
    const std::vector<std::string> expected{"a/x.git",     "a/y.git",  "a-b/x.git", "b.git",
                                            "c/d/e/z.git", "link.git", "plain"};
    for (const std::size_t size : {1U, 2U, 3U, 100U}) CHECK(tree.walk(size) == expected);
}

TEST_CASE("a directory that cannot be read is told of, and stops no walk") {
    if (::geteuid() != 0) return;  // whom nothing keeps from reading; it becomes somebody else here
    const Tree tree;
    for (const char* one : {"a/x.git", "closed/y.git", "z/x.git"}) tree.add(one);
    fs::permissions(tree.directory.path, fs::perms(0755));
    fs::permissions(tree.directory.path + "/closed", fs::perms(0700));
    REQUIRE(::seteuid(65534) == 0);
    const auto found = tree.walk(100);
    REQUIRE(::seteuid(0) == 0);
    CHECK(found == std::vector<std::string>{"a/x.git", "closed", "z/x.git"});
}

TEST_CASE("a directory with more names than are held at once is walked whole") {
    const Tree tree;
    for (int number = 0; number < 2500; ++number) tree.add("o/" + std::to_string(number) + ".git");
    const auto found = tree.walk(700);
    CHECK(found.size() == 2500);
    CHECK(std::is_sorted(found.begin(), found.end()));
    CHECK(std::set(found.begin(), found.end()).size() == 2500);
}

TEST_CASE("a walk goes on where its time was over, among directories without a repository too") {
    const Tree tree;
    for (int number = 0; number < 50; ++number) tree.add("d" + std::to_string(number) + "/e");
    tree.add("d7/x.git");
    std::vector<std::string> found;
    std::string from;
    int pieces = 0;
    do {
        int steps = 0;
        const auto next = walk_tree(
            tree.open(), from,
            [&](const std::string& relative) {
                found.push_back(relative);
                return true;
            },
            [&] { return steps++ == 3; }, [](const std::string&) { return false; });
        REQUIRE(next);
        REQUIRE(*next != from);
        from = *next;
        ++pieces;
    } while (!from.empty());
    CHECK(found == std::vector<std::string>{"d7/x.git"});
    CHECK(pieces > 10);
}

}  // namespace
}  // namespace gerve
