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
constexpr std::size_t max_batch = 500;         // events of one write(2)
constexpr std::size_t remembered_sessions = 8192;
constexpr std::chrono::milliseconds stalled_patience{10};  // once a write is known not to end
constexpr off_t remembered_bytes = 1 << 20;                // of the file, at the start

constexpr std::size_t request_digits = 32;

// A peer whose authz died tells a part of a push again.
std::string part_name(std::string_view request, std::string_view part) {
    return std::string(request).append(":").append(part);
}

// What stands behind each `mark` in the text, up to its end.
std::vector<std::string_view> places_behind(std::string_view text, std::string_view mark) {
    std::vector<std::string_view> places;
    for (auto at = text.find(mark); at != std::string_view::npos; at = text.find(mark, at + 1))
        places.push_back(text.substr(at + mark.size()));
    return places;
}

// What was told at the end of the trail, by the outer form of its lines.
std::vector<std::string> last_reports(const std::string& file) {
    const auto files = list_trail_files(file);
    const Fd last(files.empty() ? -1 : ::open(files.back().c_str(), O_RDONLY | O_CLOEXEC));
    const off_t size = last ? ::lseek(last.get(), 0, SEEK_END) : 0;
    std::string text(static_cast<std::size_t>(std::min(size, remembered_bytes)), '\0');
    const ssize_t got =
        last ? ::pread(last.get(), text.data(), text.size(), size - static_cast<off_t>(text.size())) : 0;
    text.resize(static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
    constexpr std::string_view session_mark = R"("event":"session","request":")";
    constexpr std::string_view push_mark = R"("event":"push","request":")";
    constexpr std::string_view part_mark = R"(","part":)";
    std::vector<std::string> reports;
    for (const std::string_view behind : places_behind(text, session_mark))
        reports.emplace_back(behind.substr(0, request_digits));
    for (const std::string_view behind : places_behind(text, push_mark)) {
        const std::string_view rest = behind.substr(std::min(behind.size(), request_digits));
        if (!rest.starts_with(part_mark)) continue;
        const std::string_view digits =
            rest.substr(part_mark.size(), rest.find(',', part_mark.size()) - part_mark.size());
        reports.push_back(part_name(behind.substr(0, request_digits), digits));
    }
    return reports;
}

std::vector<AuditFact> facts_of(const std::optional<KeyProven>& proof, const Decided& event) {
    std::vector<AuditFact> facts;
    if (proof) facts.push_back(fact_of(*proof));
    facts.push_back(fact_of(event));
    return facts;
}

tl::unexpected<Error> stall() {
    return internal_error("a write to the audit file is stuck");
}

Result<void> never_arrived() {
    return internal_error("data written to the audit file does not reach the disk");
}

}  // namespace

Result<std::unique_ptr<AuditSink>> AuditSink::open(const AuditSettings& settings) {
    auto trail = Trail::open(settings.trail);
    if (!trail) return pass_on(trail);
    auto sink = std::make_unique<AuditSink>();
    sink->settings_ = settings;
    if (settings.counters != nullptr) sink->count_in(*settings.counters);
    sink->trail_ = std::move(*trail);
    sink->counters_->failing.set(0);
    sink->counters_->waiting.set(0);
    for (const std::string& report : last_reports(settings.trail.file)) (void)sink->is_new(report);
    sink->record(service_fact("started"));
    sink->keeper_ = std::thread([self = sink.get()] { self->keep_house(); });
    return sink;
}

void AuditSink::stop() {
    if (!keeper_.joinable()) return;
    (void)sync();  // what is behind makes room
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
        take_aside();
        for (AuditFact& fact : strangers_.close_all()) keep(std::move(fact));
        keep(service_fact("stopped"));
        next_try_ = 0;
        sync_failed_ = false;  // better written than nowhere
        if (!write_waiting()) leave_behind();
    }
    chores_.notify_all();
    keeper_.join();
    (void)sync();
}

// Nobody has them then.
void AuditSink::leave_behind() {
    counters_->lost.add(waiting_.size());
    log::error("audit events are lost: the audit file could not be written before authz stopped",
               {{"events", waiting_.size() + lost_}});
    waiting_.clear();
    counters_->waiting.set(0);
}

void AuditSink::record(const KeyOffered& event) {
    record(strangers_.add(event));
}

void AuditSink::record(std::span<const KeyProven> events) {
    std::vector<AuditFact> facts;
    facts.reserve(events.size());
    for (const KeyProven& event : events) {
        if (event.known != nullptr) {
            facts.push_back(fact_of(event));
        } else {
            for (AuditFact& fact : strangers_.add(event)) facts.push_back(std::move(fact));
        }
    }
    record(std::move(facts));
}

bool AuditSink::record(const DecidedAnonymously& event) {
    if (!strangers_.take(event)) return false;
    record(fact_of(event));
    return true;
}

