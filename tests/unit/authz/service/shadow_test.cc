// A second policy beside the first: what is compared, and what of it is recorded.
#include "authz/service/shadow.h"

#include <doctest/doctest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

#include "authz/audit/trail.h"
#include "tests/unit/authz/service/fixture.h"

using namespace gerve;
using namespace gerve::testing;

namespace {

using Json = nlohmann::json;

PolicyAnswer allow(std::string because, std::string user, std::string repo, bool writes = false) {
    PolicyAnswer answer;
    answer.is = PolicyAnswer::Is::allow;
    answer.because = std::move(because);
    answer.writes = writes;
    answer.user = std::move(user);
    answer.repo = std::move(repo);
    return answer;
}
PolicyAnswer deny(std::string because, PolicyAnswer::Told told) {
    PolicyAnswer answer;
    answer.because = std::move(because);
    answer.told = told;
    return answer;
}
constexpr auto as_missing = PolicyAnswer::Told::missing;
constexpr auto with_reason = PolicyAnswer::Told::reason;

// Two directories that are alike, until a test changes the second.
class TwoPolicies {
  public:
    TwoPolicies() {
        for (Store* one : {&served, &second}) {
            Registry registry = one->registry();
            must(registry.add_account(login("alice"), AccountKind::user));
            must(registry.add_account(login("bob"), AccountKind::user));
            must(registry.create_repository(repo("alice/site"), false));
            must(registry.grant_access(repo("alice/site"), login("bob"), Access::read));
            must(registry.add_key(login("alice"), make_key(1), {"", std::nullopt}));
            must(registry.add_key(login("bob"), make_key(2), {"", std::nullopt}));
        }
        audit = must(AuditSink::open(
            {.trail = {.file = trail, .key_file = directory.file("audit.key"), .gateway = "gw"}}));
    }

    [[nodiscard]] std::unique_ptr<Shadow> shadow(Connect second_policy = nullptr) {
        const auto connect_to = [](Store& store) {
            return Connect([&store] { return Result<std::unique_ptr<Database>>(store.connect()); });
        };
        return std::make_unique<Shadow>(connect_to(served),
                                        second_policy ? std::move(second_policy) : connect_to(second),
                                        local(), *audit, counters);
    }

    // As authz asks: what the first policy has said goes with it.
    void ask(Shadow& shadow, unsigned key, Service service, const std::string& path) {
        auto database = served.connect();
        QueryCounters queries;
        Directory first(*database, queries, local());
        const Fingerprint fingerprint = make_key(key).fingerprint();
        KnownKey known = *must(first.find_key(fingerprint, unix_now()));
        const auto principal = Principal::make(Proof::for_comparison(fingerprint), known);
        const auto inquiry = must(inquire_login(first, *principal, service, repo(path), {}));
        shadow.ask({RequestId::make(),
                    known,
                    service,
                    repo(path),
                    {},
                    answer_of(inquiry, user_of(principal->holder()))});
    }

    // Once so many decisions have been compared, or could not be.
    [[nodiscard]] std::vector<Json> events(Shadow& shadow, std::uint64_t decisions) {
        const auto all = [&] {
            std::uint64_t sum = 0;
            for (const Counter& one : counters) sum += one.value();
            return sum;
        };
        for (int i = 0; i < 1000 && all() < decisions; ++i)
            std::this_thread::sleep_for(std::chrono::milliseconds(10));
        CHECK(all() == decisions);
        CHECK(shadow.stop(std::chrono::seconds(5)));
        audit->stop();
        std::vector<Json> found;
        std::ifstream in(trail);
        for (std::string line; std::getline(in, line);) {
            Json event = Json::parse(line);
            if (event["event"] == "differed" || event["event"] == "compared")
                found.push_back(std::move(event));
        }
        return found;
    }

    static Route local() { return {*ServerName::parse("local"), {*Endpoint::parse("unix:/run/agent.sock")}}; }

    TemporaryDirectory directory;
    std::string trail = directory.file("audit.jsonl");
    Store served;
    Store second;
    ShadowCounters counters{};
    std::unique_ptr<AuditSink> audit;
};

}  // namespace

