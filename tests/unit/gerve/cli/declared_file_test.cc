#include "gerve/cli/declared_file.h"

#include <doctest/doctest.h>

#include "authz/base/text.h"

using namespace gerve;

namespace {

// Of a file with this text below its first line.
std::vector<std::string> problems_of(const std::string& text) {
    const DeclaredFile file = read_declared("format = 1\n" + text, "d.toml");
    std::vector<std::string> problems;
    for (const ConfigProblem& problem : file.problems) {
        const std::string whole = problem.format();
        problems.push_back(whole.substr(0, whole.find('\n')));
    }
    return problems;
}

using Texts = std::vector<std::string>;

const std::string key_line =
    "key = \"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGtra2tra2tra2tra2tra2tra2tra2tra2tra2sAAAAB\"\n";
const std::string not_a_login =
    "' is not a login: 1 to 64 letters, digits, '.', '_' or '-', starting with a letter, digit or '_', not "
    "ending in .git or .lock";

}  // namespace

TEST_CASE("a file without its format, or of a newer one, is refused") {
    const auto none = read_declared("[[users]]\nlogin = \"alice\"\n", "d.toml").problems;
    REQUIRE(none.size() == 1);
    CHECK(none.front().format() == "d.toml: format is missing: write format = 1 at the top of the file");
    const auto newer = read_declared("format = 2\n", "d.toml").problems;
    REQUIRE(newer.size() == 1);
    CHECK(newer.front().text.starts_with("format is 2, and this Gerve reads format 1: "));
    CHECK(newer.front().line == 1);
}

TEST_CASE("every problem of a file is told with its place") {
    CHECK(problems_of("[[users]]\nlogin = \"a b\"\n\n[[users]]\nsuspended = true\n") ==
          Texts{"d.toml:3:9: users.login is invalid: 'a b" + not_a_login,
                "d.toml:5:1: users.login is missing: write login = \"NAME\""});
    CHECK(problems_of("[[users]]\nlogin = \"a\"\nshell = \"/bin/sh\"\n[[groups]]\nname = \"x\"\n") ==
          Texts{"d.toml:4:1: unknown key \"shell\" in [users]", "d.toml:5:3: unknown key \"groups\""});
    CHECK(
        problems_of("[[repositories]]\npath = \"a\"\nvisibility = \"secret\"\nwrite = [\"b\", \"c d\", "
                    "\"o/t/x\"]\n") ==
        Texts{
            "d.toml:3:8: repositories.path is invalid: 'a' is not a repository: the form is OWNER/NAME",
            "d.toml:4:14: repositories.visibility must be \"private\" or \"public\", not \"secret\"",
            "d.toml:5:15: repositories.write is invalid: 'c d" + not_a_login,
            "d.toml:5:22: repositories.write is invalid: 'o/t/x' is not a team: a team name follows the same "
            "rules as a login"});
    CHECK(problems_of(
              "[[users]]\nlogin = \"a\"\n[[users.keys]]\nkey = \"ssh-ed25519 AAAA\"\nexpires = \"90d\"\n") ==
          Texts{"d.toml:5:7: users.keys.key is invalid: the public key is malformed",
                "d.toml:6:11: users.keys.expires is invalid: '90d' is not a time: write 2027-01-31 or "
                "2027-01-31T12:00:00Z"});
    CHECK(problems_of("users = [\"alice\"]\n[orgs]\nlogin = \"acme\"\n") ==
          Texts{"d.toml:2:10: users must be a list of tables: write [[users]] above each",
                "d.toml:3:1: orgs must be a list of tables: write [[orgs]] above each"});
    CHECK(problems_of("[[users]\n").size() == 1);
}

TEST_CASE("what stands in a file twice is refused, with the first place") {
    CHECK(problems_of("[[users]]\nlogin = \"alice\"\n[[orgs]]\nlogin = \"Alice\"\n") ==
          Texts{"d.toml:5:9: orgs.login declares Alice again, which is declared in line 3: remove "
                "one of them"});
    CHECK(problems_of("[[repositories]]\npath = \"a/b\"\nwrite = [\"c\"]\nread = [\"d\", \"C\"]\n") ==
          Texts{"d.toml:5:14: repositories.read declares the access of C again, which is declared in line "
                "4: remove "
                "one of them"});
    CHECK(problems_of("[[orgs]]\nlogin = \"o\"\nowners = [\"a\"]\nmembers = [\"A\"]\n") ==
          Texts{"d.toml:5:12: orgs.members declares A again, which is declared in line 4: remove "
                "one of them"});
    const auto twice = problems_of("[[users]]\nlogin = \"a\"\n[[users.keys]]\n" + key_line +
                                   "[[users]]\nlogin = \"b\"\n[[users.keys]]\n" + key_line);
    REQUIRE(twice.size() == 1);
    CHECK(twice.front().starts_with("d.toml:9:7: users.keys.key declares SHA256:"));
    CHECK(twice.front().ends_with(" again, which is declared in line 5: remove one of them"));
}

TEST_CASE("members of a team are members of its organisation, and a comment is a title") {
    const DeclaredFile file = read_declared(
        "format = 1\n[[orgs]]\nlogin = \"o\"\nowners = [\"boss\"]\n[[orgs.teams]]\nname = "
        "\"t\"\n"
        "members = [\"boss\", \"coder\"]\n[[users]]\nlogin = \"coder\"\n[[users.keys]]\n" +
            key_line.substr(0, key_line.size() - 2) + " coder@desk\"\n",
        "d.toml");
    CHECK(file.problems.empty());
    const auto& members = file.state.members;
    CHECK(members.size() == 2);
    CHECK(members.at({*Login::parse("o"), *Login::parse("boss")}).role == OrgRole::owner);
    CHECK(members.at({*Login::parse("o"), *Login::parse("coder")}).role == OrgRole::member);
    REQUIRE(file.state.keys.size() == 1);
    CHECK(file.state.keys.begin()->second.title == "coder@desk");
}
