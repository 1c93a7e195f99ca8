// What a refusal costs the database: the same statements for each reason that its text does not tell apart.
// They are counted, so no clock is needed; once where they meet the database, and once as the metrics have
// them.
#include <map>

#include "authz/service/inquiry.h"
#include "authz/store/queries.h"
#include "tests/unit/authz/service/fixture.h"
#include "tests/unit/authz/store/passing.h"

using namespace gerve;
using namespace gerve::testing;

namespace {

using Counts = std::map<std::string, unsigned>;

class Counting final : public Passing {
  public:
    using Passing::Passing;
    Result<Rows> query(const Statement& statement, Binds binds) override {
        ++counts[std::string(statement.name)];
        return Passing::query(statement, binds);
    }
    Counts counts;
};

// A Database that owns nothing of what it hands on to: with_own_queries() wants to own one.
std::unique_ptr<Database> borrowed(Database& below) {
    return std::make_unique<Passing>(below);
}

// The tables of Gerve in an operator's words.
const std::map<std::string, std::string> own_words{
    {"key",
     "SELECT k.id AS key_id, k.key_blob AS `key`, a.id AS account_id, a.login AS account,"
     " 0 AS suspended, r.id AS repository_id, o.login AS repository_owner, r.name AS repository,"
     " k.can_write AS can_write FROM public_keys k LEFT JOIN accounts a ON a.id = k.account_id"
     " LEFT JOIN repositories r ON r.id = k.repo_id LEFT JOIN accounts o ON o.id = r.owner_id"
     " WHERE k.fingerprint = :fingerprint"},
    {"repository",
     "SELECT r.id AS repository_id, o.id AS owner_id, o.login AS owner, r.name AS name,"
     " r.is_public AS is_public, 0 AS archived, r.disabled_at IS NOT NULL AS disabled"
     " FROM accounts o JOIN repositories r ON r.owner_id = o.id"
     " WHERE o.login_folded = :owner AND r.name_folded = :name"},
    {"permission",
     "SELECT (SELECT c.level FROM collaborators c WHERE c.repo_id = :repository_id"
     " AND c.account_id = :account_id) AS direct, 0 AS team, 0 AS organization_owner"},
    {"route", "SELECT NULL AS server, NULL AS endpoint"}};

struct Asked {
    std::string told;
    Counts statements;
    Counts counted;
};

// Names below alice's: one for each reason to say that there is no such repository.
const std::map<std::string, std::string> hidden{
    {"missing", "alice/nothing"},
    {"of nobody", "nobody/nothing"},
    {"private", "alice/secret"},
    {"private, by its old name", "alice/older"},
    {"disabled", "alice/off"},
    {"disabled and public", "alice/shut"},
    {"disabled, by its old name", "alice/once"},
    {"archived and private", "alice/past"},
};

struct Refusals : Store {
    Refusals() {
        Registry change = registry();
        for (const char* who : {"alice", "bob", "eve"})
            must(change.add_account(login(who), AccountKind::user));
        for (const char* name : {"secret", "older", "off", "once", "past", "mine"})
            must(change.create_repository(repo("alice/" + std::string(name)), false));
        for (const char* name : {"shut", "open"})
            must(change.create_repository(repo("alice/" + std::string(name)), true));
        must(change.rename_repository(repo("alice/older"), repo("alice/newer")));
        must(change.rename_repository(repo("alice/once"), repo("alice/now")));
        for (const char* name : {"off", "shut", "now"})
            must(change.disable_repository(repo("alice/" + std::string(name))));
        must(change.archive_repository(repo("alice/past")));
        must(change.grant_access(repo("alice/mine"), login("bob"), Access::read));
        must(change.add_key(login("alice"), make_key(1), {"", std::nullopt}));
        must(change.add_key(login("bob"), make_key(2), {"", std::nullopt}));
        must(change.add_deploy_key(repo("alice/mine"), make_key(3), false, {"", std::nullopt}));
        must(change.add_key(login("eve"), make_key(4), {"", std::nullopt}));
        must(change.suspend_account(login("eve")));
    }

    std::optional<Principal> holder(unsigned key) {
        auto known = must(directory().find_key(make_key(key), test_now));
        REQUIRE(known.has_value());
        const Fingerprint fingerprint = known->fingerprint;
        return Principal::make(Proof::from_administrator(fingerprint), std::move(*known));
    }

