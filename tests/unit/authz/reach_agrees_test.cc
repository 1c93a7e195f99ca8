// What `gerve access review` and `gerve access of` list is what a login gets: both are compared with what
// `gerve explain` decides, by the lookups of a login, for everybody and every repository of random worlds.
#include <chrono>
#include <cstdlib>
#include <map>
#include <set>

#include "authz/base/text.h"
#include "authz/service/explain.h"
#include "tests/unit/authz/random_world.h"

using namespace gerve;
using namespace gerve::testing;

namespace {

// What a list says of somebody in a repository, or what its reader makes of it when it says nothing.
struct Claim {
    Access access = Access::none;
    std::string because;
    Access granted = Access::none;
};

Claim claim_of(const Standing& standing) {
    return {standing.access, std::string(rule_name(standing.because)), standing.way().access};
}

Claim claim_of(const DeployKeyReach& key) {
    if (key.state != "live") return {key.access, std::string(key.state) + "-key", key.way().access};
    return claim_of(static_cast<const Standing&>(key));
}

Claim claim_of_unlisted(bool is_suspended, const RepositoryRecord& repository) {
    if (is_suspended) return {Access::none, "suspended", Access::none};
    if (repository.disabled) return {Access::none, "disabled", Access::none};
    if (repository.is_public) return {Access::read, "public-read", Access::read};
    return {Access::none, "no-read-access", Access::none};
}

// The rule that a decision names where the claim holds.
std::string rule_by(const Claim& claim, bool is_user, bool is_public, bool writes) {
    if (claim.access == Access::none) return claim.because;
    if (writes && claim.access < Access::write) {
        if (claim.granted >= Access::write) return "archived";
        return is_user ? "no-write-access" : "read-only-deploy-key";
    }
    // The permission is not even read for it.
    const bool reads_public = !writes && is_public && is_user;
    return reads_public && claim.because != "owner" ? "public-read" : claim.because;
}

// The ways to one repository as the other lists tell them: "LOGIN: LEVEL RULE VIA".
using Ways = std::multiset<std::string>;

std::string way_of(const Login& who, const AccessWay& way) {
    return who.text() + ": " + std::string(access_name(way.access)) + " " +
           std::string(rule_name(way.because)) + " " + way.via;
}

class Comparison {
  public:
    explicit Comparison(Store& store)
        : store_(store), registry_(store.registry()), repositories_(must(registry_.list_repositories())) {
        for (AccountRecord& one : must(registry_.list_accounts())) {
            if (one.kind == AccountKind::user)
                users_.push_back(std::move(one));
            else
                organizations_.push_back(std::move(one));
        }
    }

    void run() {
        for (const AccountRecord& user : users_) compare_account(user);
        for (const RepositoryRecord& repository : repositories_) compare_repository(repository);
        compare_public();
    }

    unsigned questions = 0;
    std::vector<std::string> differences;

  private:
    void expect(const std::string& what, const std::string& listed, const std::string& decided) {
        if (listed != decided) differences.push_back(what + ": listed " + listed + ", decided " + decided);
    }

    static std::string answer(bool yes, const std::string& rule) { return (yes ? "yes " : "no ") + rule; }

    // Each question is asked once, and answers what both lists claim.
    const std::string& decided(const std::variant<Login, Fingerprint>& who, const GitCommand& command,
                               const std::string& question) {
        const auto [place, is_new] = decided_.try_emplace(question);
        if (is_new) {
            const auto subject = std::visit([](const auto& one) { return ExplainSubject(one); }, who);
            const auto explanation = must(explain({store_.database(), local_}, subject, command, test_now));
            place->second = answer(explanation.allowed, explanation.rule);
            ++questions;
        }
        return place->second;
    }

