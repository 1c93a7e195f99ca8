#include "authz/audit/table.h"

#include <thread>

#include "authz/audit/last_used.h"
#include "authz/audit/prune.h"
#include "authz/audit/rows.h"
#include "tests/unit/authz/audit/files.h"

using namespace gerve;
using namespace gerve::testing;

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Statement count_rows{
    "t", "SELECT COUNT(*), COUNT(DISTINCT seq), COALESCE(MAX(seq), 0) FROM audit_events"};

// A trail, and the table of its events in a database that can be away.
class Audited {
  public:
    void write(int count) { write_events(*trail, count); }
    std::unique_ptr<AuditTable> open() {
        return std::make_unique<AuditTable>(AuditTableParts{directory.file("audit.jsonl"),
                                                            [this]() -> Result<std::unique_ptr<Database>> {
                                                                if (away) return unavailable("away");
                                                                return store.connect();
                                                            },
                                                            [] { return Result<void>(); }, &counters});
    }
    void prove(const KeyRecord& key, std::int64_t second, const std::string& address) {
        const KnownKey known{key.id, key.fingerprint, User{AccountId{1}, login("alice")}};
        AuditFact fact = fact_of(KeyProven{{address, "", "", Door::gateway}, "git", "", &known});
        fact.time = second * 1'000'000;
        must(trail->append({fact}));
    }
    // Rows, different numbers among them, and the highest.
    [[nodiscard]] std::vector<std::int64_t> rows() {
        const auto found = must(store.database().query(count_rows, {}));
        std::vector<std::int64_t> numbers;
        for (const Column& one : found.front()) numbers.push_back(std::get<std::int64_t>(one));
        return numbers;
    }
    bool wait_for(std::int64_t count) {
        for (int i = 0; i < 500 && rows()[0] < count; ++i) std::this_thread::sleep_for(milliseconds(20));
        return rows() == std::vector<std::int64_t>{count, count, count};
    }

    Store store;
    TemporaryDirectory directory;
    std::unique_ptr<Trail> trail = open_trail(directory);
    AuditCounters counters;
    std::atomic<bool> away{false};
};

KeyRecord key_of_alice(Registry& registry) {
    must(registry.add_account(login("alice"), AccountKind::user));
    return must(registry.add_key(login("alice"), make_key(1), {"", std::nullopt}));
}

template <class Reached>
bool wait_until(Reached reached) {
    for (int i = 0; i < 500 && !reached(); ++i) std::this_thread::sleep_for(milliseconds(20));
    return reached();
}

}  // namespace

TEST_CASE("each event of the file becomes one row, across restarts and renamed files") {
    Audited site;
    site.write(300);
    {
        const auto table = site.open();
        CHECK(site.wait_for(301));
    }
    site.write(200);  // while nobody inserts
    rename_file(site.directory, "audit.jsonl", "audit.jsonl.1");
    site.write(700);
    const auto table = site.open();
    CHECK(site.wait_for(1202));
    rename_file(site.directory, "audit.jsonl.1", "audit.jsonl.2");
    rename_file(site.directory, "audit.jsonl", "audit.jsonl.1");
    site.write(3);
    CHECK(site.wait_for(1206));
    CHECK(site.counters.row_gaps.value() == 0);
    CHECK(table->stop(seconds(5)));
}

TEST_CASE("how far the table is behind is known without a database") {
    Audited site;
    site.write(9);
    const std::string file = site.directory.file("audit.jsonl");
    Spool spool(file, [](const std::string&) { return Result<std::uint64_t>(0); });
    const auto size = [&] { return static_cast<std::int64_t>(std::filesystem::file_size(file)); };
    CHECK(spool.backlog() == size());
    CHECK(must(spool.read(4)).size() == 4);
    spool.note_arrival();
    const std::int64_t rest = spool.backlog();
    CHECK(rest > 0);
    CHECK(rest < size());
    spool.rewind();
    CHECK(spool.backlog() == rest);
    rename_file(site.directory, "audit.jsonl", "audit.jsonl.1");
    site.write(1);
    CHECK(spool.backlog() == rest + size());
}