TEST_CASE("answers differ in what a client or an operator would notice") {
    using Names = std::vector<std::string_view>;
    const auto own = allow("owner", "alice", "alice/site", true);
    CHECK(differences(own, own) == Names{});
    CHECK(differences(own, allow("forge-access", "Alice", "Alice/Site", true)) == Names{});
    CHECK(differences(own, deny("suspended", as_missing)) == Names{"decision"});
    CHECK(differences(own, allow("owner", "alice", "alice/site", false)) == Names{"writes"});
    CHECK(differences(own, allow("owner", "bob", "alice/new", true)) == Names{"repository", "user"});
    CHECK(differences(deny("no-read-access", as_missing), deny("no-such-repository", as_missing)) == Names{});
    CHECK(differences(deny("no-read-access", as_missing), deny("no-write-access", with_reason)) ==
          Names{"told"});
    CHECK(differences(deny("no-read-access", as_missing), deny("suspended", PolicyAnswer::Told::account)) ==
          Names{"told"});
    auto unknown = deny("unknown-key", with_reason);
    unknown.knows_key = false;
    CHECK(differences(deny("no-write-access", with_reason), unknown) == Names{"key"});
    PolicyAnswer none;
    none.is = PolicyAnswer::Is::unavailable;
    CHECK(differences(own, none) == Names{"decision"});
    CHECK(differences(deny("no-read-access", as_missing), none) == Names{"decision"});
}

TEST_CASE("what was recorded is not recorded again within the hour, and not too much is") {
    RecordedLately lately(2);
    CHECK(lately.add("one", 1));
    CHECK_FALSE(lately.add("one", 2));
    CHECK(lately.add("two", 3));
    CHECK_FALSE(lately.add("three", 4));
    CHECK_FALSE(lately.add("one", 3'600'002));
    CHECK(lately.add("three", 3'600'003));
    CHECK(lately.add("one", 3 * 3'600'000));
}

TEST_CASE("policies that agree leave nothing but their sum") {
    TwoPolicies both;
    const auto shadow = both.shadow();
    both.ask(*shadow, 1, Service::receive_pack, "alice/site");
    both.ask(*shadow, 2, Service::upload_pack, "alice/site");
    both.ask(*shadow, 2, Service::receive_pack, "alice/site");
    both.ask(*shadow, 2, Service::upload_pack, "alice/missing");
    const auto events = both.events(*shadow, 4);
    REQUIRE(events.size() == 1);
    CHECK(events[0]["event"] == "compared");
    CHECK(events[0]["same"] == 4);
    CHECK(events[0]["differed"] == 0);
}

TEST_CASE("what differs is recorded with both answers and their facts, and once") {
    TwoPolicies both;
    must(both.second.registry().revoke_access(repo("alice/site"), login("bob")));
    const auto shadow = both.shadow();
    both.ask(*shadow, 1, Service::upload_pack, "alice/site");
    for (int i = 0; i < 3; ++i) both.ask(*shadow, 2, Service::upload_pack, "alice/site");
    const auto events = both.events(*shadow, 4);
    REQUIRE(events.size() == 2);
    const Json& differed = events[0];
    CHECK(differed["event"] == "differed");
    CHECK(differed["in"] == Json{"decision"});
    CHECK(differed["user"] == "bob");
    CHECK(differed["repo"] == "alice/site");
    CHECK(differed["service"] == "git-upload-pack");
    CHECK(differed["served"]["is"] == "allow");
    CHECK(differed["served"]["because"] == "collaborator");
    CHECK(differed["served"]["facts"][1] == "permission bob on alice/site: read granted directly");
    CHECK(differed["shadow"]["is"] == "deny");
    CHECK(differed["shadow"]["told"] == "missing");
    CHECK(differed["shadow"]["facts"][1] == "permission bob on alice/site: none");
    CHECK(events[1]["same"] == 1);
    CHECK(events[1]["differed"] == 3);
}

TEST_CASE("a key that the second policy does not know is a difference") {
    TwoPolicies both;
    must(both.second.registry().revoke_key(make_key(2).fingerprint()));
    const auto shadow = both.shadow();
    both.ask(*shadow, 2, Service::upload_pack, "alice/site");
    const auto events = both.events(*shadow, 1);
    REQUIRE(events.size() == 2);
    CHECK(events[0]["in"] == Json{"key"});
    CHECK(events[0]["shadow"]["because"] == "unknown-key");
}

TEST_CASE("what the first policy has changed its mind about meanwhile is no difference") {
    TwoPolicies both;
    auto database = both.served.connect();
    const Fingerprint fingerprint = make_key(2).fingerprint();
    QueryCounters queries;
    Directory first(*database, queries, TwoPolicies::local());
    KnownKey known = *must(first.find_key(fingerprint, unix_now()));
    const auto shadow = both.shadow();
    shadow->ask({RequestId::make(),
                 known,
                 Service::upload_pack,
                 repo("alice/site"),
                 {},
                 deny("no-read-access", as_missing)});
    const auto events = both.events(*shadow, 1);
    REQUIRE(events.size() == 1);
    CHECK(events[0]["same"] == 1);
}

