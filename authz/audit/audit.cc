#include "authz/audit/audit.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "authz/base/clock.h"
#include "authz/base/log.h"

namespace gerve {
namespace {

constexpr std::int64_t retry_pause = 100;      // ms between two tries to write a file that refuses
constexpr std::int64_t alarm_interval = 5000;  // ms between two lines in the log
constexpr std::chrono::milliseconds chores_interval{250};
constexpr std::size_t max_batch = 500;  // events of one write(2)
constexpr std::size_t remembered_sessions = 8192;
constexpr off_t remembered_bytes = 1 << 20;  // of the file, at the start

// The requests of the sessions at the end of the trail, by the outer form of their lines.
std::vector<std::string> last_sessions(const std::string& file) {
    constexpr std::string_view mark = R"("event":"session","request":")";
    constexpr std::size_t digits = 32;
    const auto files = list_trail_files(file);
    const Fd last(files.empty() ? -1 : ::open(files.back().c_str(), O_RDONLY | O_CLOEXEC));
    const off_t size = last ? ::lseek(last.get(), 0, SEEK_END) : 0;
    std::string text(static_cast<std::size_t>(std::min(size, remembered_bytes)), '\0');
    const ssize_t got =
        last ? ::pread(last.get(), text.data(), text.size(), size - static_cast<off_t>(text.size())) : 0;
    text.resize(static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
    std::vector<std::string> requests;
    for (auto at = text.find(mark); at != std::string::npos; at = text.find(mark, at + 1))
        requests.push_back(text.substr(at + mark.size(), digits));
    return requests;
}

std::vector<AuditFact> facts_of(const std::optional<KeyProven>& proof, const Decided& event) {
    std::vector<AuditFact> facts;
    if (proof) facts.push_back(fact_of(*proof));
    facts.push_back(fact_of(event));
    return facts;
}

Result<void> never_arrived() {
    return internal_error("what was written to the audit file did not get to the disk");
}

}  // namespace

Result<std::unique_ptr<AuditSink>> AuditSink::open(const AuditSettings& settings) {
    auto trail = Trail::open(settings.trail);
    if (!trail) return pass_on(trail);
    auto sink = std::make_unique<AuditSink>();
    sink->settings_ = settings;
    if (settings.counters != nullptr) sink->counters_ = settings.counters;
    sink->trail_ = std::move(*trail);
    sink->counters_->failing.set(0);
    sink->counters_->waiting.set(0);
    for (const std::string& request : last_sessions(settings.trail.file)) (void)sink->is_new(request);
    sink->record(service_fact("started"));
    sink->keeper_ = std::thread([self = sink.get()] { self->keep_house(); });
    return sink;
}

void AuditSink::stop() {
    if (!keeper_.joinable()) return;
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
        for (AuditFact& fact : offers_.close_all()) keep(std::move(fact));
        keep(service_fact("stopped"));
        next_try_ = 0;
        (void)write_waiting();
    }
    chores_.notify_all();
    keeper_.join();
    (void)sync();
}

void AuditSink::record(const KeyOffered& event) {
    if (!on()) return;
    const std::lock_guard lock(mutex_);
    put(offers_.add(event));
}

void AuditSink::record(const std::optional<KeyProven>& proof, const Decided& event) {
    if (on()) record(facts_of(proof, event));
}

Result<void> AuditSink::insist(const std::optional<KeyProven>& proof, const Decided& event) {
    return insist(facts_of(proof, event));
}

void AuditSink::record(std::vector<AuditFact> facts) {
    if (!on()) return;
    const std::lock_guard lock(mutex_);
    put(std::move(facts));
}

void AuditSink::record(const SessionEnded& event) {
    if (!on()) return;
    const std::lock_guard lock(mutex_);
    if (is_new(event.report.request.text())) put({fact_of(event)});
}

bool AuditSink::is_new(const std::string& request) {
    if (!told_.insert(request).second) return false;
    told_in_order_.push_back(request);
    if (told_in_order_.size() > remembered_sessions) {
        told_.erase(told_in_order_.front());
        told_in_order_.pop_front();
    }
    return true;
}