    // `key` 0: nobody has logged in.
    Asked ask(unsigned key, Service service, std::string_view path) {
        const auto principal = key == 0 ? std::nullopt : holder(key);
        Counting counting(database());
        std::unique_ptr<Database> own;
        if (own_statements) own = must(with_own_queries(borrowed(counting), must_parse()));
        counting.counts.clear();
        QueryCounters queries;
        Directory asked(own ? *own : counting, queries,
                        Route{*ServerName::parse("local"), {*Endpoint::parse("unix:/s")}});
        const auto inquiry = principal ? must(inquire(asked, *principal, service, repo(path), LoginFacts{}))
                                       : must(inquire_anonymously(asked, repo(path)));
        const auto* deny = std::get_if<Deny>(&inquiry.decision);
        Asked answer{deny == nullptr ? "" : deny->told, counting.counts, {}};
        for (std::size_t i = 0; i < query_count; ++i) {
            const auto query = static_cast<Query>(i);
            if (queries.of(query) > 0) answer.counted[std::string(query_name(query))] = queries.of(query);
        }
        return answer;
    }
    static std::shared_ptr<const OwnQueries> must_parse() {
        return std::make_shared<const OwnQueries>(must(parse_own_queries(own_words)));
    }

    bool own_statements = false;
};

constexpr unsigned nobody = 0, alice = 1, bob = 2, deploy_key = 3, suspended = 4;

}  // namespace

TEST_CASE("a refusal that hides a repository costs the same statements, whatever its reason") {
    Refusals site;
    for (const bool own_statements : {false, true}) {
        site.own_statements = own_statements;
        for (const unsigned key : {nobody, bob, deploy_key, suspended}) {
            for (const Service service :
                 {Service::upload_pack, Service::receive_pack, Service::upload_archive}) {
                const Asked missing = site.ask(key, service, "alice/nothing");
                CHECK(missing.statements.at("repository") == 1);
                CHECK(missing.statements.contains("permission") == (key == bob || key == suspended));
                for (const auto& [why, path] : hidden) {
                    CAPTURE(own_statements);
                    CAPTURE(key);
                    CAPTURE(why);
                    const Asked answer = site.ask(key, service, path);
                    CHECK(answer.told == missing.told);
                    CHECK((answer.statements == missing.statements));
                    CHECK((answer.counted == missing.counted));
                }
            }
        }
    }
}

TEST_CASE("what is allowed costs no statement more for it") {
    Refusals site;
    for (const bool own_statements : {false, true}) {
        site.own_statements = own_statements;
        const auto fetch = [&](unsigned key, std::string_view path) {
            return site.ask(key, Service::upload_pack, path).statements;
        };
        CHECK((fetch(bob, "alice/mine") == Counts{{"repository", 1}, {"permission", 1}, {"route", 1}}));
        for (const unsigned key : {bob, nobody})
            CHECK((fetch(key, "alice/open") == Counts{{"repository", 1}, {"route", 1}}));
        CHECK((fetch(deploy_key, "alice/mine") == Counts{{"repository", 1}, {"route", 1}}));
        CHECK((fetch(alice, "alice/secret") == Counts{{"repository", 1}, {"route", 1}}));
    }
}

TEST_CASE("an owner's own names cost no permission query, whatever becomes of them") {
    Refusals site;
    for (const auto& [why, path] : hidden) {
        if (path.starts_with("nobody/")) continue;
        CAPTURE(why);
        CHECK_FALSE(site.ask(alice, Service::upload_pack, path).statements.contains("permission"));
    }
}

TEST_CASE("where a permission cannot be read, a missing name has no other answer than a private one") {
    Refusals site;
    const auto who = site.holder(bob);
    site.by_hand("ALTER TABLE collaborators RENAME TO away");
    Directory directory = site.directory();
    for (const auto& [why, path] : hidden) {
        CAPTURE(why);
        const auto inquiry = inquire(directory, *who, Service::upload_pack, repo(path), LoginFacts{});
        REQUIRE_FALSE(inquiry.has_value());
        CHECK(inquiry.error().kind == ErrorKind::unavailable);
    }
}