void AuditSink::record(const ClientRefused& event) {
    if (!event.key) return record(strangers_.add(event.report));
    log::info("connection ended", {{"because", event.report.reason},
                                   {"why", event.report.text},
                                   {"key", event.key->fingerprint.text()},
                                   {"login", event.report.login},
                                   {"addr", event.report.client.address},
                                   {"client", event.report.client.version}});
    record(fact_of(event.report, *event.key));
}

void AuditSink::close_left_out() {
    record(strangers_.close_due());
}

void AuditSink::count_in(AuditCounters& counters) {
    counters_ = &counters;
    strangers_.count_in(counters.left_out);
}

void AuditSink::record(const std::optional<KeyProven>& proof, const Decided& event) {
    if (on()) record(facts_of(proof, event));
}

Result<void> AuditSink::insist(const std::optional<KeyProven>& proof, const Decided& event) {
    return insist(facts_of(proof, event));
}

void AuditSink::record(const RefsPushed& event) {
    {
        const std::lock_guard front(front_);
        const PushReport& report = event.report;
        if (!is_new(part_name(report.request.text(), std::to_string(report.part)))) return;
    }
    record(fact_of(event));
}

bool AuditSink::record(const SessionEnded& event) {
    {
        const std::lock_guard front(front_);
        if (!is_new(event.report.request.text())) return false;
    }
    if (!event.key && event.report.handle.empty() && !strangers_.take(event.report)) return false;
    record(fact_of(event));
    return true;
}

// A disk that stalls holds one thread, the one that writes. False: it does, and this one need not wait. Who
// waits for a little only may have met another's short write, and says nothing new of the disk.
bool AuditSink::enter(std::unique_lock<std::timed_mutex>& lock) {
    const bool known = stalled_;
    if (lock.try_lock_for(known ? stalled_patience : stall_patience)) {
        take_aside();
        return true;
    }
    if (!known) stalled_ = true;
    sound_alarm(stall().value());
    return false;
}

void AuditSink::set_aside(std::vector<AuditFact> facts) {
    const std::lock_guard front(front_);
    for (AuditFact& fact : facts) {
        if (aside_.size() >= max_waiting) {
            ++aside_lost_;
            counters_->lost.add();
            aside_.pop_front();
        }
        aside_.push_back(std::move(fact));
    }
    counters_->waiting.set(static_cast<std::int64_t>(aside_.size()));
}

// Under mutex_.
void AuditSink::take_aside() {
    const std::lock_guard front(front_);
    if (aside_lost_ > 0 && lost_ == 0) lost_since_ = aside_.front().time;
    lost_ += std::exchange(aside_lost_, 0);
    for (AuditFact& fact : aside_) keep(std::move(fact));
    aside_.clear();
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
void AuditSink::record(std::vector<AuditFact> facts) {
    if (!on() || facts.empty()) return;
    std::unique_lock lock(mutex_, std::defer_lock);
    if (!enter(lock)) return set_aside(std::move(facts));
    const bool first = waiting_.empty() && lost_ == 0;
    if (first && monotonic_now() >= next_try_ && write(facts)) return;
    for (AuditFact& fact : facts) keep(std::move(fact));
    if (!first) (void)write_waiting();
    counters_->waiting.set(static_cast<std::int64_t>(waiting_.size()));
}

Result<void> AuditSink::insist(const std::vector<AuditFact>& facts) {
    if (!on()) return {};
    std::unique_lock lock(mutex_, std::defer_lock);
    if (!enter(lock)) return stall();
    // Whoever insists is not put off: his is the try by which recovery is noticed.
    next_try_ = 0;
    if (auto written = write_waiting(); !written) return written;
    return write(facts);
}

Result<void> AuditSink::probe() {
    if (!on()) return {};
    std::unique_lock lock(mutex_, std::defer_lock);
    if (!enter(lock)) return stall();
    next_try_ = 0;
    if (auto written = write_waiting(); !written) return written;
    auto room = disk_takes_it() ? trail_->probe() : never_arrived();
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
        return internal_error("a write to the audit file failed a moment ago");
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

// Under mutex_.
bool AuditSink::disk_takes_it() const {
    return !sync_failed_ && trail_->unsynced_bytes() <= settings_.max_unsynced;
}

Result<void> AuditSink::write(const std::vector<AuditFact>& facts) {
    auto appended = disk_takes_it() ? trail_->append(facts) : never_arrived();
    stalled_ = false;
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
               {{"why", describe(error)}, {"waiting", counters_->waiting.value()}});
}

void AuditSink::note_recovery() {
    if (counters_->failing.value() == 0) return;
    counters_->failing.set(0);
    log::info("the audit file accepts events again", {{"file", settings_.trail.file}});
}

Result<void> AuditSink::reopen() {
    if (!on()) return {};
    std::unique_lock lock(mutex_, std::defer_lock);
    if (!enter(lock)) return stall();
    return trail_->append({});
}

}  // namespace gerve
