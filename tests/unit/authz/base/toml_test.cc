#include "authz/base/toml.h"

#include <doctest/doctest.h>

#include "authz/base/nearest.h"

using namespace gerve;
using namespace std::chrono_literals;

namespace {

enum class Kept { mysql, sqlite, none };

std::string all_of(const std::vector<ConfigProblem>& problems) {
    std::string out;
    for (const ConfigProblem& problem : problems) out += problem.format() + "\n";
    return out;
}

// Reads the keys of a small made-up file and returns every problem with it.
std::string problems_in(const std::string& text) {
    TomlReader reader(text, "t.toml");
    TomlTable root = reader.root();
    (void)root.text("name");
    TomlTable ssh = root.table("ssh");
    (void)ssh.number("workers", 0, 0, 64);
    (void)ssh.texts("logins");
    (void)ssh.duration("grace", 30s, 1s, 1h);
    (void)ssh.flag("fast", true);
    (void)ssh.choice("backend", std::array<std::string_view, 3>{"mysql", "sqlite", "none"}, Kept::none);
    (void)ssh.paths("host_keys");
    return all_of(reader.finish());
}

}  // namespace

TEST_CASE("values are read, absent ones keep their fallback") {
    TomlReader reader(
        "name = \"fs1\"\n[ssh]\nworkers = 3\nlogins = [\"git\", \"hg\"]\ngrace = \"5m\"\nfast = false\n"
        "backend = \"mysql\"\nhost_keys = [\"../k\", \"/abs/k\"]\n",
        "/etc/gerve/t.toml");
    TomlTable root = reader.root();
    CHECK(root.text("name") == "fs1");
    TomlTable ssh = root.table("ssh");
    CHECK(ssh.present());
    CHECK(ssh.number("workers", 0, 0, 64) == 3);
    CHECK(ssh.number("tries", 7, 0, 64) == 7);
    CHECK(ssh.texts("logins") == std::vector<std::string>{"git", "hg"});
    CHECK(ssh.texts("users", {"x"}) == std::vector<std::string>{"x"});
    CHECK(ssh.duration("grace", 30s, 1s, 1h) == 5min);
    CHECK(ssh.duration("idle", 30s, 1s, 1h) == 30s);
    CHECK_FALSE(ssh.flag("fast", true));
    const std::array<std::string_view, 3> kept{"mysql", "sqlite", "none"};
    CHECK(ssh.choice("backend", kept, Kept::sqlite) == Kept::mysql);
    CHECK(ssh.choice("mirror", kept, Kept::sqlite) == Kept::sqlite);
    CHECK(ssh.paths("host_keys") == std::vector<std::string>{"/etc/k", "/abs/k"});
    CHECK(ssh.path("notice", "") == "");
    CHECK_FALSE(root.table("nothing").present());
    CHECK(root.table("nothing").table("below").text("key", "f") == "f");
    CHECK(all_of(reader.finish()) == "");
}

TEST_CASE("every problem is told, in the order of the file, with place, source line and caret") {
    CHECK(problems_in("name = 3\n"
                      "[ssh]\n"
                      "  workers = 65\n"
                      "\tlogins = \"git\"\n"
                      "host-keys = []\n"
                      "grace = 30\n"
                      "fast = \"yes\"\n"
                      "[shs]\n"
                      "x = 1\n") ==
          "t.toml:1:8: name must be a string, not 3\n"
          "    name = 3\n"
          "           ^\n"
          "t.toml:3:13: ssh.workers must be a whole number from 0 to 64, not 65\n"
          "      workers = 65\n"
          "                ^\n"
          "t.toml:4:11: ssh.logins must be a list of strings, not \"git\": write [\"git\"]\n"
          "    \tlogins = \"git\"\n"
          "    \t         ^\n"
          "t.toml:5:1: unknown key \"host-keys\" in [ssh]; did you mean \"host_keys\"?\n"
          "    host-keys = []\n"
          "    ^\n"
          "t.toml:6:9: ssh.grace must be a time with its unit, such as \"500ms\", \"30s\", \"5m\", \"1h\" or "
          "\"2d\", "
          "not 30\n"
          "    grace = 30\n"
          "            ^\n"
          "t.toml:7:8: ssh.fast must be true or false, not \"yes\"\n"
          "    fast = \"yes\"\n"
          "           ^\n"
          "t.toml:8:2: unknown table \"shs\"; did you mean \"ssh\"?\n"
          "    [shs]\n"
          "     ^\n");
}

TEST_CASE("a key in the wrong table is sent to its own") {
    CHECK(problems_in("logins = [\"git\"]\n") ==
          "t.toml:1:1: unknown key \"logins\"; did you mean \"ssh.logins\"?\n"
          "    logins = [\"git\"]\n"
          "    ^\n");
    CHECK(problems_in("[ssh]\nname = \"x\"\n").find("; did you mean \"name\" in front of all tables?") !=
          std::string::npos);
    CHECK(problems_in("[ssh]\nssh = 1\n").find("; did you mean the table [ssh]?") != std::string::npos);
    CHECK(problems_in("[ssh]\nzebra = 1\n") ==
          "t.toml:2:1: unknown key \"zebra\" in [ssh]\n    zebra = 1\n    ^\n");
}

TEST_CASE("a syntax error is told once and nothing else is") {
    const std::string told = problems_in("name = \"x\"\n[ssh\nworkers = 65\n");
    CHECK(told.starts_with("t.toml:2:5: not TOML: "));
    CHECK(told.ends_with("\n    [ssh\n        ^\n"));
    CHECK(problems_in("a = 1\na = 2\n").starts_with("t.toml:2:"));
}

