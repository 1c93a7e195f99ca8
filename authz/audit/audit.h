// AuditSink: where authz's threads write down what happened, in the trail's file and before they answer.
#pragma once

#include <unistd.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <unordered_set>

#include "authz/audit/events.h"
#include "authz/audit/strangers.h"
#include "authz/audit/trail.h"
#include "authz/base/audit_counters.h"

namespace gerve {

struct AuditSettings {
    TrailSettings trail;
    unsigned sync_events = 1000;                     // fdatasync() after so many, if not before …
    std::chrono::milliseconds sync_interval{1'000};  // … after this time
    std::size_t max_unsynced = 64 << 20;             // bytes that an fdatasync() may be behind
    AuditCounters* counters = nullptr;               // null: counts for itself
    Unsynced::SyncCall sync_call = ::fdatasync;
};

// Used by many threads at once. An event is handed to the kernel, by write(2), before a call returns: authz
// may be killed then, and nothing that it answered is missing. fdatasync() is a thread's of its own, and what
// it has not reached can be lost with the machine.
//
// While the file cannot be written, or what was written did not get to the disk, events wait in memory, in
// order, and what must be on record is refused: a push, a change of an administrator's. So it is while a
// write does not end: nobody waits for it longer than stall_patience. The first that find no room in memory
// are counted, and their number is an event.
class AuditSink {
  public:
    // Errors: internal (the file or its key cannot be opened; lack of space is no error yet).
    [[nodiscard]] static Result<std::unique_ptr<AuditSink>> open(const AuditSettings& settings);
    // Writes nothing: auditing is off, or a question serves nobody.
    AuditSink() = default;
    AuditSink(const AuditSink&) = delete;
    AuditSink& operator=(const AuditSink&) = delete;
    ~AuditSink() { stop(); }

    void record(const KeyOffered& event);
    void record(const KeyProven& event) { record(std::span(&event, 1)); }
    // All of them at the price of little more than one.
    void record(std::span<const KeyProven> events);
    // A decision, and in front of it the proof that came with the question, if it did.
    void record(const std::optional<KeyProven>& proof, const Decided& event);
    // Once for each part of a request, as below.
    void record(const RefsPushed& event);
    void record(const CounterFell& event) { record(fact_of(event)); }
    void record(const PoliciesDiffer& event) { record(fact_of(event)); }
    void record(const PoliciesCompared& event) { record(fact_of(event)); }
    // Of git://, where nobody logs in. Whether it is to be in the log as well: it is within its source's
    // ration.
    [[nodiscard]] bool record(const DecidedAnonymously& event);
    // Once for each request: a peer whose authz died before it answered tells it again. As above.
    bool record(const SessionEnded& event);
    // Writes into the log, too.
    void record(const ClientRefused& event);
    // Writes how much of what strangers caused was left out, where it is time to. An open trail does so by
    // itself; otherwise it is to be called every second or so.
    void close_left_out();

    // For what may not happen off the record. Error: internal, nothing was written.
    [[nodiscard]] Result<void> insist(const std::optional<KeyProven>& proof, const Decided& event);
    [[nodiscard]] Result<void> insist(const AdminChange& event) {
        return insist(std::vector<AuditFact>(1, fact_of(event)));
    }
    // Whether the file can be written now. Error: internal.
    [[nodiscard]] Result<void> probe();
    void count_unrecorded() { counters_->unrecorded.add(); }

    // Writes what is left, and that this is the end. Nothing may be recorded afterwards.
    void stop();

    [[nodiscard]] bool on() const { return trail_ != nullptr; }
    // After the file was renamed away (rotation): goes on in a new one under the same name.
    [[nodiscard]] Result<void> reopen();
    // Brings what is written so far to the disk. Error: internal; it is tried again by each call, and soon.
    [[nodiscard]] Result<void> sync();

    static constexpr std::size_t max_waiting = 20'000;  // events in memory
    static constexpr std::chrono::milliseconds stall_patience{500};

  private:
    void count_in(AuditCounters& counters);
    void record(AuditFact fact) { record(std::vector<AuditFact>(1, std::move(fact))); }
    void record(std::vector<AuditFact> facts);
    [[nodiscard]] bool enter(std::unique_lock<std::timed_mutex>& lock);
    void set_aside(std::vector<AuditFact> facts);
    void take_aside();
    void leave_behind();
    [[nodiscard]] Result<void> insist(const std::vector<AuditFact>& facts);
    [[nodiscard]] Result<void> write(const std::vector<AuditFact>& facts);
    [[nodiscard]] Result<void> write_waiting();
    [[nodiscard]] bool disk_takes_it() const;
    void keep(AuditFact fact);
    [[nodiscard]] bool is_new(const std::string& request);
    void note_failure(const Error& error);
    void sound_alarm(const Error& error);
    void note_recovery();
    [[nodiscard]] Result<void> take_unsynced();
    void keep_house();
    void do_chores();

    // How an event is written: record() and insist() write under mutex_, if they get it in time. While the
    // disk stalls, one thread holds mutex_, and the events of the others go to aside_ in their order. The
    // next thread that gets mutex_ appends them to waiting_, the events that the file has not accepted yet.
    // The order is always: the number of lost_ events, waiting_, then new events; none overtakes another.
    // Locks are taken in the order sync_mutex_, mutex_, front_.
    AuditCounters own_counters_;
    AuditCounters* counters_ = &own_counters_;
    AuditSettings settings_;
    std::unique_ptr<Trail> trail_;

    Strangers strangers_{own_counters_.left_out};

    std::mutex front_;                      // never held while a file is used; of:
    std::unordered_set<std::string> told_;  // requests of the last sessions, and their order
    std::deque<std::string> told_in_order_;
    std::deque<AuditFact> aside_;  // what came while a write did not end
    std::uint64_t aside_lost_ = 0;

    std::timed_mutex mutex_;            // of all below, and what trail_ refers to; taken before front_
    std::atomic<bool> stalled_{false};  // somebody has waited for it in vain, and no write has ended since
    std::deque<AuditFact> waiting_;
    std::uint64_t lost_ = 0;
    std::int64_t lost_since_ = 0;
    std::int64_t next_try_ = 0;  // monotonic_now(): not earlier while the file cannot be written
    std::atomic<std::int64_t> next_alarm_{0};  // the same, of the log
    unsigned unsynced_ = 0;

    std::mutex sync_mutex_;           // one fdatasync() at a time; taken before mutex_
    std::vector<Unsynced> in_doubt_;  // what is not known to be on the disk, of what was taken from trail_
    std::atomic<bool> sync_failed_{false};
    std::condition_variable_any chores_;
    bool stopping_ = false;
    std::thread keeper_;
};

}  // namespace gerve