TEST_CASE("what the second policy has no sensible answer to is a difference, not silence") {
    TwoPolicies both;
    both.second.by_hand("UPDATE accounts SET login = '..' WHERE login_folded = 'bob'");
    const auto shadow = both.shadow();
    both.ask(*shadow, 2, Service::upload_pack, "alice/site");
    both.ask(*shadow, 1, Service::upload_pack, "alice/site");
    const auto events = both.events(*shadow, 2);
    REQUIRE(events.size() == 2);
    CHECK(events[0]["in"] == Json{"decision"});
    CHECK(events[0]["shadow"]["is"] == "unavailable");
    CHECK(events[0]["shadow"]["facts"].size() == 1);
    CHECK(events[1]["same"] == 1);
    CHECK(events[1]["differed"] == 1);
}

TEST_CASE("fetches of nobody are compared, and a name is one however it is spelled") {
    TwoPolicies both;
    must(both.second.registry().set_repository_public(repo("alice/site"), true));
    const auto shadow = both.shadow();
    for (const char* name : {"alice/site", "Alice/SITE", "alice/other"}) {
        shadow->ask({RequestId::make(),
                     std::nullopt,
                     Service::upload_pack,
                     repo(name),
                     {},
                     deny("no-such-repository", as_missing)});
    }
    const auto events = both.events(*shadow, 3);
    REQUIRE(events.size() == 2);
    CHECK(events[0]["shadow"]["because"] == "public-read");
    CHECK_FALSE(events[0].contains("fingerprint"));
    CHECK(events[1]["same"] == 1);
    CHECK(events[1]["differed"] == 2);
}

TEST_CASE("logins by certificate are counted as not asked") {
    TwoPolicies both;
    const auto shadow = both.shadow();
    const Fingerprint key = make_key(1).fingerprint();
    const CertifiedUser holder{{AuthorityId{1}, key, std::nullopt, 1, "id", key, 0},
                               {AccountId{1}, login("alice")}};
    shadow->ask({RequestId::make(),
                 KnownKey{KeyId{0}, key, holder},
                 Service::upload_pack,
                 repo("alice/site"),
                 {},
                 allow("owner", "alice", "alice/site")});
    const auto events = both.events(*shadow, 1);
    REQUIRE(events.size() == 1);
    CHECK(events[0]["not_asked"] == 1);
}

TEST_CASE("a policy out of reach is counted") {
    TwoPolicies both;
    const auto shadow =
        both.shadow([]() -> Result<std::unique_ptr<Database>> { return unavailable("away"); });
    both.ask(*shadow, 1, Service::upload_pack, "alice/site");
    const auto events = both.events(*shadow, 1);
    REQUIRE(events.size() == 1);
    CHECK(events[0]["unanswered"] == 1);
}

TEST_CASE("one that hangs costs nothing but its questions") {
    TwoPolicies both;
    std::atomic<bool> hangs{false};
    std::atomic<bool> go_on{false};
    const auto shadow = both.shadow([&]() -> Result<std::unique_ptr<Database>> {
        hangs = true;
        while (!go_on) std::this_thread::sleep_for(std::chrono::milliseconds(5));
        return unavailable("away");
    });
    constexpr std::uint64_t count = 5000;
    const auto began = monotonic_now();
    for (std::uint64_t i = 0; i < count; ++i) {
        shadow->ask({RequestId::make(),
                     std::nullopt,
                     Service::upload_pack,
                     repo("alice/site"),
                     {},
                     deny("no-such-repository", as_missing)});
    }
    CHECK(monotonic_now() - began < 2'000);
    CHECK(both.counters[static_cast<std::size_t>(Compared::dropped)].value() >=
          count - 2049);  // half of the queue, and the one that is asked
    for (int i = 0; i < 500 && !hangs; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
    CHECK_FALSE(shadow->stop(std::chrono::milliseconds(20)));
    both.audit->stop();
    std::ifstream in(both.trail);
    const std::string trail((std::istreambuf_iterator<char>(in)), {});
    CHECK(trail.find(R"("event":"compared")") != std::string::npos);  // all the same
    go_on = true;
    CHECK(shadow->stop(std::chrono::seconds(5)));
}