TEST_CASE("ranges, choices, elements, tables") {
    CHECK(problems_in("ssh = 1").starts_with(
        "t.toml:1:7: ssh must be a table: write [ssh] and put its keys below it\n"));
    CHECK(problems_in("[ssh]\ngrace = \"2h\"")
              .starts_with("t.toml:2:9: ssh.grace must be from \"1s\" to \"1h\", not \"2h\"\n"));
    CHECK(problems_in("[ssh]\ngrace = \"99999999999d\"").find("a time with its unit") != std::string::npos);
    CHECK(problems_in("[ssh]\nbackend = \"oracle\"")
              .starts_with(
                  "t.toml:2:11: ssh.backend must be \"mysql\", \"sqlite\" or \"none\", not \"oracle\"\n"));
    CHECK(problems_in("[ssh]\nlogins = [\"git\", 4]")
              .starts_with("t.toml:2:18: ssh.logins must be a list of strings, not 4\n"));
    CHECK(problems_in("[ssh]\nhost_keys = [\"\"]")
              .starts_with("t.toml:2:14: ssh.host_keys must not contain an empty file name\n"));
    CHECK(problems_in("[ssh]\nworkers = -1").find("not -1") != std::string::npos);
    CHECK(problems_in("name = \"a\\u0000b\"")
              .starts_with("t.toml:1:8: name must not contain control characters\n"));
}

TEST_CASE("a problem shows no byte that a terminal would obey, and the caret stays below its place") {
    const std::string told = problems_in("# \x1b[31m\nname = \"\xc3\xa4\xc3\xb6\"; x\n");
    CHECK(told.find('\x1b') == std::string::npos);
    CHECK(ConfigProblem{"f", 1, 5, "t", "\xc3\xa4 = 3"}.format() == "f:1:5: t\n    ? = 3\n        ^");
    CHECK(ConfigProblem{"f", 0, 0, "t", ""}.format() == "f: t");
    CHECK(ConfigProblem{"", 0, 0, "t", ""}.format() == "t");
    CHECK(ConfigProblem{"f", 1, 5, "t", std::string(500, 'x')}.format() == "f:1:5: t");
}

TEST_CASE("complaints are placed at the value, the element, or the table's heading") {
    TomlReader reader("[a]\nlist = [\"x\",\n  \"y\"]\n", "t.toml");
    TomlTable a = reader.root().table("a");
    (void)a.texts("list");
    a.complain("list", 1, "has a wrong y");
    a.complain("uri", "is missing");
    reader.root().table("b").complain("c", "is missing");
    CHECK(all_of(reader.finish()) ==
          "t.toml: b.c is missing\n"
          "t.toml:1:1: a.uri is missing\n    [a]\n    ^\n"
          "t.toml:3:3: a.list has a wrong y\n      \"y\"]\n      ^\n");
}

TEST_CASE("nearest") {
    const std::set<std::string> known{"socket", "state", "workers", "host_keys"};
    CHECK(nearest("scoket", known) == "socket");
    CHECK(nearest("Host-Keys", known) == "host_keys");
    CHECK(nearest("worker", known) == "workers");
    CHECK_FALSE(nearest("listen", known).has_value());
    CHECK_FALSE(nearest("", known).has_value());
    CHECK_FALSE(nearest(std::string(100000, 'x'), known).has_value());
}

TEST_CASE("each table of a list is read, with tables below it") {
    TomlReader reader(
        "[[users]]\nlogin = \"a\"\n[[users.keys]]\nkey = 1\nkye = 2\n[[users]]\nlogin = \"b\"\ncount = "
        "\"x\"\n",
        "t.toml");
    std::string logins;
    for (TomlTable& user : reader.root().tables("users")) {
        logins += user.text("login") + " ";
        (void)user.number("count", 0, 0, 9);
        for (TomlTable& key : user.tables("keys")) CHECK(key.number("key", 0, 0, 9) == 1);
        if (user.text("login") == "b") CHECK(user.place("login").line == 7);
        CHECK(user.place("missing").line == (user.text("login") == "a" ? 1 : 6));
    }
    CHECK(logins == "a b ");
    CHECK(reader.root().tables("none").empty());
    CHECK(reader.problem({7, 1}, "is odd").format() == "t.toml:7:1: is odd\n    login = \"b\"\n    ^");
    CHECK(all_of(reader.finish()) ==
          "t.toml:5:1: unknown key \"kye\" in [users.keys]; did you mean \"key\"?\n    kye = 2\n    ^\n"
          "t.toml:8:9: users.count must be a whole number from 0 to 9, not \"x\"\n    count = \"x\"\n        "
          "    ^\n");
}

TEST_CASE("a list of tables that is something else") {
    TomlReader reader("a = [1, {b = 2}]\n[c]\nd = 1\n", "t.toml");
    CHECK(reader.root().tables("a").size() == 1);
    CHECK(reader.root().tables("c").empty());
    const auto problems = reader.finish();
    REQUIRE(problems.size() == 3);
    CHECK(problems[0].text == "a must be a list of tables: write [[a]] above each");
    CHECK(problems[1].text == "unknown key \"b\" in [a]");
    CHECK(problems[2].text == "c must be a list of tables: write [[c]] above each");
}

TEST_CASE("a text may hold everything that TOML can say") {
    TomlReader reader("a = \"\\u0000\\u001b\\n\"\nb = \"\\u0000\"\n", "t.toml");
    CHECK(reader.root().text("a", "", Lines::any) == std::string("\0\x1b\n", 3));
    CHECK(reader.root().text("b", "", Lines::many).empty());
    CHECK(reader.finish().size() == 1);
}
