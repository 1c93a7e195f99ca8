#include "gerve/cli/import/gitolite_conf.h"

#include <doctest/doctest.h>

#include "tests/unit/gerve/cli/import/conf_files.h"

using namespace gerve;

namespace {

std::vector<std::string> rules_of(const GitoliteConf& conf, const std::string& key) {
    std::vector<std::string> rules;
    const auto found = conf.rules.find(key);
    if (found == conf.rules.end()) return rules;
    for (const GitoliteRule& rule : found->second)
        rules.push_back(rule.permission + " " + rule.refex + " " + rule.user);
    return rules;
}

// The problems of a configuration, one a line.
std::vector<std::string> problems_of(const std::string& text) {
    const auto conf = MemoryFiles({{"gitolite.conf", text}}).parse();
    std::vector<std::string> lines;
    if (conf) return lines;
    for (const ConfigProblem& one : conf.error())
        lines.push_back(std::to_string(one.line) + ":" + std::to_string(one.column) + " " + one.text);
    return lines;
}

}  // namespace

TEST_CASE("a rule is for each of its refexes and users, below each repository of the line") {
    const auto conf = conf_of(
        "repo a b\n"
        "  RW+CD master v[0-9] refs/tags/ = alice @g\n"
        "  - = bob\n"
        "  RW NAME/docs = carol\n"
        "  R = @all\n");
    CHECK(rules_of(conf, "a") ==
          std::vector<std::string>{"RW+CD refs/heads/master alice", "RW+CD refs/heads/master @g",
                                   "RW+CD refs/heads/v[0-9] alice", "RW+CD refs/heads/v[0-9] @g",
                                   "RW+CD refs/tags/ alice", "RW+CD refs/tags/ @g", "- refs/.* bob",
                                   "RW VREF/NAME/docs carol", "R refs/.* @all"});
    CHECK(rules_of(conf, "b") == rules_of(conf, "a"));
    CHECK(conf.rules.at("a").back().place.text() == "gitolite.conf:5");
}

TEST_CASE("a group has the members that its parts have when it is defined") {
    const auto conf = conf_of("@a = x y\n@b = @a z\n@a = w\n");
    CHECK(conf.is_member("@b", "x"));
    CHECK(conf.is_member("@b", "z"));
    CHECK_FALSE(conf.is_member("@b", "w"));
    CHECK(conf.is_member("@a", "w"));
    CHECK_FALSE(conf.is_member("@c", "x"));
}

TEST_CASE("a group stands for refexes as well") {
    const auto conf = conf_of("@main = master release\nrepo a\n RW @main = alice\n");
    CHECK(rules_of(conf, "a") ==
          std::vector<std::string>{"RW refs/heads/master alice", "RW refs/heads/release alice"});
}

TEST_CASE("roles of wild repositories are groups, and settings have whole names") {
    const auto conf = conf_of(
        "repo wild/..*\n C = @all\n RW+ = CREATOR\n RW = WRITERS\n"
        " option deny-rules = 1\n config a.b = \"c d\"\n desc = some text\n owner = me\n");
    CHECK(rules_of(conf, "wild/..*") ==
          std::vector<std::string>{"C refs/.* @all", "RW+ refs/.* @CREATOR", "RW refs/.* @WRITERS"});
    std::vector<std::string> settings;
    for (const auto& one : conf.settings.at("wild/..*")) settings.push_back(one.name + "=" + one.value);
    CHECK(settings == std::vector<std::string>{"gitolite-options.deny-rules=1", "a.b=c d",
                                               "gitweb.description=some text", "gitweb.owner=me"});
}

TEST_CASE("a subconf sets access where the master file allows it") {
    const auto conf = MemoryFiles({{"gitolite.conf", "@part = mine lib/.*\nsubconf \"part.conf\"\n"},
                                   {"part.conf", "repo mine other lib/x part @part\n RW = u\n"}})
                          .parse();
    REQUIRE(conf);
    for (const char* name : {"mine", "lib/x", "part", "@part"}) CHECK(conf->rules.contains(name));
    CHECK_FALSE(conf->rules.contains("other"));
    REQUIRE(conf->warnings.size() == 1);
    CHECK(conf->warnings[0].place.text() == "part.conf:1");
    CHECK(conf->warnings[0].what == "other");
}

TEST_CASE("a block for tests is passed over") {
    const auto conf = conf_of("repo a\n= begin testconf\n RW = eve\n= end\n R = u\n");
    CHECK(rules_of(conf, "a") == std::vector<std::string>{"R refs/.* u"});
}

TEST_CASE("every line that is wrong is told with its place") {
    const auto problems = problems_of(
        "@g = a !b\n"
        "repo foo ../x\n"
        "  RW  = alice b$b\n"
        "  RWX = alice\n"
        "  RW @none = alice\n"
        "  MACRO alice\n"
        "= begin template-data\n= end\n"
        "@h =\n");
    REQUIRE(problems.size() == 8);
    CHECK(problems[0].starts_with("1:8 bad member of a group: !b"));
    CHECK(problems[1].starts_with("2:10 bad name of a repository: ../x"));
    CHECK(problems[2].starts_with("3:15 bad name of a user: b$b"));
    CHECK(problems[3].starts_with("4:3 gitolite ignores this line"));
    CHECK(problems[4].starts_with("5:6 undefined group @none"));
    CHECK(problems[5].starts_with("6:3 gitolite ignores this line"));
    CHECK(problems[6].starts_with("7:1 rules by template"));
    CHECK(problems[7].starts_with("9:1 gitolite ignores this line"));
}

TEST_CASE("no bytes make the parser fail otherwise than by a problem") {
    const std::string pieces[] = {"@g = ",
                                  "repo ",
                                  " RW+ ",
                                  "= ",
                                  "alice",
                                  "\"",
                                  "#",
                                  "\n",
                                  "\\\n",
                                  "include \"gitolite.conf\"",
                                  "- ",
                                  "\xff\x01",
                                  "option x = ",
                                  "subconf ",
                                  "@g",
                                  " ",
                                  "= begin testconf"};
    unsigned state = 1;
    for (int round = 0; round < 3000; ++round) {
        std::string text;
        for (int i = 0; i < 20; ++i) {
            state = state * 1664525 + 1013904223;
            text += pieces[(state >> 16) % std::size(pieces)];
        }
        CAPTURE(text);
        const auto conf = MemoryFiles({{"gitolite.conf", text}}).parse();
        if (!conf) CHECK_FALSE(conf.error().empty());
    }
}
