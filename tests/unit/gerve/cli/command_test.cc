#include "gerve/cli/command.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include <filesystem>

#include "authz/base/fd.h"
#include "gerve/cli/commands.h"
#include "gerve/cli/site.h"
#include "tests/unit/temporary.h"

using namespace gerve;

namespace {

struct Values {
    std::optional<Login> login;
    std::string title;
    std::vector<std::string> rest;
    bool flag = false;
    GlobalOptions seen;
    int runs = 0;
};

// A small tree in which every kind of word occurs.
struct Line {
    Line() {
        Command root = line.root();
        Command user = root.group("user", "Accounts.");
        user.command("add", "Add.",
                     [this](Site& site) {
                         values.seen = site.options();
                         ++values.runs;
                         return values.flag ? 7 : 0;
                     })
            .argument("LOGIN", "Who", parsed(values.login))
            .option("-t,--title", "TEXT", "What", word(values.title))
            .option("--listen", "ADDR", "Where", word_list(), true)
            .flag("--org", "Which", values.flag);
        Command trail = root.group("trail", "Print, or check.", [this](Site&) {
            ++values.runs;
            return 0;
        });
        trail.option("--of", "LOGIN", "Whose", parsed(values.login));
        (void)trail.command("verify", "Check.", [](Site&) { return 0; });
        Command related = root.group("trail-user", "Users of trails.");
        (void)related.command("verify", "Check.", [](Site&) { return 0; });
        root.command("words", "Refuse a word.",
                     [this](Site&) -> int {
                         throw Stop{refused_status, values.title};
                     })
            .argument("WORD", "It", word(values.title));
        root.command("all", "All.",
                     [this](Site&) -> int {
                         throw Stop{refused_status, "refused"};
                     })
            .arguments("WORD", "Words", word_list());
    }

    Setter word_list() {
        return [this](const std::string& text) -> Result<void> {
            values.rest.push_back(text);
            return {};
        };
    }

    // The exit status; what was said on stderr is kept.
    int run(std::vector<const char*> words) {
        words.insert(words.begin(), "gerve");
        const TemporaryDirectory temporary;
        const std::string file = temporary.path + "/stderr";
        const Fd saved(::dup(2));
        const Fd out(::open(file.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600));
        ::dup2(out.get(), 2);
        const int status = line.run(static_cast<int>(words.size()), words.data());
        std::fflush(stderr);
        ::dup2(saved.get(), 2);
        said = *read_file(file);
        return status;
    }

    CommandLine line;
    Values values;
    std::string said;
};

}  // namespace

TEST_CASE("words arrive as values, and the command's status is the program's") {
    Line line;
    CHECK(line.run({"user", "add", "alice", "-t", "some title", "--org"}) == 7);
    CHECK(line.values.login->text() == "alice");
    CHECK(line.values.title == "some title");
    CHECK(line.said == "");
    Line again;
    CHECK(again.run({"all", "a", "b", "-"}) == 1);
    CHECK(again.values.rest == std::vector<std::string>{"a", "b", "-"});
    CHECK(again.said == "gerve: refused\n");
}

TEST_CASE("a repeatable option takes one word each time") {
    Line line;
    CHECK(line.run({"user", "add", "--listen", "a", "--listen", "b", "alice"}) == 0);
    CHECK(line.values.rest == std::vector<std::string>{"a", "b"});
    CHECK(line.values.login->text() == "alice");
}

TEST_CASE("global options stand before the command or behind it") {
    for (const auto& words :
         std::vector<std::vector<const char*>>{{"-c", "f", "--state", "s", "user", "add", "alice"},
                                               {"user", "add", "alice", "--config", "f", "--state", "s"},
                                               {"user", "-c", "f", "add", "--state=s", "alice"}}) {
        Line line;
        CHECK(line.run(words) == 0);
        CHECK(line.values.seen.config == "f");
        CHECK(line.values.seen.state == "s");
    }
}

TEST_CASE("a name that is a command's is a name where a name is due") {
    for (const char* name : {"add", "user", "all"}) {
        Line line;
        CHECK(line.run({"user", "add", name}) == 0);
        CHECK(line.values.login->text() == name);
    }
}