// Behind those that wait, if any do.
void AuditSink::put(std::vector<AuditFact> facts) {
    if (facts.empty()) return;
    const bool first = waiting_.empty() && lost_ == 0;
    if (first && monotonic_now() >= next_try_ && write(facts)) return;
    for (AuditFact& fact : facts) keep(std::move(fact));
    if (!first) (void)write_waiting();
    counters_->waiting.set(static_cast<std::int64_t>(waiting_.size()));
}

Result<void> AuditSink::insist(const std::vector<AuditFact>& facts) {
    if (!on()) return {};
    const std::lock_guard lock(mutex_);
    // Whoever insists is not put off: his is the try by which recovery is noticed.
    next_try_ = 0;
    if (auto written = write_waiting(); !written) return written;
    return write(facts);
}

Result<void> AuditSink::probe() {
    if (!on()) return {};
    const std::lock_guard lock(mutex_);
    next_try_ = 0;
    if (auto written = write_waiting(); !written) return written;
    auto room = sync_failed_ ? never_arrived() : trail_->probe();
    if (!room) note_failure(room.error());
    return room;
}

void AuditSink::keep(AuditFact fact) {
    if (waiting_.size() >= max_waiting) {
        if (lost_++ == 0) lost_since_ = waiting_.front().time;
        counters_->lost.add();
        waiting_.pop_front();
    }
    waiting_.push_back(std::move(fact));
}

Result<void> AuditSink::write_waiting() {
    if (waiting_.empty() && lost_ == 0) return {};
    if (monotonic_now() < next_try_) {
        counters_->waiting.set(static_cast<std::int64_t>(waiting_.size()));
        return internal_error("the audit file could not be written a moment ago");
    }
    while (!waiting_.empty() || lost_ > 0) {
        std::vector<AuditFact> batch;
        if (lost_ > 0) batch.push_back(lost_fact(lost_, lost_since_));
        const auto count = static_cast<std::ptrdiff_t>(std::min(waiting_.size(), max_batch));
        batch.insert(batch.end(), waiting_.begin(), waiting_.begin() + count);
        if (auto written = write(batch); !written) {
            counters_->waiting.set(static_cast<std::int64_t>(waiting_.size()));
            return written;
        }
        waiting_.erase(waiting_.begin(), waiting_.begin() + count);
        lost_ = 0;
    }
    if (counters_->waiting.value() != 0) counters_->waiting.set(0);
    return {};
}

Result<void> AuditSink::write(const std::vector<AuditFact>& facts) {
    auto appended = sync_failed_ ? never_arrived() : trail_->append(facts);
    if (!appended) {
        note_failure(appended.error());
        return appended;
    }
    counters_->events.add(facts.size());
    note_recovery();
    unsynced_ += static_cast<unsigned>(facts.size());
    if (unsynced_ >= settings_.sync_events) chores_.notify_one();
    return {};
}

void AuditSink::note_failure(const Error& error) {
    counters_->write_failures.add();
    next_try_ = monotonic_now() + retry_pause;
    sound_alarm(error);
}

void AuditSink::sound_alarm(const Error& error) {
    counters_->failing.set(1);
    if (monotonic_now() < next_alarm_) return;
    next_alarm_ = monotonic_now() + alarm_interval;
    log::error("the audit file cannot be written: pushes are refused",
               {{"why", describe(error)}, {"waiting", waiting_.size()}});
}

void AuditSink::note_recovery() {
    if (counters_->failing.value() == 0) return;
    counters_->failing.set(0);
    log::info("the audit file takes events again", {{"file", settings_.trail.file}});
}

Result<void> AuditSink::reopen() {
    if (!on()) return {};
    const std::lock_guard lock(mutex_);
    return trail_->append({});
}

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
    for (Unsynced& file : trail_->take_unsynced()) in_doubt_.push_back(std::move(file));
    unsynced_ = 0;
    for (Unsynced& file : in_doubt_) {
        auto written = sync_failed_ ? file.write_again() : Result<void>();
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
    for (AuditFact& fact : offers_.close()) keep(std::move(fact));
    (void)write_waiting();
}

}  // namespace gerve
