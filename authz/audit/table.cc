#include "authz/audit/table.h"

#include <fcntl.h>
#include <sys/file.h>

#include <algorithm>
#include <array>

#include "authz/audit/rows.h"
#include "authz/base/clock.h"
#include "authz/base/log.h"
#include "authz/base/text.h"

namespace gerve {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds interval{250};  // from one batch to the next
// The same while there are many: each commit and fdatasync() costs by itself, and the readers of an SQLite
// file lose what they have cached of it.
constexpr milliseconds busy_interval{1'000};
constexpr std::size_t many = 100;               // events since the last look
constexpr std::int64_t missing_table = 30'000;  // ms until it is looked for again
constexpr std::int64_t table_alarm_interval = 30'000;
constexpr std::int64_t lag_interval = 1'000;  // ms between two looks at all files
constexpr std::size_t batch = 2'000;          // events

constexpr Statement find_progress{"audit-progress",
                                  "SELECT COALESCE(MAX(seq), 0) FROM audit_events WHERE chain = ?"};
constexpr Statement find_events{"audit-table", "SELECT chain, seq, gateway, denied FROM audit_events"};

}  // namespace

AuditTable::AuditTable(AuditTableParts parts)
    : parts_(std::move(parts)),
      link_(parts_.connect),
      last_uses_(
          parts_.connect, *parts_.counters,
          parts_.counter_fell ? parts_.counter_fell : [](const CounterFell&) {}),
      spool_(parts_.file, [this](const std::string& chain) { return progress_of(chain); }),
      turn_(::open(head_file_of(parts_.file).c_str(), O_RDONLY | O_CLOEXEC)),
      alarm_(table_alarm_interval),
      thread_([this](StoppableThread& thread) { work(thread); }) {}

bool AuditTable::stop(milliseconds patience) {
    const std::int64_t start = monotonic_now();
    const bool ended = thread_.stop(patience);
    const milliseconds spent(monotonic_now() - start);
    return last_uses_.stop(std::max(patience - spent, milliseconds(0))) && ended;
}

bool AuditTable::have_turn() {
    // What was not there at the start may be by now.
    if (!turn_) turn_ = Fd(::open(head_file_of(parts_.file).c_str(), O_RDONLY | O_CLOEXEC));
    if (!has_turn_ && turn_ && ::flock(turn_.get(), LOCK_EX | LOCK_NB) == 0) has_turn_ = true;
    return has_turn_;
}

void AuditTable::work(StoppableThread& thread) {
    bool go_on = true;
    while (go_on) {
        go_on = thread.pause(brought_ >= many ? busy_interval : interval);
        brought_ = 0;
        if (!have_turn()) continue;
        if (link_.maintain()) {
            spool_.rewind();
            has_events_ = false;
        }
        if (link_.get() == nullptr) {
            show_lag();
            continue;
        }
        has_events_ = has_events_ || find_table(*link_.get());
        if (!has_events_) continue;
        takes_events_ = true;
        while (insert_some(*link_.get())) {
        }
        if (takes_events_)
            parts_.counters->row_backlog.set(spool_.bytes_left());
        else
            show_lag();
    }
}

void AuditTable::show_lag() {
    if (monotonic_now() < look_at_lag_) return;
    look_at_lag_ = monotonic_now() + lag_interval;
    parts_.counters->row_backlog.set(spool_.backlog());
}

// Another program's database need not have them.
bool AuditTable::find_table(Database& database) {
    if (monotonic_now() < look_again_) return false;
    const auto events = database.columns(find_events);
    if (!events && events.error().kind == ErrorKind::client) {
        look_again_ = monotonic_now() + missing_table;
        log::warn("audit events stay in the file: the database has no table for them",
                  {{"why", describe(events.error())}});
    }
    if (!events) return false;
    return !database.broken();
}

Result<std::uint64_t> AuditTable::progress_of(const std::string& chain) {
    const auto bytes = from_hex(chain);
    if (!bytes || link_.get() == nullptr) return unavailable("no connection to the database");
    const auto rows = link_.get()->query(find_progress, {BlobView{*bytes}});
    if (!rows) return pass_on(rows);
    const auto* seq = rows->empty() ? nullptr : std::get_if<std::int64_t>(&rows->front().front());
    if (seq == nullptr || *seq < 0) return unavailable("audit-progress: expected one number");
    return static_cast<std::uint64_t>(*seq);
}

// Whether there may be more.
bool AuditTable::insert_some(Database& database) {
    const auto lines = spool_.read(batch);
    if (!lines) {
        note_failure(lines.error());
        spool_.rewind();
        return false;
    }
    if (lines->empty()) {
        spool_.note_arrival();
        return false;
    }
    if (auto synced = parts_.sync(); !synced) {
        note_failure(synced.error());
        spool_.rewind();
        return false;
    }
    const auto rows = rows_of(*lines);
    last_uses_.note(rows);
    const auto done = insert_audit_rows(database, rows);
    if (!done) {
        note_failure(done.error());
        spool_.rewind();
        return false;
    }
    spool_.note_arrival();
    if (const auto missed = spool_.take_missed(); missed > 0) {
        parts_.counters->row_gaps.add(missed);
        log::error("audit events are no longer in any file and will be missing from the table",
                   {{"events", missed}, {"before", lines->back().head.seq}});
    }
    if (alarm_.over()) log::info("the table accepts audit events again");
    brought_ += lines->size();
    parts_.counters->rows.add(done->inserted);
    parts_.counters->row_gaps.add(done->refused);
    return lines->size() == batch;
}

void AuditTable::note_failure(const Error& error) {
    takes_events_ = false;
    parts_.counters->row_failures.add();
    const std::string why = describe(error);
    if (alarm_.due(why))
        log::error("audit events wait in the file: the table does not accept them", {{"why", why}});
}

}  // namespace gerve
