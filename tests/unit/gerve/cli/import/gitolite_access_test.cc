#include "gerve/cli/import/gitolite_access.h"

#include <doctest/doctest.h>

#include "tests/unit/gerve/cli/import/conf_files.h"

using namespace gerve;

namespace {

// What a user reaches in a repository: "read,write full", and the place of what limits them.
std::string reach_in(const std::string& text, const std::string& repository, const std::string& user) {
    const GitoliteConf conf = conf_of(text);
    const auto access = GitoliteAccess::make(conf);
    REQUIRE(access);
    for (const auto& one : access->repositories()) {
        if (one.name != repository) continue;
        const GitoliteReach reach = access->reach(one, user);
        return std::string(reach.reads ? "read" : "") + (reach.writes ? ",write " : " ") +
               std::string(name_in(gitolite_write_names, reach.write)) +
               (reach.limit ? " :" + std::to_string(reach.limit->place.line) : "") +
               (reach.unsure ? " unsure" : "");
    }
    return "no such repository";
}

std::vector<std::string> names_in_conf(const std::string& text) {
    const GitoliteConf conf = conf_of(text);
    std::vector<std::string> names;
    for (const auto& one : GitoliteAccess::make(conf)->repositories()) names.push_back(one.name);
    return names;
}

}  // namespace

TEST_CASE("rules are tried in order, and the first that has the right decides") {
    const std::string conf =
        "repo a\n R = alice\n RW = bob\n RW+ = carol\n"
        "repo @all\n R = dave\n";
    CHECK(reach_in(conf, "a", "alice") == "read none");
    CHECK(reach_in(conf, "a", "bob") == "read,write any-ref :3");
    CHECK(reach_in(conf, "a", "carol") == "read,write full");
    CHECK(reach_in(conf, "a", "dave") == "read none");
    CHECK(reach_in(conf, "a", "eve") == " none");
}

TEST_CASE("a rule that denies counts for reading with deny-rules alone") {
    const std::string rules = " - = bob\n RW+ = @all\n";
    CHECK(reach_in("repo a\n" + rules, "a", "bob") == "read,write none :2");
    CHECK(reach_in("repo a\n" + rules, "a", "eve") == "read,write full");
    CHECK(reach_in("repo a\n option deny-rules = 1\n" + rules, "a", "bob") == " none :3");
    CHECK(reach_in("repo a\n" + rules + "repo @all\n option deny-rules = 1\n", "a", "bob") == " none :2");
    CHECK(reach_in("repo a\n option deny-rules = 1\n option deny-rules = 0\n" + rules, "a", "bob") ==
          "read,write none :4");
    CHECK(reach_in("repo a\n RW+ = bob\n" + rules, "a", "bob") == "read,write full");
}

TEST_CASE("who is limited to some refs does not write to all") {
    CHECK(reach_in("repo a\n RW+ master = u\n", "a", "u") == "read,write some-refs :2");
    CHECK(reach_in("repo a\n RW+ refs/heads/.* = u\n", "a", "u") == "read,write some-refs :2");
    CHECK(reach_in("repo a\n RW+ personal/USER/ = u\n R = u\n", "a", "u") == "read,write some-refs :2");
    CHECK(reach_in("repo a\n - master = u\n RW+ = u\n", "a", "u") == "read,write some-refs :2");
    CHECK(reach_in("repo a\n RW master = u\n RW+ = u\n", "a", "u") == "read,write full");
    CHECK(reach_in("repo a\n RW = u\n - master = u\n RW+ = u\n", "a", "u") == "read,write any-ref :2");
    CHECK(reach_in("repo a\n RW+ = u\n - master = u\n", "a", "u") == "read,write full");
    CHECK(reach_in("repo a\n RW+ = u\n - VREF/COUNT/5 = u\n", "a", "u") == "read,write some-refs :3");
    CHECK(reach_in("repo a\n RW VREF/COUNT/5 = u\n", "a", "u") == "read,write none");
    CHECK(reach_in("repo a\n RW+ = u\n RW VREF/check = u\n", "a", "u") == "read,write some-refs :3");
    CHECK(reach_in("repo a\n RW+ = u\n RW VREF/check = v\n", "a", "u") == "read,write full");
    CHECK(reach_in("repo a\n - = READERS\n RW+ = u\n", "a", "u") == "read,write none :2");
}

TEST_CASE("creating, deleting and merging count where a rule names them") {
    const std::string conf = "repo a\n RW+ = u\n RW+CD = v\n RW+ refs/tags/ = w\n";
    CHECK(reach_in(conf, "a", "u") == "read,write any-ref :2");
    CHECK(reach_in(conf, "a", "v") == "read,write full");
    CHECK(reach_in("repo a\n RW+ = u\n RW+M = v\n", "a", "u") == "read,write any-ref :2");
}

TEST_CASE("groups and patterns name repositories, and a pattern is no repository") {
    const std::string conf =
        "@r = one two/x wild/[a-z]+\nrepo @r\n R = u\nrepo t.*/x\n RW+ = v\nrepo EXTCMD/x\n R = u\n"
        "repo nothing\nrepo set\n option a = b\n";
    CHECK(names_in_conf(conf) == std::vector<std::string>{"one", "set", "two/x"});
    CHECK(reach_in(conf, "two/x", "v") == "read,write full");
    CHECK(reach_in(conf, "two/x", "u") == "read none");
    CHECK(reach_in(conf, "one", "v") == " none");
}

TEST_CASE("of an undeclared group everybody may be a member, where it is denied") {
    CHECK(reach_in("repo a\n - = @ldap\n RW+ = u\n", "a", "u") == "read,write none :2");
    CHECK(reach_in("repo a\n option deny-rules = 1\n - = @ldap\n RW+ = u\n", "a", "u") ==
          "read,write none :3 unsure");
    CHECK(reach_in("repo a\n RW+ = @ldap\n", "a", "u") == " none");
}

TEST_CASE("a pattern that Gerve cannot match as Perl does is told") {
    for (const std::string pattern : {"a/(?i)b", "x/[a-z]++", "x/\\Ky", "x/[a-z", "x/a**"}) {
        CAPTURE(pattern);
        const auto conf = conf_of("repo ok\n R = u\nrepo " + std::string(pattern) + "\n R = u\n");
        const auto access = GitoliteAccess::make(conf);
        REQUIRE_FALSE(access);
        CHECK(access.error()[0].format().starts_with("gitolite.conf:3:1: cannot match "));
    }
}
