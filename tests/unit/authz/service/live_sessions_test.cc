#include "authz/service/live_sessions.h"

#include <doctest/doctest.h>

#include <set>

#include "authz/service/recheck.h"
#include "tests/unit/authz/store/fixture.h"

using namespace gerve;
using namespace gerve::testing;

namespace {

Principal principal_of(KnownKey key) {
    const Proof proof = Proof::from_sealed_handle(key.fingerprint);
    return *Principal::make(proof, std::move(key));
}

Principal user(unsigned key, std::int64_t id, std::string_view name) {
    return principal_of({KeyId{key}, make_key(key).fingerprint(), User{AccountId{id}, login(name)}});
}

LiveEntry operation(std::uint64_t number, std::string_view service = "git-upload-pack",
                    std::string_view path = "alice/site") {
    return {.number = number,
            .handle = "sealed",
            .client = {"192.0.2.7", "OpenSSH_9.2", "c1", Door::gateway},
            .id = "op-" + std::to_string(number),
            .service = std::string(service),
            .repo = std::string(path),
            .server = "fs1",
            .since = unix_now() - 2'000};
}

LiveEntry connection(std::uint64_t number) {
    LiveEntry entry = operation(number, "", "");
    entry.id = "connection-" + std::to_string(number);
    return entry;
}

// Remembers what was ordered.
struct Peers {
    explicit Peers(LiveSessions& live) {
        live.tell_by([this](std::uint64_t peer, const LiveOrder& order) {
            orders.emplace_back(peer, order);
            return peer != gone;
        });
    }
    std::vector<std::pair<std::uint64_t, LiveOrder>> orders;
    std::uint64_t gone = 0;
};

void begin(LiveSessions& live, std::uint64_t peer, LiveEntry entry, const Principal& principal) {
    live.take(peer, 4711, {.client = {}, .began = {std::move(entry)}, .moved = {}, .ended = {}}, {principal});
}

std::vector<std::string> ids(LiveSessions& live, const std::optional<LiveChoice>& choice = std::nullopt) {
    std::vector<std::string> found;
    for (const LiveRecord& record : live.list(0, choice).records) found.push_back(record.id);
    return found;
}

using Texts = std::vector<std::string>;
using Numbers = std::vector<std::uint64_t>;

}  // namespace

TEST_CASE("what begins is listed until it ends, by number and peer") {
    LiveSessions live;
    begin(live, 10, operation(1), user(1, 1, "alice"));
    begin(live, 11, operation(1, "git-receive-pack"), user(2, 2, "bob"));
    begin(live, 11, connection(2), user(2, 2, "bob"));
    const SessionsPage page = live.list(0, std::nullopt);
    REQUIRE(page.records.size() == 3);
    CHECK_FALSE(page.more);
    CHECK(page.records[0].who == "alice");
    CHECK(page.records[0].fingerprint == make_key(1).fingerprint().text());
    CHECK(page.records[0].process == 4711);
    CHECK(page.records[1].service == "git-receive-pack");
    CHECK(page.records[2].service.empty());
    live.take(11, 4711, {.client = {}, .began = {}, .moved = {}, .ended = {1, 99}}, {});
    CHECK(ids(live) == Texts{"op-1", "connection-2"});
    live.forget(10);
    CHECK(ids(live) == Texts{"connection-2"});
    live.forget(10);
    live.forget(11);
    CHECK(live.size() == 0);
}

TEST_CASE("an entry that stands for nobody is not kept") {
    LiveSessions live;
    live.take(1, 1, {.client = {}, .began = {operation(1), operation(2)}, .moved = {}, .ended = {}},
              {std::nullopt, user(1, 1, "alice")});
    CHECK(ids(live) == Texts{"op-2"});
}

TEST_CASE("traffic adds up to a rate") {
    LiveSessions live;
    begin(live, 1, operation(1), user(1, 1, "alice"));
    live.take(1, 1, {.client = {}, .began = {}, .moved = {{1, 100, 5'900}, {7, 1, 1}}, .ended = {}}, {});
    const LiveRecord record = live.list(0, std::nullopt).records.at(0);
    CHECK(record.bytes_in == 100);
    CHECK(record.bytes_out == 5'900);
    CHECK(record.rate > 2'000);  // 6,000 bytes in the two seconds that it has lived
    CHECK(record.rate <= 3'000);
}

TEST_CASE("pages follow one another without gap or double") {
    LiveSessions live;
    constexpr std::size_t count = 2 * max_live_records + 5;
    for (std::uint64_t n = 1; n <= count; ++n) begin(live, 1, operation(n), user(1, 1, "alice"));
    std::set<std::string> seen;
    SessionsPage page{{}, true};
    for (std::uint64_t last = 0; page.more; last = page.records.back().sequence) {
        page = live.list(last, std::nullopt);
        REQUIRE_FALSE(page.records.empty());
        for (const LiveRecord& record : page.records) CHECK(seen.insert(record.id).second);
    }
    CHECK(seen.size() == count);
}

TEST_CASE("a session, a key or a user is chosen, and each session told once") {
    LiveSessions live;
    Peers peers(live);
    begin(live, 1, operation(1), user(1, 1, "Alice"));
    begin(live, 1, operation(2), user(1, 1, "Alice"));
    begin(live, 2, operation(3), user(2, 1, "Alice"));
    begin(live, 2, operation(4), user(3, 2, "bob"));
    begin(live, 2, operation(5),
          principal_of({KeyId{4}, make_key(4).fingerprint(), DeployKey{RepoId{1}, repo("bob/x"), false}}));
    CHECK(ids(live, LiveChoice(make_key(1).fingerprint())) == Texts{"op-1", "op-2"});
    CHECK(ids(live, LiveChoice(login("alice"))) == Texts{"op-1", "op-2", "op-3"});
    CHECK(ids(live, LiveChoice(login("bob"))) == Texts{"op-4"});

    CHECK(live.end(LiveChoice(std::string("op-2")), LiveEnd::killed) == 1);
    REQUIRE(peers.orders.size() == 1);
    CHECK(peers.orders[0].first == 1);
    CHECK(peers.orders[0].second.numbers == Numbers{2});
    CHECK(live.list(0, std::nullopt).records[1].ending == "killed");

    CHECK(live.end(LiveChoice(login("ALICE")), LiveEnd::withdrawn) == 2);
    REQUIRE(peers.orders.size() == 3);
    CHECK(peers.orders[1].second.numbers == Numbers{1});
    CHECK(peers.orders[2].second.numbers == Numbers{3});
    CHECK(live.end(LiveChoice(login("alice")), LiveEnd::killed) == 0);
    CHECK(live.end(LiveChoice(std::string("op")), LiveEnd::killed) == 0);  // an id, not its beginning

    peers.gone = 2;
    CHECK(live.end(LiveChoice(login("bob")), LiveEnd::killed) == 0);  // nobody was told
}

TEST_CASE("each key is asked about once, and each of its uses once") {
    LiveSessions live;
    const Principal alice = user(1, 1, "alice");
    begin(live, 1, connection(1), alice);
    begin(live, 1, operation(2, "git-upload-pack", "alice/site"), alice);
    begin(live, 2, operation(3, "git-upload-archive", "Alice/Site"), alice);
    begin(live, 2, operation(4, "git-receive-pack", "alice/site"), alice);
    begin(live, 2, operation(5, "git-upload-pack", "alice/other"), alice);
    begin(live, 2, operation(6, "git-upload-pack", "alice/site"), user(2, 2, "bob"));
    const auto subjects = live.subjects();
    REQUIRE(subjects.size() == 2);
    CHECK(subjects[0].sessions.size() == 5);
    REQUIRE(subjects[0].uses.size() == 3);
    CHECK(subjects[0].uses[0].service == Service::upload_pack);
    CHECK(subjects[0].uses[0].sessions == Numbers{2, 3});
    CHECK(subjects[0].uses[1].service == Service::receive_pack);
    CHECK(subjects[1].uses.size() == 1);
    CHECK(live.end(LiveChoice(login("bob")), LiveEnd::killed) == 0);  // nobody listens, yet it is ending
    CHECK(live.subjects().size() == 1);
}
