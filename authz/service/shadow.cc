#include "authz/service/shadow.h"

#include "authz/base/alarm.h"
#include "authz/base/clock.h"
#include "authz/base/log.h"
#include "authz/store/database_link.h"

namespace gerve {
namespace {

constexpr std::size_t most_waiting = 4096;
constexpr std::chrono::milliseconds longest_wait{500};  // until the thread looks whether it has to end
constexpr std::int64_t sums_interval = 600'000;         // ms
constexpr std::int64_t away_interval = 60'000;          // ms between two lines in the log

std::string text_of(const Fact& fact) {
    return std::string(query_name(fact.query)) + " " + fact.asked + ": " + fact.answer;
}

// What one policy says, over the tables that it goes by.
class Policy {
  public:
    Policy(Connect connect, std::optional<Route> local)
        : link_(std::move(connect)), local_(std::move(local)) {}

    // With facts if `in_full`. Error: unavailable.
    [[nodiscard]] Result<PolicyAnswer> ask(const ShadowQuestion& question, bool in_full) {
        (void)link_.maintain();
        if (link_.get() == nullptr) return unavailable("no connection to the database");
        QueryCounters counters;  // no login's
        Directory directory(*link_.get(), counters, local_);
        if (!question.key) {
            const auto inquiry = inquire_anonymously(directory, question.repo);
            if (!inquiry) return pass_on(inquiry);
            return answer_of(*inquiry, nullptr);
        }
        const Fingerprint& key = question.key->fingerprint;
        auto known = directory.find_key(key, unix_now());
        if (!known) return pass_on(known);
        if (!*known) return PolicyAnswer{.because = "unknown-key"};
        const auto principal = Principal::make(Proof::for_comparison(key), std::move(**known));
        if (!principal) return unavailable("the directory answered with another key");
        std::vector<Fact> facts;
        const auto inquiry = inquire_login(directory, *principal, question.service, question.repo,
                                           question.login, in_full ? &facts : nullptr);
        if (!inquiry) return pass_on(inquiry);
        PolicyAnswer answer = answer_of(*inquiry, user_of(principal->holder()));
        for (const Fact& fact : facts) answer.facts.push_back(text_of(fact));
        return answer;
    }

  private:
    DatabaseLink link_;
    std::optional<Route> local_;
};

// The thread's: both policies, and what came of asking them.
class Comparison {
  public:
    Comparison(Connect served, Connect shadow, const std::optional<Route>& local, AuditSink& audit,
               ShadowCounters& counters)
        : served_(std::move(served), local),
          shadow_(std::move(shadow), local),
          audit_(audit),
          counters_(counters),
          dropped_(counters.dropped.value()) {}

    void compare(const ShadowQuestion& question) {
        if (question.key && certificate_of(question.key->holder) != nullptr)
            return count(sums_.not_asked, counters_.not_asked);
        const auto answer = shadow_.ask(question, false);
        if (!answer) return count_unanswered(answer.error());
        (void)away_.over();
        if (differences(question.served, *answer).empty()) return count(sums_.same, counters_.same);
        look_again(question);
    }

    // So many will not be asked any more.
    void leave_out(std::size_t count) { counters_.dropped.add(count); }

    void record_sums() {
        sums_.dropped = counters_.dropped.value() - dropped_;
        dropped_ += sums_.dropped;
        since_ = monotonic_now();
        if (sums_.all() > 0) audit_.record(std::exchange(sums_, {}));
    }
    [[nodiscard]] bool sums_are_due() const { return monotonic_now() - since_ >= sums_interval; }

  private:
    static void count(std::uint64_t& sum, Counter& counter) {
        ++sum;
        counter.add();
    }

    // A row may have changed between the two answers, and a route, which is not compared, may deny.
    void look_again(const ShadowQuestion& question) {
        const auto served = served_.ask(question, true);
        if (!served) return count_unanswered(served.error());
        const auto shadow = shadow_.ask(question, true);
        if (!shadow) return count_unanswered(shadow.error());
        const auto in = differences(*served, *shadow);
        if (in.empty()) return count(sums_.same, counters_.same);
        count(sums_.differed, counters_.differed);
        std::string what = question.key ? question.key->fingerprint.text() : "";
        what += " " + std::string(service_name(question.service)) + " " + question.repo.text() + " " +
                served->because + " " + shadow->because;
        if (!recorded_.add(std::move(what), monotonic_now())) return;
        audit_.record(PoliciesDiffer{question.request, question.key, question.service, question.repo, *served,
                                     *shadow});
    }

    void count_unanswered(const Error& error) {
        count(sums_.unanswered, counters_.unanswered);
        if (const std::string why = describe(error); away_.due(why))
            log::warn("decisions are not compared: a policy is out of reach", {{"why", why}});
    }

    Policy served_;
    Policy shadow_;
    AuditSink& audit_;
    ShadowCounters& counters_;
    PoliciesCompared sums_;
    std::uint64_t dropped_;  // until the last sums
    std::int64_t since_ = monotonic_now();
    RecordedLately recorded_;
    Alarm away_{away_interval};
};

}  // namespace

PolicyAnswer answer_of(const Inquiry& inquiry, const User* user) {
    PolicyAnswer answer;
    answer.allowed = allowed(inquiry.decision);
    answer.because =
        rule_name(std::visit([](const auto& decision) { return decision.because; }, inquiry.decision));
    answer.hidden = hides(inquiry.decision);
    answer.writes = answer.allowed && needs_write(inquiry.service);
    if (user != nullptr) answer.user = user->login.text();
    if (inquiry.repository) answer.repo = inquiry.repository->path.text();
    return answer;
}

bool RecordedLately::add(std::string what, std::int64_t now) {
    if (young_.size() >= most || now - since_ >= generation_life) {
        old_ = std::exchange(young_, {});
        since_ = now;
    }
    // What goes on happening is recorded again all the same.
    return !old_.contains(what) && young_.insert(std::move(what)).second;
}

Shadow::Shadow(Connect served, Connect shadow, std::optional<Route> local, AuditSink& audit,
               ShadowCounters& counters)
    : served_(std::move(served)),
      shadow_(std::move(shadow)),
      local_(std::move(local)),
      audit_(audit),
      counters_(counters),
      thread_([this](StoppableThread& thread) { run(thread); }) {}

void Shadow::ask(ShadowQuestion question) {
    {
        const std::lock_guard lock(mutex_);
        if (waiting_.size() >= most_waiting) return counters_.dropped.add();
        waiting_.push_back(std::move(question));
    }
    changed_.notify_one();
}

// Nothing: none came for a while.
std::optional<ShadowQuestion> Shadow::next() {
    std::unique_lock lock(mutex_);
    if (!changed_.wait_for(lock, longest_wait, [this] { return !waiting_.empty(); })) return std::nullopt;
    std::optional<ShadowQuestion> question(std::move(waiting_.front()));
    waiting_.pop_front();
    return question;
}

void Shadow::run(StoppableThread& thread) {
    Comparison comparison(served_, shadow_, local_, audit_, counters_);
    while (!thread.stopping()) {
        if (const auto question = next()) comparison.compare(*question);
        if (comparison.sums_are_due()) comparison.record_sums();
    }
    {
        const std::lock_guard lock(mutex_);
        comparison.leave_out(waiting_.size());
    }
    comparison.record_sums();
}

}  // namespace gerve
