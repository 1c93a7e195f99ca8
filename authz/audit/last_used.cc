#include "authz/audit/last_used.h"

#include <nlohmann/json.hpp>

#include "authz/audit/row_groups.h"
#include "authz/base/clock.h"
#include "authz/base/log.h"

namespace gerve {
namespace {

using std::chrono::milliseconds;

// From one batch to the next: each costs a commit, and nobody reads a last use to the second.
constexpr milliseconds write_interval{1'000};
constexpr std::int64_t table_look_interval = 30'000;  // ms between two looks for a missing table
constexpr std::int64_t last_used_alarm_interval = 30'000;

constexpr Statement find_columns{"last-used-table", "SELECT key_id, used_at, address FROM key_last_used"};
constexpr Statement find_counter_columns{"last-used-counters",
                                         "SELECT signature_counter, counted_at FROM key_last_used"};
constexpr Statement select_counter{
    "last-used-counter", "SELECT signature_counter, counted_at FROM key_last_used WHERE key_id = ?"};

constexpr std::string_view use_into = "INSERT INTO key_last_used (key_id, used_at, address) VALUES ";
constexpr std::string_view use_mysql =
    " ON DUPLICATE KEY UPDATE address = IF(VALUES(used_at) > used_at, VALUES(address), address),"
    " used_at = GREATEST(used_at, VALUES(used_at))";
constexpr std::string_view use_sqlite =
    " ON CONFLICT (key_id) DO UPDATE SET used_at = excluded.used_at, address = excluded.address"
    " WHERE excluded.used_at > key_last_used.used_at";

// With the highest counter of each key, and when that was signed.
constexpr std::string_view counted_into =
    "INSERT INTO key_last_used (key_id, used_at, address, signature_counter, counted_at) VALUES ";
constexpr std::string_view counted_mysql =
    " ON DUPLICATE KEY UPDATE address = IF(VALUES(used_at) > used_at, VALUES(address), address),"
    " used_at = GREATEST(used_at, VALUES(used_at)),"
    " counted_at = IF(VALUES(signature_counter) > signature_counter, VALUES(counted_at), counted_at),"
    " signature_counter = GREATEST(signature_counter, VALUES(signature_counter))";
constexpr std::string_view counted_sqlite =
    " ON CONFLICT (key_id) DO UPDATE SET"
    " address = CASE WHEN excluded.used_at > used_at THEN excluded.address ELSE address END,"
    " used_at = MAX(used_at, excluded.used_at),"
    " counted_at = CASE WHEN excluded.signature_counter > signature_counter THEN excluded.counted_at"
    " ELSE counted_at END,"
    " signature_counter = MAX(signature_counter, excluded.signature_counter)";

void add_use(KeyUses& uses, std::int64_t key, KeyUse use) {
    KeyUse& known = uses[key];
    const CountedUse highest = use.counted.counter > known.counted.counter ? use.counted : known.counted;
    if (use.at >= known.at) known = std::move(use);
    known.counted = highest;
}

// What the event of a fallen counter repeats of the proof.
std::vector<std::pair<std::string, std::string>> members_of_proof(const std::string& body) {
    std::vector<std::pair<std::string, std::string>> members;
    const auto proof = nlohmann::json::parse(body, nullptr, false);
    if (!proof.is_object()) return members;
    for (const char* name : {"key", "user", "deploy_key_of", "address", "client", "connection", "door"}) {
        if (proof.contains(name)) members.emplace_back(name, proof[name].dump());
    }
    return members;
}

CounterFell counter_fell(const AuditRow& row, std::uint32_t before) {
    const auto key = Fingerprint::parse_bytes(row.fingerprint.value_or(""));
    return {row.counter, before, key ? key->text() : "", members_of_proof(row.body)};
}

Result<void> write_groups(Database& database, const KeyUses& by_key, bool with_counters) {
    const bool mysql = database.dialect() == Dialect::mysql;
    const std::string_view behind =
        with_counters ? (mysql ? counted_mysql : counted_sqlite) : (mysql ? use_mysql : use_sqlite);
    const std::vector<std::pair<std::int64_t, KeyUse>> uses(by_key.begin(), by_key.end());
    const auto insert = [&](std::size_t at, std::size_t count) -> Result<void> {
        const std::string text = with_counters ? insert_text(counted_into, "(?, ?, ?, ?, ?)", count, behind)
                                               : insert_text(use_into, "(?, ?, ?)", count, behind);
        std::vector<Bind> binds;
        for (std::size_t i = at; i < at + count; ++i) {
            const auto& [key, use] = uses[i];
            binds.insert(binds.end(), {key, use.at, std::string_view(use.address)});
            if (with_counters) binds.insert(binds.end(), {std::int64_t{use.counted.counter}, use.counted.at});
        }
        const auto noted = database.execute({with_counters ? "last-used-counted" : "last-used", text}, binds);
        if (!noted) return pass_on(noted);
        return {};
    };
    return insert_by_groups(uses.size(), insert, [](std::size_t, const Error&) {});
}

}  // namespace

void add_uses(KeyUses& uses, const std::vector<AuditRow>& rows) {
    for (const AuditRow& row : rows) {
        const CountedUse counted{row.counter, row.counter == 0 ? 0 : row.happened_at};
        if (row.proven_key > 0)
            add_use(uses, row.proven_key, {row.happened_at, row.address.value_or(""), counted});
    }
}

// In the order of the keys, so that no two gateways wait for each other. SQLite syncs once for a transaction.
Result<void> write_uses(Database& database, const KeyUses& uses, bool with_counters) {
    if (database.dialect() != Dialect::sqlite) return write_groups(database, uses, with_counters);
    auto transaction = Transaction::begin(database);
    if (!transaction) return pass_on(transaction);
    if (auto written = write_groups(database, uses, with_counters); !written) return written;
    return transaction->commit();
}

LastUses::LastUses(Connect connect, AuditCounters& counters, Tell tell)
    : counters_(counters),
      link_(std::move(connect)),
      alarm_(last_used_alarm_interval),
      tell_(std::move(tell)),
      thread_([this](StoppableThread& thread) { work(thread); }) {}

void LastUses::note(const std::vector<AuditRow>& rows) {
    const std::lock_guard lock(mutex_);
    add_uses(noted_, rows);
    for (const AuditRow& row : rows) {
        if (row.counter > 0 && counted_.size() < max_counted) counted_.push_back(row);
    }
    while (noted_.size() > max_kept) noted_.erase(noted_.begin());
    counters_.last_uses_waiting.set(static_cast<std::int64_t>(noted_.size()));
}

KeyUses LastUses::take() {
    const std::lock_guard lock(mutex_);
    return std::exchange(noted_, {});
}

// What came meanwhile is later, or the same.
void LastUses::put_back(KeyUses uses) {
    const std::lock_guard lock(mutex_);
    for (auto& [key, use] : uses) add_use(noted_, key, std::move(use));
    counters_.last_uses_waiting.set(static_cast<std::int64_t>(noted_.size()));
}

void LastUses::work(StoppableThread& thread) {
    bool go_on = true;
    while (go_on) {
        go_on = thread.pause(write_interval);
        KeyUses uses = take();
        if (link_.maintain()) has_table_ = false;
        Database* database = link_.get();
        const bool ready = !uses.empty() && database != nullptr && (has_table_ || find_table(*database));
        if (ready && has_counters_) judge_counters(*database);
        const Result<void> written = ready ? write_uses(*database, uses, has_counters_) : Result<void>{};
        if (!written) note_failure(written.error());
        if (!ready || !written) put_back(std::move(uses));
        if (ready && written) {
            const std::lock_guard lock(mutex_);
            counters_.last_uses_waiting.set(static_cast<std::int64_t>(noted_.size()));
            if (alarm_.over()) log::info("the table key_last_used accepts updates again");
        }
    }
}

// Another program's database need not have it.
bool LastUses::find_table(Database& database) {
    if (monotonic_now() < look_again_) return false;
    const auto columns = database.columns(find_columns);
    has_table_ = columns.has_value();
    has_counters_ = has_table_ && database.columns(find_counter_columns).has_value();
    if (!columns) {
        look_again_ = monotonic_now() + table_look_interval;
        note_failure(columns.error());
    }
    return has_table_;
}

// In front of writing the same uses: the table has what came before them.
void LastUses::judge_counters(Database& database) {
    std::vector<AuditRow> rows;
    {
        const std::lock_guard lock(mutex_);
        rows = std::exchange(counted_, {});
    }
    for (auto next = rows.begin(); next != rows.end(); ++next) {
        const AuditRow& row = *next;
        CountedUse stored;
        const auto found = database.query(select_counter, {row.proven_key});
        if (!found) {
            const std::lock_guard lock(mutex_);
            counted_.insert(counted_.begin(), next, rows.end());
            return note_failure(found.error());
        }
        if (!found->empty()) {
            const auto* counter = std::get_if<std::int64_t>(&found->front().at(0));
            const auto* at = std::get_if<std::int64_t>(&found->front().at(1));
            if (counter != nullptr && at != nullptr) stored = {static_cast<std::uint32_t>(*counter), *at};
        }
        const auto before = signature_counters_.judge(row, stored);
        if (before) tell_(counter_fell(row, *before));
    }
}

void LastUses::note_failure(const Error& error) {
    counters_.last_use_failures.add();
    const std::string why = describe(error);
    if (alarm_.due(why))
        log::error("last-used times of keys are not written: the table key_last_used does not accept them",
                   {{"why", why}});
}

}  // namespace gerve
