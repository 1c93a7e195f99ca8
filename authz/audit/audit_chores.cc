// What the audit's own thread does: what strangers' rations left out, what waits, and fdatasync().
#include <algorithm>

#include "authz/audit/audit.h"
#include "authz/base/clock.h"

namespace gerve {
namespace {

constexpr std::chrono::milliseconds chores_interval{250};

}  // namespace

Result<void> AuditSink::sync() {
    if (!on()) return {};
    const std::lock_guard one_at_a_time(sync_mutex_);
    Result<void> outcome = take_unsynced();
    if (!outcome) return outcome;
    std::erase_if(in_doubt_, [&](Unsynced& file) {
        counters_->syncs.add();
        auto synced = file.sync(settings_.sync_call);
        if (synced) return true;
        counters_->sync_failures.add();
        outcome = std::move(synced);
        return false;
    });
    if (outcome && !sync_failed_) return outcome;
    const std::lock_guard lock(mutex_);
    sync_failed_ = !outcome.has_value();
    if (outcome)
        note_recovery();
    else
        sound_alarm(outcome.error());
    return outcome;
}

// After a failure: writes it once more. Nothing is appended to these files meanwhile.
Result<void> AuditSink::take_unsynced() {
    const std::lock_guard lock(mutex_);
    for (Unsynced& file : trail_->take_unsynced()) {
        const auto known = std::find_if(in_doubt_.begin(), in_doubt_.end(),
                                        [&](const Unsynced& other) { return other.is_of_same(file); });
        if (known == in_doubt_.end())
            in_doubt_.push_back(std::move(file));
        else
            known->add(file);
    }
    unsynced_ = 0;
    for (Unsynced& file : in_doubt_) {
        auto written = file.write_again();
        if (written) continue;
        sound_alarm(written.error());
        return written;
    }
    return {};
}

void AuditSink::keep_house() {
    std::int64_t synced_at = monotonic_now();
    const auto interval = std::min(chores_interval, settings_.sync_interval);
    while (true) {
        bool due = false;
        {
            std::unique_lock lock(mutex_);
            chores_.wait_for(lock, interval,
                             [this] { return stopping_ || unsynced_ >= settings_.sync_events; });
            if (stopping_) return;
            do_chores();
            due = sync_failed_ || unsynced_ >= settings_.sync_events ||
                  (unsynced_ > 0 && monotonic_now() - synced_at >= settings_.sync_interval.count());
        }
        if (!due) continue;
        (void)sync();  // tells itself
        synced_at = monotonic_now();
    }
}

// Under mutex_.
void AuditSink::do_chores() {
    take_aside();
    for (AuditFact& fact : strangers_.close_due()) keep(std::move(fact));
    const bool written = write_waiting().has_value();
    if (stalled_.exchange(false) && written && !sync_failed_) note_recovery();
}

}  // namespace gerve