    void ask(const std::variant<Login, Fingerprint>& who, const RepositoryRecord& repository,
             const Claim& claim) {
        const bool is_user = std::holds_alternative<Login>(who);
        const std::string name = std::visit([](const auto& one) { return one.text(); }, who);
        for (const Service service : {Service::upload_pack, Service::receive_pack}) {
            const bool writes = needs_write(service);
            const bool may = claim.access >= (writes ? Access::write : Access::read);
            const std::string question = name + (writes ? " writes " : " reads ") + repository.path.text();
            expect(question, answer(may, rule_by(claim, is_user, repository.is_public, writes)),
                   decided(who, {service, repository.path}, question));
        }
    }

    void compare_account(const AccountRecord& user) {
        const auto review = must(registry_.review_account(user.login));
        std::map<std::int64_t, const ReachRecord*> listed;
        for (const ReachRecord& one : review.repositories) listed[number_of(one.repository.id)] = &one;
        expect(user.login.text() + " has each once", std::to_string(review.repositories.size()),
               std::to_string(listed.size()));
        for (const RepositoryRecord& repository : repositories_) {
            const auto found = listed.find(number_of(repository.id));
            ask(user.login, repository,
                found == listed.end() ? claim_of_unlisted(user.suspended.has_value(), repository)
                                      : claim_of(*found->second));
        }
        compare_keys(user, review);
    }

    void compare_keys(const AccountRecord& user, const AccountReview& review) {
        std::int64_t valid = 0;
        std::optional<UnixMillis> last;
        Directory directory = store_.directory();
        for (const KeyRecord& key : must(registry_.list_keys(user.login))) {
            if (must(directory.find_key(key.fingerprint, test_now))) ++valid;
            last = std::max(last, key.last_used);
            std::size_t reached = 0;
            for (const ReachRecord& one : review.repositories) reached += one.access > Access::none ? 1 : 0;
            if (key.state(test_now) != "live") reached = 0;
            expect(key.fingerprint.text() + " reaches",
                   std::to_string(must(registry_.list_reach(key)).size()), std::to_string(reached));
        }
        expect(user.login.text() + "'s keys", std::to_string(review.keys.valid), std::to_string(valid));
        expect(user.login.text() + "'s last use", std::to_string(review.keys.last_used.value_or(0)),
               std::to_string(last.value_or(0)));
        of_accounts_[user.login.text()] = review.keys;
    }

    void compare_repository(const RepositoryRecord& repository) {
        const auto review = must(registry_.review_repository(repository.path));
        std::map<std::string, const AccountReach*> listed;
        Ways ways;
        for (const AccountReach& one : review.accounts) {
            listed[one.account.login.text()] = &one;
            for (const AccessWay& way : one.ways) ways.insert(way_of(one.account.login, way));
            expect(one.account.login.text() + "'s keys here", std::to_string(one.keys.valid),
                   std::to_string(of_accounts_[one.account.login.text()].valid));
        }
        for (const AccountRecord& user : users_) {
            const auto found = listed.find(user.login.text());
            ask(user.login, repository,
                found == listed.end() ? claim_of_unlisted(user.suspended.has_value(), repository)
                                      : claim_of(*found->second));
        }
        expect("ways to " + repository.path.text(), joined(ways), joined(ways_to(repository)));
        for (const DeployKeyReach& one : review.deploy_keys) compare_deploy_key(repository, one);
    }

    void compare_deploy_key(const RepositoryRecord& home, const DeployKeyReach& key) {
        const bool is_live = key.state == "live";
        for (const RepositoryRecord& repository : repositories_) {
            Claim claim = claim_of(key);
            if (is_live && repository.id != home.id)
                claim = {Access::none, repository.disabled ? "disabled" : "other-repository", Access::none};
            ask(key.key.fingerprint, repository, claim);
        }
        const bool reaches = is_live && key.access > Access::none;
        expect(key.key.fingerprint.text() + " reaches",
               std::to_string(must(registry_.list_reach(key.key)).size()), reaches ? "1" : "0");
    }

