// Shadow: puts what one policy has decided to a second one, and records where the two differ.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_set>

#include "authz/audit/audit.h"
#include "authz/login_rules.h"
#include "authz/model/policy_answer.h"
#include "authz/model/principal.h"
#include "authz/os/stoppable_thread.h"
#include "authz/service/authz_metrics.h"
#include "authz/service/inquiry.h"

namespace gerve {

// An operation that the policy in force has decided on.
struct ShadowQuestion {
    RequestId request;
    std::optional<KnownKey> key;  // nothing: nobody has logged in
    Service service;              // that was asked for
    RepoPath repo;
    LoginFacts login;
    PolicyAnswer served;  // without facts
};

// `user`: of the principal; null: none.
[[nodiscard]] PolicyAnswer answer_of(const Inquiry& inquiry, const User* user);

// What has been recorded lately. No more than `most` things an hour, so that nobody fills the trail.
class RecordedLately {
  public:
    explicit RecordedLately(std::size_t most) : most_(most) {}
    // Whether it is to be recorded: it is new, and there is room. It is new again after an hour or two.
    [[nodiscard]] bool add(std::string what, std::int64_t now);

  private:
    static constexpr std::int64_t generation_life = 3'600'000;  // ms
    std::size_t most_;
    std::unordered_set<std::string> young_;
    std::unordered_set<std::string> old_;
    std::int64_t since_ = 0;
};

// Counts results for the metrics, which are never reset and may be shared with another process, and for the
// next event `compared`, which has what this process counted since the last one. Thread-safe.
class ShadowSums {
  public:
    explicit ShadowSums(ShadowCounters& counters) : counters_(counters) {}
    void add(Compared what, std::uint64_t count = 1);
    // What was counted since the last call; nothing: no decision was.
    [[nodiscard]] std::optional<PoliciesCompared> take();

  private:
    ShadowCounters& counters_;
    std::mutex mutex_;
    PoliciesCompared sums_;
};

// A thread with connections of its own. Who decides leaves a question and goes on at once: it is dropped, and
// counted, where too many wait. Where the answers differ both policies are asked again, which also gives the
// facts: what changes meanwhile is no difference. One that lasts is recorded once an hour or two for each
// key, service and repository; the sums are recorded each minute, and at the end.
class Shadow {
  public:
    // `audit` and `counters` are not owned.
    Shadow(Connect served, Connect shadow, std::optional<Route> local, AuditSink& audit,
           ShadowCounters& counters);
    Shadow(const Shadow&) = delete;
    Shadow& operator=(const Shadow&) = delete;
    ~Shadow() { (void)stop(std::chrono::milliseconds(0)); }

    // Used by many threads. Waits for nothing but a lock that is held for the time of a move.
    void ask(ShadowQuestion question);

    // Drops what waits, and records the sums. Whether the thread has ended in time; one that hangs in its
    // database has to die with the process.
    [[nodiscard]] bool stop(std::chrono::milliseconds patience);

  private:
    void run(StoppableThread& thread);
    [[nodiscard]] std::optional<ShadowQuestion> next();
    void record_sums();

    Connect served_;
    Connect shadow_;
    std::optional<Route> local_;
    AuditSink& audit_;
    ShadowSums sums_;
    std::mutex mutex_;
    std::condition_variable changed_;
    bool stopping_ = false;
    std::deque<ShadowQuestion> waiting_;
    StoppableThread thread_;
};

}  // namespace gerve