TEST_CASE("a batch that had arrived although nobody heard so is not refused") {
    Audited site;
    site.write(40);
    Spool spool(site.directory.file("audit.jsonl"),
                [](const std::string&) { return Result<std::uint64_t>(0); });
    auto rows = rows_of(must(spool.read(100)));
    const std::vector<AuditRow> first(rows.begin(), rows.begin() + 33);
    CHECK(must(insert_audit_rows(site.store.database(), first)).inserted == 33);
    const auto again = must(insert_audit_rows(site.store.database(), rows));
    CHECK(again.refused == 0);
    CHECK(site.rows() == std::vector<std::int64_t>{41, 41, 41});
    rows[2].body = "{}";  // another event by the same number
    CHECK(must(insert_audit_rows(site.store.database(), rows)).refused == 1);
}

TEST_CASE("an outage of the database costs no event and doubles none") {
    Audited site;
    site.away = true;
    const auto table = site.open();
    site.write(50);
    std::this_thread::sleep_for(milliseconds(400));
    CHECK(site.rows()[0] == 0);
    CHECK(site.counters.row_backlog.value() > 50 * 100);
    site.away = false;
    CHECK(site.wait_for(51));
    for (int i = 0; i < 200 && site.counters.row_backlog.value() > 0; ++i)
        std::this_thread::sleep_for(milliseconds(10));
    CHECK(site.counters.row_backlog.value() == 0);
}

TEST_CASE("a second process inserts when the first is gone, and not before") {
    Audited site;
    auto first = site.open();
    site.write(5);
    CHECK(site.wait_for(6));
    const auto second = site.open();
    site.write(5);
    CHECK(site.wait_for(11));
    first.reset();
    site.write(5);
    CHECK(site.wait_for(16));
    CHECK(site.counters.row_failures.value() == 0);
}

TEST_CASE("events whose file is gone are counted, and the others go on") {
    Audited site;
    site.write(5);
    {
        const auto table = site.open();
        CHECK(site.wait_for(6));
    }
    rename_file(site.directory, "audit.jsonl", "elsewhere");
    site.write(5);
    rename_file(site.directory, "audit.jsonl", "elsewhere");
    site.write(1);
    const auto table = site.open();
    for (int i = 0; i < 500 && site.rows()[0] < 8; ++i) std::this_thread::sleep_for(milliseconds(20));
    CHECK(site.rows() == std::vector<std::int64_t>{8, 8, 14});
    CHECK(site.counters.row_gaps.value() == 6);
}

