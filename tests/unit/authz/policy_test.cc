// Runs the tables of tests/policy: each .eval against the world of the .rules beside it.
#include "authz/policy.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "authz/base/text.h"
#include "authz/service/explain.h"
#include "tests/unit/authz/store/fixture.h"

using namespace gerve;
using namespace gerve::testing;

namespace {

using Words = std::vector<std::string>;

struct Line {
    std::string place;  // FILE:NUMBER
    Words words;
};

std::vector<Line> read_table(const std::filesystem::path& file) {
    std::ifstream in(file);
    REQUIRE_MESSAGE(in.good(), file.string());
    std::vector<Line> lines;
    std::string text;
    for (unsigned number = 1; std::getline(in, text); ++number) {
        std::istringstream words(text);
        Line line{file.filename().string() + ":" + std::to_string(number), {}};
        for (std::string word; words >> word;) line.words.push_back(word);
        if (!line.words.empty() && line.words[0][0] != '#') lines.push_back(std::move(line));
    }
    return lines;
}

// The world, made by the commands by which an administrator would make it.
class World : public Store {
  public:
    explicit World(const std::filesystem::path& rules) {
        for (const Line& line : read_table(rules)) {
            CAPTURE(line.place);
            make(line.words);
        }
    }
    // Who asks in a table: a login, or a deploy key by its name.
    [[nodiscard]] ExplainSubject who(const std::string& word) {
        if (!word.starts_with("key:")) return login(word);
        REQUIRE(deploy_keys_.contains(word.substr(4)));
        return make_key(deploy_keys_.at(word.substr(4))).fingerprint();
    }

  private:
    void make(const Words& w) {
        Registry make = registry();
        const auto has = [&](const char* word) { return std::find(w.begin() + 2, w.end(), word) != w.end(); };
        if (w[0] == "user") {
            must(make.add_account(login(w[1]), AccountKind::user));
            if (has("suspended")) must(make.suspend_account(login(w[1])));
        } else if (w[0] == "org") {
            must(make.add_account(login(w[1]), AccountKind::organization));
            for (std::size_t i = 2; i < w.size(); ++i) {
                must(make.set_org_member(login(w[1]), login(w[i]), OrgRole::owner));
            }
        } else if (w[0] == "team") {
            must(make.add_team(team(w[1])));
            for (std::size_t i = 2; i < w.size(); ++i) must(make.add_team_member(team(w[1]), login(w[i])));
        } else if (w[0] == "repo") {
            const auto was = std::find(w.begin(), w.end(), "was");
            must(make.create_repository(repo(was == w.end() ? w[1] : *(was + 1)), w[2] == "public"));
            if (was != w.end()) must(make.rename_repository(repo(*(was + 1)), repo(w[1])));
            if (has("archived")) must(make.archive_repository(repo(w[1])));
            if (has("disabled")) must(make.disable_repository(repo(w[1])));
        } else if (w[0] == "access") {
            must(make.grant_access(repo(w[1]), must(parse_grant_holder(w[2])), must(parse_access(w[3]))));
        } else if (w[0] == "deploy-key") {
            const auto number = static_cast<unsigned>(deploy_keys_.size() + 1);
            deploy_keys_[w[1]] = number;
            must(make.add_deploy_key(repo(w[2]), make_key(number), w[3] == "write", {w[1], std::nullopt}));
        } else {
            FAIL("not a rule: " << w[0]);
        }
    }
    std::map<std::string, unsigned> deploy_keys_;
};

Service service_of(const std::string& operation) {
    if (operation == "fetch") return Service::upload_pack;
    if (operation == "archive") return Service::upload_archive;
    REQUIRE(operation == "push");
    return Service::receive_pack;
}

// The answer in the words of a table.
std::string answer_text(const Explanation& explanation) {
    if (explanation.allowed) return "allow " + explanation.rule;
    CHECK(explanation.told.ends_with('\n'));
    return "deny " + explanation.rule + " " + std::to_string(explanation.exit) + " " +
           std::string(trim(explanation.told));
}

bool asked_for_permission(const Explanation& explanation) {
    for (const auto& [asked, answer] : explanation.facts) {
        if (asked.starts_with("permission")) return true;
    }
    return false;
}

const Route local{*ServerName::parse("local"), {*Endpoint::parse("unix:/s")}};

}  // namespace

TEST_CASE("every row of the policy tables") {
    unsigned rows = 0;
    for (const auto& entry : std::filesystem::directory_iterator(POLICY_TABLES)) {
        if (entry.path().extension() != ".rules") continue;
        World world(entry.path());
        for (const Line& line : read_table(std::filesystem::path(entry.path()).replace_extension(".eval"))) {
            CAPTURE(line.place);
            const Words& w = line.words;
            REQUIRE(w.size() >= 5);
            const GitCommand command{service_of(w[1]), repo(w[2])};
            const auto explanation =
                must(explain({world.database(), local}, world.who(w[0]), command, test_now));
            CHECK(answer_text(explanation) == join(Words(w.begin() + 3, w.end()), " "));
            CHECK(explanation.route.has_value() == explanation.allowed);
            if (explanation.rule == "owner") CHECK_FALSE(asked_for_permission(explanation));
            ++rows;
        }
    }
    CHECK(rows > 400);
}

TEST_CASE("a permission is asked for only where it can change the answer") {
    const Fingerprint key = Fingerprint::of_blob("");
    const auto principal = [&](KeyHolder owner) {
        return *Principal::make(Proof::from_administrator(key), KnownKey{KeyId{1}, key, std::move(owner)});
    };
    const Principal owner = principal(User{AccountId{1}, login("owner")});
    const Principal other = principal(User{AccountId{2}, login("other")});
    const Principal banned = principal(User{AccountId{2}, login("other"), true});
    const Principal deploy = principal(DeployKey{RepoId{1}, repo("owner/r"), true});
    const Repository hidden{RepoId{1}, repo("owner/r"), AccountId{1}};
    Repository open = hidden;
    open.is_public = true;
    Repository disabled = hidden;
    disabled.disabled = true;
    for (const Service service : {Service::upload_pack, Service::receive_pack, Service::upload_archive}) {
        const bool writes = needs_write(service);
        CHECK_FALSE(needs_permission(owner, service, hidden));
        CHECK(needs_permission(other, service, hidden));
        CHECK(needs_permission(other, service, open) == writes);
        CHECK_FALSE(needs_permission(other, service, disabled));
        CHECK_FALSE(needs_permission(other, service, std::nullopt));
        CHECK_FALSE(needs_permission(banned, service, hidden));
        CHECK_FALSE(needs_permission(deploy, service, hidden));
    }
}

TEST_CASE("without a login: what is public, told from nothing else") {
    Repository repository{RepoId{1}, repo("owner/r"), AccountId{1}};
    const auto denied = [](const std::optional<Repository>& asked) {
        const auto decision = decide_anonymous(asked);
        REQUIRE_FALSE(allowed(decision));
        return std::get<Deny>(decision);
    };
    const Deny missing = denied(std::nullopt);
    CHECK(missing.because == Rule::no_such_repository);
    const Deny hidden = denied(repository);
    CHECK(hidden.because == Rule::no_read_access);
    CHECK(hidden.told == missing.told);
    CHECK(hidden.exit == missing.exit);
    repository.is_public = true;
    CHECK(std::get<Allow>(decide_anonymous(repository)).because == Rule::public_read);
    repository.archived = true;
    CHECK(allowed(decide_anonymous(repository)));
    repository.disabled = true;
    CHECK(denied(repository).told == missing.told);
}
