#include "authz/service/recheck.h"

#include <doctest/doctest.h>

#include <set>

#include "authz/service/live_sessions.h"
#include "tests/unit/authz/store/fixture.h"

using namespace gerve;
using namespace gerve::testing;

namespace {

// alice owns alice/site (private); bob may write to it; key 3 is its deploy key; alice/open is public.
struct Scene {
    Scene() {
        must(registry.add_account(login("alice"), AccountKind::user));
        must(registry.add_account(login("bob"), AccountKind::user));
        must(registry.create_repository(repo("alice/site"), false));
        must(registry.create_repository(repo("alice/open"), true));
        must(registry.grant_access(repo("alice/site"), login("bob"), Access::write));
        must(registry.add_key(login("alice"), make_key(1), {"", std::nullopt}));
        must(registry.add_key(login("bob"), make_key(2), {"", unix_now() + 60'000}));
        must(registry.add_deploy_key(repo("alice/site"), make_key(3), false, {"", std::nullopt}));
        live.tell_by([this](std::uint64_t, const LiveOrder& order) {
            CHECK(order.why == LiveEnd::withdrawn);
            ended.insert(order.numbers.begin(), order.numbers.end());
            return true;
        });
    }

    // A session of key `key`, by its number.
    void begin(std::uint64_t number, unsigned key, std::string service, std::string path) {
        Directory directory = store.directory();
        KnownKey known = *must(directory.find_key(make_key(key), unix_now()));
        const Proof proof = Proof::from_sealed_handle(known.fingerprint);
        LiveEntry entry{.number = number, .handle = "", .client = {}, .id = "s" + std::to_string(number)};
        entry.service = std::move(service);
        entry.repo = std::move(path);
        live.take(1, 1, {.client = {}, .began = {entry}, .moved = {}, .ended = {}},
                  {Principal::make(proof, std::move(known))});
    }
    // A session of bob, by a certificate of key `key` with the session's number as its serial, valid until
    // `expires`.
    void begin_certified(std::uint64_t number, unsigned key, UnixMillis expires) {
        if (!authority) authority = must(registry.add_authority(login("corp"), make_key(7), {})).id;
        Directory directory = store.directory();
        const User bob = *must(directory.find_user(login("bob")));
        const CertificateFacts facts{
            *authority, make_key(7).fingerprint(),
            {},         number,
            "bob",      Fingerprint::of_blob("certificate " + std::to_string(number)),
            expires};
        KnownKey known{KeyId{0}, make_key(key).fingerprint(), CertifiedUser{facts, bob}};
        const Proof proof = Proof::from_sealed_handle(known.fingerprint);
        LiveEntry entry{.number = number, .handle = "", .client = {}, .id = "s" + std::to_string(number)};
        live.take(1, 1, {.client = {}, .began = {entry}, .moved = {}, .ended = {}},
                  {Principal::make(proof, std::move(known))});
    }
    void begin_all() {
        begin(1, 1, "git-upload-pack", "alice/site");
        begin(2, 2, "git-upload-pack", "alice/site");
        begin(3, 2, "git-receive-pack", "alice/site");
        begin(4, 2, "git-upload-pack", "alice/open");
        begin(5, 2, "", "");
        begin(6, 3, "git-upload-pack", "alice/site");
    }

    RecheckRound round(UnixMillis now = unix_now()) {
        Directory directory = store.directory();
        return recheck(directory, live, now, [] { return true; });
    }

    Store store;
    Registry registry = store.registry();
    LiveSessions live;
    std::optional<AuthorityId> authority;
    std::set<std::uint64_t> ended;
};

using Set = std::set<std::uint64_t>;

}  // namespace

TEST_CASE("as long as nothing changes all lives on, and each question is asked once") {
    Scene scene;
    scene.begin_all();
    scene.begin(7, 2, "git-upload-archive", "alice/site");
    const RecheckRound round = scene.round();
    CHECK(scene.ended.empty());
    CHECK_FALSE(round.unavailable);
    CHECK(round.lookups == 3 + 1 + 3 + 1);  // keys, and uses of each
}

TEST_CASE("what was withdrawn ends that alone which depended on it") {
    Scene scene;
    scene.begin_all();
    Set expected;
    SUBCASE("a key revoked") {
        must(scene.registry.revoke_key(make_key(2).fingerprint()));
        expected = {2, 3, 4, 5};
    }
    SUBCASE("a key moved to somebody else, who may do the same") {
        must(scene.registry.move_key(make_key(2).fingerprint(), login("alice")));
        expected = {2, 3, 4, 5};
    }
    SUBCASE("an account renamed is the same") {
        (void)must(scene.registry.begin_renaming(login("alice"), login("alicia")));
        must(scene.registry.finish_renaming(login("alice"), login("alicia")));
    }
    SUBCASE("an account suspended") {
        must(scene.registry.suspend_account(login("bob")));
        expected = {2, 3, 4, 5};
    }
    SUBCASE("a grant taken away") {
        must(scene.registry.revoke_access(repo("alice/site"), login("bob")));
        expected = {2, 3};
    }
    SUBCASE("write became read") {
        must(scene.registry.grant_access(repo("alice/site"), login("bob"), Access::read));
        expected = {3};
    }
    SUBCASE("a repository archived") {
        must(scene.registry.archive_repository(repo("alice/site")));
        expected = {3};
    }
    SUBCASE("a repository disabled") {
        must(scene.registry.disable_repository(repo("alice/site")));
        expected = {1, 2, 3, 6};
    }
    SUBCASE("a repository deleted, its deploy key with it") {
        must(scene.registry.delete_repository(repo("alice/site")));
        expected = {1, 2, 3, 6};
    }
    SUBCASE("a public repository became private") {
        must(scene.registry.set_repository_public(repo("alice/open"), false));
        expected = {4};
    }
    SUBCASE("a repository renamed is the same") {
        must(scene.registry.rename_repository(repo("alice/site"), repo("alice/page")));
    }
    CHECK(scene.round().ended == expected.size());
    CHECK(scene.ended == expected);
    CHECK(scene.round().ended == 0);
}

TEST_CASE("a key that expires ends what it began") {
    Scene scene;
    scene.begin_all();
    (void)scene.round(unix_now() + 120'000);
    CHECK(scene.ended == Set{2, 3, 4, 5});
}

TEST_CASE("without an answer of the directory nothing ends") {
    Scene scene;
    scene.begin_all();
    must(scene.registry.revoke_key(make_key(2).fingerprint()));
    scene.store.by_hand("ALTER TABLE public_keys RENAME TO elsewhere");
    const RecheckRound round = scene.round();
    CHECK(round.unavailable);
    CHECK(round.ended == 0);
    CHECK(scene.ended.empty());
    scene.store.by_hand("ALTER TABLE elsewhere RENAME TO public_keys");
    CHECK(scene.round().ended == 4);
}

TEST_CASE("where only a few get an answer in a round, all get one in time") {
    struct One final : Turns {  // one answer about permissions in each round
        bool take(StatementKind kind) override { return kind != StatementKind::permission || left-- > 0; }
        void give_back() override {}
        int left = 1;
    };
    Scene scene;
    for (std::uint64_t number = 1; number <= 4; ++number)
        scene.begin(number, 2, number % 2 == 0 ? "git-receive-pack" : "git-upload-pack", "alice/site");
    must(scene.registry.create_repository(repo("alice/other"), false));
    must(scene.registry.grant_access(repo("alice/other"), login("bob"), Access::read));
    scene.begin(5, 2, "git-upload-pack", "alice/other");
    must(scene.registry.revoke_access(repo("alice/other"), login("bob")));
    RecheckPlace from;
    for (int i = 0; i < 3; ++i) {
        Directory directory = scene.store.directory();
        One turns;
        directory.take_turns(turns);
        const auto round = recheck(
            directory, scene.live, unix_now(), [] { return true; }, from);
        CHECK(round.left_out > 0);
        from = round.first_left_out;
    }
    CHECK(scene.ended == std::set<std::uint64_t>{5});
}

TEST_CASE("the thread finds what was withdrawn by itself, and only asks when something is live") {
    Scene scene;
    std::atomic<int> connections{0};
    LiveCounters counters{};
    Recheck recheck(
        scene.live,
        [&]() -> Result<std::unique_ptr<Database>> {
            ++connections;
            return scene.store.connect();
        },
        Route{*ServerName::parse("local"), {}}, std::chrono::milliseconds(20), counters);
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    CHECK(connections == 0);
    scene.begin(1, 1, "git-upload-pack", "alice/site");
    must(scene.registry.revoke_key(make_key(1).fingerprint()));
    for (int turn = 0; turn < 200 && scene.live.list(0, std::nullopt).records[0].ending.empty(); ++turn)
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    CHECK(scene.live.list(0, std::nullopt).records[0].ending == "withdrawn");
    CHECK(connections == 1);
    CHECK(recheck.stop(std::chrono::seconds(5)));
    CHECK(counters.withdrawn.value() == 1);
    CHECK(counters.rounds.value() >= 1);
    CHECK(counters.unanswered_rounds.value() == 0);
}

TEST_CASE("tables of certificates that do not answer keep nobody else from being rechecked") {
    Scene scene;
    for (unsigned i = 0; i < 20; ++i) scene.begin_certified(100 + i, 40 + i, unix_now() + 60'000);
    scene.begin_all();
    must(scene.registry.revoke_key(make_key(2).fingerprint()));
    scene.store.by_hand("ALTER TABLE certificate_revocations RENAME TO elsewhere");
    const RecheckRound round = scene.round();
    CHECK_FALSE(round.unavailable);
    CHECK(round.left_out == 20);
    CHECK(scene.ended == Set{2, 3, 4, 5});
    scene.store.by_hand("ALTER TABLE elsewhere RENAME TO certificate_revocations");
    CHECK(scene.round().left_out == 0);
    CHECK(scene.ended == Set{2, 3, 4, 5});
}

TEST_CASE("a key that is revoked ends what it runs by a certificate") {
    Scene scene;
    scene.begin_certified(1, 2, unix_now() + 60'000);
    CHECK(scene.round().ended == 0);
    must(scene.registry.revoke_key(make_key(2).fingerprint()));
    CHECK(scene.round().ended == 1);
}

TEST_CASE("one certificate of a key is revoked, and what runs by another one of it goes on") {
    Scene scene;
    scene.begin_certified(1, 40, unix_now() + 60'000);
    scene.begin_certified(2, 40, unix_now() + 60'000);
    must(scene.registry.revoke_certificates(login("corp"), {revoke_serials(2, 2)}));
    CHECK(scene.round().ended == 1);
    CHECK(scene.ended == Set{2});
}

TEST_CASE("a certificate whose time is over ends what it runs while the database is away") {
    Scene scene;
    scene.begin_certified(1, 40, unix_now() - 1);
    scene.begin_certified(2, 41, unix_now() + 600'000);
    LiveCounters counters{};
    Recheck recheck(
        scene.live, []() -> Result<std::unique_ptr<Database>> { return unavailable("away"); },
        Route{*ServerName::parse("local"), {}}, std::chrono::milliseconds(20), counters);
    for (int turn = 0; turn < 200 && scene.live.list(0, std::nullopt).records[0].ending.empty(); ++turn)
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    CHECK(recheck.stop(std::chrono::seconds(5)));
    CHECK(scene.ended == Set{1});
    CHECK(counters.withdrawn.value() == 1);
}
