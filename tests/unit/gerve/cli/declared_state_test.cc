// A directory that was exported and applied elsewhere is the same directory: its text, and every decision.
#include <chrono>
#include <cstdlib>

#include "authz/service/explain.h"
#include "gerve/cli/declared_file.h"
#include "gerve/cli/declared_text.h"
#include "tests/unit/authz/random_world.h"
#include "tests/unit/authz/store/declared.h"

using namespace gerve;
using namespace gerve::testing;

namespace {

// Makes a store what a text declares; the differences there were.
DeclaredComparison apply_text(Store& store, const std::string& text, bool prune = false) {
    const DeclaredFile file = read_declared(text, "directory.toml");
    for (const ConfigProblem& problem : file.problems) FAIL_CHECK(problem.format());
    return apply_declared(store, file.state, prune);
}

std::string text_of(Store& store) {
    Registry registry = store.registry();
    return declared_text(must(registry.read_declared()));
}

struct Question {
    std::variant<Login, Fingerprint> who;
    GitCommand command;
};

// Of anybody about anything: accounts and keys in any state, and what there is not.
class Questions {
  public:
    Questions(Store& store, std::uint64_t seed) : random_(seed) {
        Registry registry = store.registry();
        for (const AccountRecord& one : must(registry.list_accounts())) who_.emplace_back(one.login);
        for (const KeyRecord& one : must(registry.list_keys())) who_.emplace_back(one.fingerprint);
        for (const RepositoryRecord& one : must(registry.list_repositories())) repos_.push_back(one.path);
        who_.emplace_back(make_key(999'999).fingerprint());
        who_.emplace_back(login("nobody"));
        repos_.push_back(repo("ann/nothing"));
        repos_.push_back(repo("nobody/nothing"));
    }

    Question next() {
        constexpr std::array services{Service::upload_pack, Service::receive_pack, Service::upload_archive};
        return {who_[random_() % who_.size()],
                {services[random_() % services.size()], repos_[random_() % repos_.size()]}};
    }

  private:
    std::mt19937_64 random_;
    std::vector<std::variant<Login, Fingerprint>> who_;
    std::vector<RepoPath> repos_;
};

std::string answer_of(Store& store, const Question& question) {
    static const Route local{*ServerName::parse("local"), {*Endpoint::parse("unix:/local.sock")}};
    const auto who = std::visit([](const auto& one) { return ExplainSubject(one); }, question.who);
    const auto answer = explain({store.database(), local}, who, question.command, test_now);
    if (!answer && answer.error().kind == ErrorKind::client) return "refused: " + answer.error().told;
    const Explanation told = must(answer);
    return std::string(told.allowed ? "yes " : "no ") + told.rule + " " + std::to_string(told.exit) + " " +
           told.told;
}

std::string text_of(const Question& question) {
    const std::string who = std::visit([](const auto& one) { return one.text(); }, question.who);
    return who + " " + std::string(service_name(question.command.service)) + " " +
           question.command.repo.text();
}

struct Worlds {
    std::uint64_t first = 1;
    unsigned count = server_under_test() ? 20 : 60;
    unsigned questions = 200;  // of each
    Worlds() {
        const char* given = std::getenv("GERVE_TEST_SEED");
        if (given == nullptr) return;
        first = std::strtoull(given, nullptr, 10);
        count = 1;
    }
};

void quicken(Store& store) {
    // Thousands of changes, of which none has to outlive the machine.
    if (store.database().dialect() == Dialect::sqlite) store.by_hand("PRAGMA synchronous = OFF");
}

}  // namespace

TEST_CASE("a directory applied elsewhere decides alike in random worlds") {
    const UnixMillis before = test_now;
    const Worlds worlds;
    const auto started = std::chrono::steady_clock::now();
    unsigned asked = 0;
    unsigned yes = 0;
    Store store;
    quicken(store);
    for (std::uint64_t seed = worlds.first; seed < worlds.first + worlds.count; ++seed) {
        const RandomWorld world(store, seed);
        Store copy;
        quicken(copy);
        const std::string text = text_of(store);
        CHECK(!apply_text(copy, text).changes.empty());
        CHECK(text_of(copy) == text);
        CHECK(apply_text(copy, text, true).changes.empty());
        Questions questions(store, seed);
        for (unsigned i = 0; i < worlds.questions; ++i, ++asked) {
            const Question question = questions.next();
            const std::string wanted = answer_of(store, question);
            const std::string found = answer_of(copy, question);
            if (wanted.starts_with("yes ")) ++yes;
            if (wanted == found) continue;
            FAIL_CHECK("GERVE_TEST_SEED=" << seed << ": " << text_of(question) << ": " << wanted << " there, "
                                          << found << " in the copy");
        }
    }
    const auto took = std::chrono::steady_clock::now() - started;
    MESSAGE(worlds.count << " worlds, " << asked << " questions, " << yes << " answered yes, "
                         << std::chrono::duration_cast<std::chrono::milliseconds>(took).count() << " ms");
    if (worlds.count >= 60) CHECK(asked >= 10'000);
    if (worlds.count > 1) CHECK(yes > asked / 20);
    test_now = before;
}

TEST_CASE("what a title holds comes back as it was") {
    const std::string titles[] = {"",
                                  "laptop",
                                  "\"quoted\" and \\ back",
                                  "tab\tnew\nline\rreturn",
                                  std::string("nul\0and\x01\x7f", 9),
                                  "Zoë 鍵 🔑",
                                  "turns \u202e around, \u2028 and \U000e0041",
                                  "c1 \u0085 and \ufeff",
                                  "''' \"\"\" # = [[users]]",
                                  std::string(200, 'x')};
    Store store;
    Registry registry = store.registry();
    must(registry.add_account(login("Alice"), AccountKind::user));
    unsigned number = 0;
    for (const std::string& title : titles) {
        KeyOptions options{title};
        options.as_declared = true;
        must(registry.add_key(login("alice"), make_key(++number), options));
    }
    Store copy;
    const std::string text = text_of(store);
    apply_text(copy, text);
    CHECK(text_of(copy) == text);
    Registry copied = copy.registry();
    number = 0;
    for (const std::string& title : titles)
        CHECK(must(copied.show_key(make_key(++number).fingerprint())).title == title);
    for (const char byte : text) CHECK((byte == '\n' || static_cast<unsigned char>(byte) >= 0x20));
}

TEST_CASE("a file reads as it is documented") {
    Store store;
    Registry registry = store.registry();
    must(registry.add_account(login("alice"), AccountKind::user));
    must(registry.add_account(login("Bob"), AccountKind::user));
    must(registry.suspend_account(login("bob")));
    must(registry.add_account(login("acme"), AccountKind::organization));
    must(registry.set_org_member(login("acme"), login("alice"), OrgRole::owner));
    must(registry.add_team(team("acme/devs")));
    must(registry.add_team_member(team("acme/devs"), login("bob")));
    must(registry.create_repository(repo("acme/site"), false));
    must(registry.archive_repository(repo("acme/site")));
    must(registry.grant_access(repo("acme/site"), team("acme/devs"), Access::write));
    must(registry.grant_access(repo("acme/site"), login("alice"), Access::read));
    must(registry.grant_access(repo("acme/site"), login("bob"), Access::read));
    must(registry.add_key(login("alice"), make_key(1), "laptop", test_now + 1500));
    must(registry.add_deploy_key(repo("acme/site"), make_key(2), "", true, std::nullopt));
    must(registry.revoke_key(make_key(2).fingerprint()));
    CHECK(text_of(store) ==
          "# Accounts, keys, teams, repositories and grants, as `gerve export` writes them.\n"
          "# `gerve apply --dry-run FILE` shows what differs from it, `gerve apply FILE` makes it so.\n"
          "format = 1\n"
          "\n[[users]]\nlogin = \"alice\"\n"
          "\n[[users.keys]]\n# " +
              make_key(1).fingerprint().text() + "\nkey = \"" + make_key(1).text() +
              "\"\ntitle = \"laptop\"\nexpires = \"2023-11-14T22:13:21.500Z\"\n"
              "\n[[users]]\nlogin = \"Bob\"\nsuspended = true\n"
              "\n[[orgs]]\nlogin = \"acme\"\nowners = [\"alice\"]\nmembers = [\"Bob\"]\n"
              "\n[[orgs.teams]]\nname = \"devs\"\nmembers = [\"Bob\"]\n"
              "\n[[repositories]]\npath = \"acme/site\"\nvisibility = \"private\"\narchived = true\n"
              "write = [\"acme/devs\"]\nread = [\n    \"alice\",\n    \"Bob\",\n]\n"
              "\n[[repositories.deploy_keys]]\n# " +
              make_key(2).fingerprint().text() + "\nkey = \"" + make_key(2).text() +
              "\"\nwrite = true\nrevoked = true\n");
}

TEST_CASE("times of a file") {
    CHECK(declared_time_text(1'700'000'001'500) == "2023-11-14T22:13:21.500Z");
    CHECK(declared_time_text(1'700'000'001'000) == "2023-11-14T22:13:21Z");
    for (const UnixMillis time :
         {UnixMillis{0}, UnixMillis{1'700'000'001'007}, UnixMillis{4'102'444'800'000}})
        CHECK(must(parse_declared_time(declared_time_text(time))) == time);
    CHECK(must(parse_declared_time("2027-01-31")) == 1'801'353'600'000);
    for (const char* wrong :
         {"", "90d", "2027-02-31", "tomorrow", "2027-01-31T12:00:00.1Z", "2027-01-31T12:00:00.12xZ"})
        CHECK(refusal(parse_declared_time(wrong)).find("write 2027-01-31") != std::string::npos);
}
