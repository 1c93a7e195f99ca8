#include "authz/audit/last_used.h"

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

constexpr std::string_view use_into = "INSERT INTO key_last_used (key_id, used_at, address) VALUES ";
constexpr std::string_view use_mysql =
    " ON DUPLICATE KEY UPDATE address = IF(VALUES(used_at) > used_at, VALUES(address), address),"
    " used_at = GREATEST(used_at, VALUES(used_at))";
constexpr std::string_view use_sqlite =
    " ON CONFLICT (key_id) DO UPDATE SET used_at = excluded.used_at, address = excluded.address"
    " WHERE excluded.used_at > key_last_used.used_at";

void add_use(KeyUses& uses, std::int64_t key, KeyUse use) {
    KeyUse& known = uses[key];
    if (use.at >= known.at) known = std::move(use);
}

Result<void> write_groups(Database& database, const KeyUses& by_key) {
    const std::string_view behind = database.dialect() == Dialect::mysql ? use_mysql : use_sqlite;
    const std::vector<std::pair<std::int64_t, KeyUse>> uses(by_key.begin(), by_key.end());
    const auto insert = [&](std::size_t at, std::size_t count) -> Result<void> {
        const std::string text = insert_text(use_into, "(?, ?, ?)", count, behind);
        std::vector<Bind> binds;
        for (std::size_t i = at; i < at + count; ++i) {
            const auto& [key, use] = uses[i];
            binds.insert(binds.end(), {key, use.at, std::string_view(use.address)});
        }
        const auto noted = database.execute({"last-used", text}, binds);
        if (!noted) return pass_on(noted);
        return {};
    };
    return insert_by_groups(uses.size(), insert, [](std::size_t, const Error&) {});
}

}  // namespace

void add_uses(KeyUses& uses, const std::vector<AuditRow>& rows) {
    for (const AuditRow& row : rows) {
        if (row.proven_key > 0) add_use(uses, row.proven_key, {row.happened_at, row.address.value_or("")});
    }
}

// In the order of the keys, so that no two gateways wait for each other. SQLite syncs once for a transaction.
Result<void> write_uses(Database& database, const KeyUses& uses) {
    if (database.dialect() != Dialect::sqlite) return write_groups(database, uses);
    auto transaction = Transaction::begin(database);
    if (!transaction) return pass_on(transaction);
    if (auto written = write_groups(database, uses); !written) return written;
    return transaction->commit();
}

LastUses::LastUses(Connect connect, AuditCounters& counters)
    : counters_(counters),
      link_(std::move(connect)),
      alarm_(last_used_alarm_interval),
      thread_([this](StoppableThread& thread) { work(thread); }) {}

void LastUses::note(const std::vector<AuditRow>& rows) {
    const std::lock_guard lock(mutex_);
    add_uses(noted_, rows);
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
        const Result<void> written = ready ? write_uses(*database, uses) : Result<void>{};
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
    if (!columns) {
        look_again_ = monotonic_now() + table_look_interval;
        note_failure(columns.error());
    }
    return has_table_;
}

void LastUses::note_failure(const Error& error) {
    counters_.last_use_failures.add();
    const std::string why = describe(error);
    if (alarm_.due(why))
        log::error("last-used times of keys are not written: the table key_last_used does not accept them",
                   {{"why", why}});
}

}  // namespace gerve