TEST_CASE("wrong usage exits 2, says what is wrong and where to look, and runs nothing") {
    const auto told = [](const std::vector<const char*>& words) {
        Line line;
        CHECK(line.run(words) == 2);
        CHECK(line.values.runs == 0);
        return line.said;
    };
    CHECK(told({"user"}) == "gerve: 'gerve user' needs a command: add\nSee: gerve user --help\n");
    CHECK(told({"trail", "--of", "a b"}).starts_with("gerve: --of: 'a b' is not a login"));
    CHECK(told({"trail", "--of"}).starts_with("gerve: --of"));
    CHECK(told({"user", "--state"}).starts_with("gerve: --state"));
    CHECK(told({"trail", "verfy"}) ==
          "gerve: 'gerve trail' has no command 'verfy'; did you mean 'verify'?\nSee: gerve trail --help\n");
    CHECK(told({"usr", "add", "x"}) ==
          "gerve: 'gerve' has no command 'usr'; did you mean 'user'?\nSee: gerve --help\n");
    CHECK(told({"user", "ad"}) ==
          "gerve: 'gerve user' has no command 'ad'; did you mean 'add'?\nSee: gerve user --help\n");
    CHECK(told({"user", "add"}) == "gerve: LOGIN is required\nSee: gerve user add --help\n");
    CHECK(told({"user", "add", "x", "--nope"}) ==
          "gerve: 'gerve user add' has no option '--nope'\nSee: gerve user add --help\n");
    CHECK(told({"user", "add", "-x"}) ==
          "gerve: 'gerve user add' has no option '-x'\nSee: gerve user add --help\n");
    CHECK(told({"user", "add", "x", "y"}).starts_with("gerve: "));
    CHECK(told({"user", "add", "a b"}).starts_with("gerve: LOGIN: 'a b' is not a login"));
    CHECK(told({"user", "add", ""}).starts_with("gerve: LOGIN: '' is not a login"));
    CHECK(told({"user", "add", "x", "--title"}).find("--title") != std::string::npos);
    CHECK(told({"all"}) == "gerve: WORD is required\nSee: gerve all --help\n");
    CHECK(told({"\x1b[2J\xe2\x80\xae"}).find_first_of("\x1b\xe2") == std::string::npos);
    CHECK(told({"user", "new"}).find("did you mean 'add'?") != std::string::npos);
    CHECK(told({"trail-user", "new"}).find("did you mean 'gerve user add'?") != std::string::npos);
    CHECK(told({"help", "user", "ad"}).find("'gerve user' has no command 'ad'; did you mean 'add'?") !=
          std::string::npos);
}

TEST_CASE("help and version are commands, too") {
    for (const auto& words : std::vector<std::vector<const char*>>{
             {"help"}, {"help", "user"}, {"help", "user", "add"}, {"help", "trail", "--help"}, {"version"}}) {
        Line line;
        CHECK(line.run(words) == 0);
        CHECK(line.said == "");
        CHECK(line.values.runs == 0);
    }
}

TEST_CASE("what the operator wrote moves no cursor") {
    Line line;
    CHECK(line.run({"words",
                    "\x1b]0;x\x07\xe2\x80\xae"
                    "a\nb"}) == 1);
    CHECK(line.said == "gerve: \\x1b]0;x\\x07\\xe2\\x80\\xaea\nb\n");
}

TEST_CASE("a configuration that is wrong stops a command with status 2 and every problem") {
    const TemporaryDirectory temporary;
    const std::string file = temporary.path + "/gerve.toml";
    REQUIRE(write_file(file, "[ssh]\nworker = 1\nlogin_grace = 3\n", 0600).has_value());
    Site site({file, ""});
    try {
        (void)site.config();
        FAIL("went on");
    } catch (const Stop& stop) {
        CHECK(stop.status == 2);
        CHECK(stop.text.find(file + ":2:1: unknown key \"worker\"") != std::string::npos);
        CHECK(stop.text.find(file + ":3:15: ssh.login_grace") != std::string::npos);
    }
}

TEST_CASE("a look at a state directory that is not there makes none") {
    const TemporaryDirectory temporary;
    const std::string state = temporary.path + "/state";
    Site site({"", state});
    CHECK_THROWS_AS((void)site.registry(), Stop);
    CHECK_FALSE(std::filesystem::exists(state));
    Site unnamed({"", ""});  // ./gerve-state, wherever this runs
    CHECK_THROWS_AS(unnamed.create_state(), Stop);
    CHECK_FALSE(std::filesystem::exists("gerve-state"));
    Site maker({"", state});
    maker.create_state();
    CHECK(need(maker.registry().list_accounts()).empty());
}

TEST_CASE("the whole tree can be declared") {
    CommandLine line;
    Command root = line.root();
    declare_serve(root);
    declare_check(root);
    declare_schema(root);
    declare_accounts(root);
    declare_keys(root);
    declare_repositories(root);
    declare_access(root);
    declare_routes(root);
    declare_explain(root);
}