TEST_CASE("a proof is the key's last use, whatever order it comes in") {
    Audited site;
    Registry registry = site.store.registry();
    const KeyRecord key = key_of_alice(registry);
    site.prove(key, 2'000'000'000, "192.0.2.2");
    const auto table = site.open();
    CHECK(site.wait_for(2));
    site.prove(key, 1'000'000'000, "192.0.2.1");
    CHECK(site.wait_for(3));
    CHECK(table->stop(seconds(5)));
    const KeyRecord shown = must(registry.show_key(key.fingerprint));
    CHECK(shown.last_used == UnixMillis{2'000'000'000'000});
    CHECK(shown.last_address == "192.0.2.2");
    const auto found = must(site.store.database().query(
        {"t", "SELECT account, address, fingerprint FROM audit_events WHERE kind = 'proven' ORDER BY seq"},
        {}));
    CHECK(std::get<std::string>(found[0][0]) == "alice");
    CHECK(std::get<std::string>(found[0][1]) == "192.0.2.2");
    CHECK(std::get<std::string>(found[0][2]) == key.fingerprint.bytes());
}

TEST_CASE("events reach their table while last uses cannot be written, and those follow") {
    Audited site;
    Registry registry = site.store.registry();
    const KeyRecord key = key_of_alice(registry);
    site.prove(key, 1'000'000'000, "192.0.2.1");
    const auto table = site.open();
    CHECK(wait_until([&] { return must(registry.show_key(key.fingerprint)).last_used.has_value(); }));
    site.store.by_hand("ALTER TABLE key_last_used RENAME TO elsewhere");
    site.prove(key, 2'000'000'000, "192.0.2.2");
    CHECK(site.wait_for(3));
    CHECK(wait_until([&] { return site.counters.last_use_failures.value() > 0; }));
    CHECK(site.counters.last_uses_waiting.value() == 1);
    CHECK(site.counters.row_failures.value() == 0);
    CHECK(site.counters.row_backlog.value() == 0);
    site.store.by_hand("ALTER TABLE elsewhere RENAME TO key_last_used");
    CHECK(wait_until(
        [&] { return must(registry.show_key(key.fingerprint)).last_used == UnixMillis{2'000'000'000'000}; }));
    CHECK(wait_until([&] { return site.counters.last_uses_waiting.value() == 0; }));
}

TEST_CASE("events reach their table while somebody holds a row that last uses need") {
    if (!server_under_test()) return;  // an SQLite file has one lock for all
    Audited site;
    Registry registry = site.store.registry();
    const KeyRecord key = key_of_alice(registry);
    const auto other = site.store.connect();
    must(other->execute({"t", "INSERT INTO key_last_used (key_id, used_at, address) VALUES (?, 1, '')"},
                        {static_cast<std::int64_t>(key.id)}));
    must(other->begin());
    must(other->execute({"t", "UPDATE key_last_used SET used_at = 2"}, {}));
    const auto table = site.open();
    site.prove(key, 2'000'000'000, "192.0.2.2");
    CHECK(site.wait_for(2));
    for (int i = 0; i < 4; ++i) {
        site.write(1);
        CHECK(site.wait_for(3 + i));
    }
    CHECK(site.counters.row_failures.value() == 0);
    other->rollback();
    CHECK(wait_until(
        [&] { return must(registry.show_key(key.fingerprint)).last_used == UnixMillis{2'000'000'000'000}; }));
}

TEST_CASE("an alarm names the reason of now, and does not repeat one") {
    Alarm alarm(60'000);
    CHECK(alarm.due("the disk"));
    CHECK_FALSE(alarm.due("the disk"));
    std::this_thread::sleep_for(milliseconds(2'050));
    CHECK_FALSE(alarm.due("the disk"));
    CHECK(alarm.due("a grant"));
    CHECK_FALSE(alarm.due("the disk"));  // too soon behind another
    CHECK(alarm.over());
    CHECK_FALSE(alarm.over());
    CHECK(alarm.due("a grant"));
}

TEST_CASE("the last uses of many keys are noted, but of one that was deleted meanwhile") {
    Store store;
    Registry registry = store.registry();
    must(registry.add_account(login("alice"), AccountKind::user));
    constexpr unsigned many = 45;  // groups, and some that come alone
    std::vector<AuditRow> rows;
    std::vector<Fingerprint> keys;
    for (unsigned n = 1; n <= many; ++n) {
        const KeyRecord key = must(registry.add_key(login("alice"), make_key(n), {"", std::nullopt}));
        keys.push_back(key.fingerprint);
        AuditRow& row = rows.emplace_back();
        row.chain = std::string(16, 'c');
        row.seq = n;
        row.happened_at = 1'000 + n;
        row.kind = "proven";
        row.address = "192.0.2.7";
        row.proven_key = n == 11 ? 1'000'000 : static_cast<std::int64_t>(key.id);
    }
    KeyUses uses;
    add_uses(uses, rows);
    must(write_uses(store.database(), uses));
    for (unsigned n = 1; n <= many; ++n) {
        const auto used = must(registry.show_key(keys[n - 1])).last_used;
        CHECK(used == (n == 11 ? std::nullopt : std::optional<UnixMillis>(1'000 + n)));
    }
}

TEST_CASE("old events are pruned, but for the last of a trail, which tells how far it is") {
    Audited site;
    for (int i = 0; i < 10; ++i) {
        AuditFact fact = service_fact("started");
        fact.time = i * 1'000'000;
        must(site.trail->append({fact}));
    }
    {
        const auto table = site.open();
        CHECK(site.wait_for(11));
    }
    CHECK(must(prune_audit_events(site.store.database(), 5'000)) == 5);
    CHECK(must(prune_audit_events(site.store.database(), 5'000)) == 0);
    CHECK(must(prune_audit_events(site.store.database(), INT64_MAX)) == 5);
    CHECK(site.rows() == std::vector<std::int64_t>{1, 1, 11});
    site.write(1);
    const auto table = site.open();
    for (int i = 0; i < 500 && site.rows()[0] < 2; ++i) std::this_thread::sleep_for(milliseconds(20));
    CHECK(site.rows() == std::vector<std::int64_t>{2, 2, 12});
}