    // By the lists of grants, teams and members.
    Ways ways_to(const RepositoryRecord& repository) {
        Ways ways;
        const Login& owner = repository.path.owner();
        for (const AccountRecord& user : users_) {
            if (user.id == repository.owner)
                ways.insert(way_of(user.login, {Access::admin, Rule::owner, ""}));
        }
        for (const AccountRecord& org : organizations_) {
            if (org.id != repository.owner) continue;
            for (const OrgMemberRecord& member : must(registry_.list_org_members(owner))) {
                if (member.role == OrgRole::owner)
                    ways.insert(way_of(member.login, {Access::admin, Rule::organization, owner.text()}));
            }
        }
        for (const GrantRecord& grant : must(registry_.list_access(repository.path))) {
            if (grant.holder.find('/') == std::string::npos) {
                ways.insert(way_of(login(grant.holder), {grant.access, Rule::collaborator, ""}));
                continue;
            }
            for (const Login& member : members_of(team(grant.holder)))
                ways.insert(way_of(member, {grant.access, Rule::team, grant.holder}));
        }
        return ways;
    }

    std::vector<Login> members_of(const TeamPath& path) {
        for (const TeamRecord& one : must(registry_.list_teams(path.organization))) {
            if (one.path.name == path.name) return one.members;
        }
        return {};
    }

    static std::string joined(const Ways& ways) {
        std::string text = "[";
        for (const std::string& way : ways) text += way + "; ";
        return text + "]";
    }

    // The line for everybody, and what it stands for.
    void compare_public() {
        std::set<std::string> listed;
        for (const RepositoryRecord& one : must(registry_.list_public_repositories()))
            listed.insert(one.path.text());
        Directory directory = store_.directory();
        for (const RepositoryRecord& one : repositories_) {
            const auto inquiry = must(inquire_anonymously(directory, one.path));
            expect("everybody reads " + one.path.text(), listed.contains(one.path.text()) ? "yes" : "no",
                   allowed(inquiry.decision) ? "yes" : "no");
            ++questions;
        }
    }

    Store& store_;
    Registry registry_;
    std::map<std::string, std::string> decided_;
    Route local_{*ServerName::parse("local"), {*Endpoint::parse("unix:/local.sock")}};
    std::vector<RepositoryRecord> repositories_;
    std::vector<AccountRecord> users_;
    std::vector<AccountRecord> organizations_;
    std::map<std::string, AccountKeys> of_accounts_;
};

// GERVE_TEST_SEED repeats one world. A server gets fewer: each statement costs it a round trip, and what
// differs there is its SQL.
struct Seeds {
    std::uint64_t first = 1;
    unsigned count = server_under_test() ? 20 : 60;
    Seeds() {
        const char* given = std::getenv("GERVE_TEST_SEED");
        if (given == nullptr) return;
        first = std::strtoull(given, nullptr, 10);
        count = 1;
    }
};

}  // namespace

TEST_CASE("lists of who reaches what agree with decisions in random worlds") {
    const UnixMillis before = test_now;
    const Seeds seeds;
    const auto started = std::chrono::steady_clock::now();
    Store store;
    // Thousands of changes, of which none has to outlive the machine.
    if (store.database().dialect() == Dialect::sqlite) store.by_hand("PRAGMA synchronous = OFF");
    unsigned questions = 0;
    for (std::uint64_t seed = seeds.first; seed < seeds.first + seeds.count; ++seed) {
        const RandomWorld world(store, seed);
        Comparison comparison(store);
        comparison.run();
        questions += comparison.questions;
        const auto& differences = comparison.differences;
        const std::string first = differences.empty() ? "" : differences.front();
        CHECK_MESSAGE(differences.empty(), "GERVE_TEST_SEED=" << seed << ": " << differences.size()
                                                              << " differences, the first: " << first);
    }
    const auto took = std::chrono::steady_clock::now() - started;
    MESSAGE(seeds.count << " worlds, " << questions << " questions, "
                        << std::chrono::duration_cast<std::chrono::milliseconds>(took).count() << " ms");
    if (seeds.count >= 60) CHECK(questions >= 10'000);
    test_now = before;
}
