#include "authz/model/repo_path.h"

#include <doctest/doctest.h>

#include <type_traits>

using namespace gerve;

TEST_CASE("OWNER/NAME is understood with or without a leading slash and .git") {
    for (const char* text :
         {"mojombo/bert", "/mojombo/bert", "mojombo/bert.git", "/mojombo/bert.git", "mojombo/bert.GIT"}) {
        CAPTURE(text);
        const auto path = RepoPath::parse(text);
        REQUIRE(path.has_value());
        CHECK(path->owner().text() == "mojombo");
        CHECK(path->name().text() == "bert");
        CHECK(path->text() == "mojombo/bert");
    }
}

TEST_CASE("a path keeps its spelling and compares without case") {
    const auto path = RepoPath::parse("GitHub/.GitHub.io.git");
    REQUIRE(path.has_value());
    CHECK(path->text() == "GitHub/.GitHub.io");
    CHECK(path->folded() == "github/.github.io");
    CHECK(*path == *RepoPath::parse("github/.github.io"));
    CHECK(*path != *RepoPath::parse("github/github.io"));
}

TEST_CASE("nothing is decoded or normalised: any other form is refused") {
    for (const std::string text :
         {"",       "/",           "o",        "o/",           "/r",      "//o/r",      "o//r",
          "o/r/",   "o/r/s",       "./o/r",    "../o/r",       "o/..",    "o/.",        "o/../r",
          "o/.git", "o/r.git.git", "o/r.lock", "o/r.lock.git", "o/-r",    "-o/r",       "~o/r",
          "o/~r",   "o/%2e%2e",    "o/r%00",   "o\\r",         "o:r",     "o/r:s",      "o/r ",
          " o/r",   "o/r\n",       "o/r\t",    "o/r\x1b[2J",   "o/r\x7f", "o/\xc3\xb6", "o/\xef\xbc\x8er",
          "C:/r",   "o/r?x",       "o/r#x",    "o/r*",         "o/$(id)", "o/`id`",     "o/r;id"}) {
        CAPTURE(text);
        const auto path = RepoPath::parse(text);
        REQUIRE_FALSE(path.has_value());
        CHECK(path.error().kind == ErrorKind::client);
    }
    CHECK_FALSE(RepoPath::parse(std::string_view("o/r\0", 4)).has_value());
    CHECK_FALSE(RepoPath::parse(std::string_view("o\0/r", 4)).has_value());
}

TEST_CASE("an error names the form that is expected") {
    CHECK(RepoPath::parse("bert").error().told == "'bert' is not a repository: the form is OWNER/NAME");
    CHECK(RepoPath::parse("\x1b/r").error().told.starts_with("'\\x1b' is not a login"));
}

TEST_CASE("a repository name has up to 100 characters and may start with a dot") {
    CHECK(RepoName::parse(std::string(100, 'r')).has_value());
    CHECK_FALSE(RepoName::parse(std::string(101, 'r')).has_value());
    CHECK(RepoName::parse(".github").has_value());
    CHECK(RepoName::parse("...").has_value());
    CHECK_FALSE(RepoName::parse("..").has_value());
    CHECK_FALSE(std::is_default_constructible_v<RepoName>);
    CHECK_FALSE(std::is_default_constructible_v<RepoPath>);
}
