#include "authz/service/shadow.h"

#include <algorithm>

#include "authz/base/alarm.h"
#include "authz/base/clock.h"
#include "authz/base/log.h"
#include "authz/store/database_link.h"

namespace gerve {
namespace {

constexpr std::size_t most_waiting = 4096;
constexpr std::size_t most_waiting_anonymous = most_waiting / 2;  // when no more of these are taken
constexpr std::size_t most_recorded = 8192;                       // an hour
constexpr std::size_t most_recorded_anonymous = 100;              // of these: strangers cause them
constexpr std::chrono::milliseconds longest_wait{1'000};          // until the sums are looked at
constexpr std::int64_t sums_interval = 60'000;                    // ms
constexpr std::int64_t alarm_interval = 60'000;                   // ms between two lines in the log

std::string text_of(const Fact& fact) {
    return std::string(query_name(fact.query)) + " " + fact.asked + ": " + fact.answer;
}

PolicyAnswer no_such_key() {
    PolicyAnswer answer;
    answer.knows_key = false;
    answer.because = "unknown-key";
    return answer;
}

// What one policy says, over the tables that it goes by.
class Policy {
  public:
    Policy(Connect connect, std::optional<Route> local, std::string_view name)
        : link_(std::move(connect), name), local_(std::move(local)) {}

    // With facts if `in_full`. What a connection that is well has no answer to, nobody would get an answer
    // to: that is an answer, too. Error: unavailable.
    [[nodiscard]] Result<PolicyAnswer> ask(const ShadowQuestion& question, bool in_full) {
        (void)link_.maintain();
        if (link_.get() == nullptr) return unavailable("no connection to the database");
        QueryCounters counters;  // no login's
        Directory directory(*link_.get(), counters, local_);
        std::vector<Fact> facts;
        auto answer = question.key ? ask_of(*question.key, directory, question, in_full ? &facts : nullptr)
                                   : ask_of_nobody(directory, question.repo);
        if (!answer && link_.get()->broken()) return answer;
        if (!answer) {
            PolicyAnswer none;
            none.is = PolicyAnswer::Is::unavailable;
            none.facts = {describe(answer.error())};
            return none;
        }
        for (const Fact& fact : facts) answer->facts.push_back(text_of(fact));
        return answer;
    }

  private:
    static Result<PolicyAnswer> ask_of(const KnownKey& key, Directory& directory,
                                       const ShadowQuestion& question, std::vector<Fact>* facts) {
        auto known = directory.find_key(key.fingerprint, unix_now());
        if (!known) return pass_on(known);
        if (!*known) return no_such_key();
        const auto principal = Principal::make(Proof::for_comparison(key.fingerprint), std::move(**known));
        if (!principal) return unavailable("the directory answered with another key");
        const auto inquiry =
            inquire_login(directory, *principal, question.service, question.repo, question.login, facts);
        if (!inquiry) return pass_on(inquiry);
        return answer_of(*inquiry, user_of(principal->holder()));
    }
    static Result<PolicyAnswer> ask_of_nobody(Directory& directory, const RepoPath& repo) {
        const auto inquiry = inquire_anonymous_access(directory, repo);
        if (!inquiry) return pass_on(inquiry);
        return answer_of(*inquiry, nullptr);
    }

    DatabaseLink link_;
    std::optional<Route> local_;
};

// The thread's: both policies, and what came of asking them.
class Comparison {
  public:
    Comparison(Policy served, Policy shadow, AuditSink& audit, ShadowSums& sums)
        : served_(std::move(served)), shadow_(std::move(shadow)), audit_(audit), sums_(sums) {}

    void compare(const ShadowQuestion& question) {
        if (question.key && certificate_of(question.key->holder) != nullptr)
            return sums_.add(Compared::not_asked);
        const auto answer = shadow_.ask(question, false);
        if (!answer) return count_unanswered("shadow", answer.error());
        if (differences(question.served, *answer).empty()) return sums_.add(Compared::same);
        look_again(question);
    }

  private:
    // A row may have changed between the answers; and what denied may have been the route, which is not
    // compared.
    void look_again(const ShadowQuestion& question) {
        const auto served = served_.ask(question, true);
        if (!served) return count_unanswered("served", served.error());
        const auto shadow = shadow_.ask(question, true);
        if (!shadow) return count_unanswered("shadow", shadow.error());
        if (differences(*served, *shadow).empty()) return sums_.add(Compared::same);
        const auto still = served_.ask(question, false);
        if (!still) return count_unanswered("served", still.error());
        if (!differences(*served, *still).empty()) return sums_.add(Compared::unanswered);
        sums_.add(Compared::differed);
        std::string what = question.key ? question.key->fingerprint.text() : "";
        what += " " + std::string(service_name(question.service)) + " " + question.repo.folded() + " " +
                served->because + " " + shadow->because;
        RecordedLately& lately = question.key ? recorded_ : recorded_anonymous_;
        if (!lately.add(std::move(what), monotonic_now())) return;
        audit_.record(PoliciesDiffer{question.request, question.key, question.service, question.repo, *served,
                                     *shadow});
    }

    void count_unanswered(std::string_view policy, const Error& error) {
        sums_.add(Compared::unanswered);
        if (const std::string why = describe(error); away_.due(why))
            log::warn("a decision could not be compared", {{"policy", policy}, {"why", why}});
    }

    Policy served_;
    Policy shadow_;
    AuditSink& audit_;
    ShadowSums& sums_;
    RecordedLately recorded_{most_recorded};
    RecordedLately recorded_anonymous_{most_recorded_anonymous};
    Alarm away_{alarm_interval};
};

PolicyAnswer::Told told_by(const Deny& deny) {
    if (deny.told == messages::repository_not_found()) return PolicyAnswer::Told::missing;
    const bool of_account = deny.because == Rule::suspended || deny.because == Rule::second_factor_required;
    return of_account ? PolicyAnswer::Told::account : PolicyAnswer::Told::reason;
}

}  // namespace

PolicyAnswer answer_of(const Inquiry& inquiry, const User* user) {
    PolicyAnswer answer;
    answer.because =
        rule_name(std::visit([](const auto& decision) { return decision.because; }, inquiry.decision));
    if (const auto* deny = std::get_if<Deny>(&inquiry.decision)) {
        answer.told = told_by(*deny);
    } else {
        answer.is = PolicyAnswer::Is::allow;
        answer.writes = needs_write(inquiry.service);
    }
    if (user != nullptr) answer.user = user->login.text();
    if (inquiry.repository) answer.repo = inquiry.repository->path.text();
    return answer;
}

bool RecordedLately::add(std::string what, std::int64_t now) {
    if (now - since_ >= generation_life) {
        old_ = std::exchange(young_, {});
        since_ = now;
    }
    // What goes on happening is recorded again all the same.
    if (old_.contains(what) || young_.size() >= most_) return false;
    return young_.insert(std::move(what)).second;
}

void ShadowSums::add(Compared what, std::uint64_t count) {
    const auto i = static_cast<std::size_t>(what);
    counters_[i].add(count);
    const std::lock_guard lock(mutex_);
    sums_.sums[i] += count;
}

std::optional<PoliciesCompared> ShadowSums::take() {
    const std::lock_guard lock(mutex_);
    const PoliciesCompared taken = std::exchange(sums_, {});
    const bool any = std::ranges::any_of(taken.sums, [](std::uint64_t sum) { return sum > 0; });
    return any ? std::optional(taken) : std::nullopt;
}

Shadow::Shadow(Connect served, Connect shadow, std::optional<Route> local, AuditSink& audit,
               ShadowCounters& counters)
    : served_(std::move(served)),
      shadow_(std::move(shadow)),
      local_(std::move(local)),
      audit_(audit),
      sums_(counters),
      thread_([this](StoppableThread& thread) { run(thread); }) {}

void Shadow::ask(ShadowQuestion question) {
    const std::size_t room = question.key ? most_waiting : most_waiting_anonymous;
    {
        const std::lock_guard lock(mutex_);
        if (waiting_.size() < room && !stopping_) {
            waiting_.push_back(std::move(question));
            changed_.notify_one();
            return;
        }
    }
    sums_.add(Compared::dropped);
}

// Nothing: none came for a while, or the end has come.
std::optional<ShadowQuestion> Shadow::next() {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, longest_wait, [this] { return stopping_ || !waiting_.empty(); });
    if (waiting_.empty()) return std::nullopt;
    std::optional<ShadowQuestion> question(std::move(waiting_.front()));
    waiting_.pop_front();
    return question;
}

void Shadow::record_sums() {
    if (const auto sums = sums_.take()) audit_.record(*sums);
}

void Shadow::run(StoppableThread& thread) {
    Comparison comparison(Policy(served_, local_, "served"), Policy(shadow_, local_, "shadow"), audit_,
                          sums_);
    std::int64_t since = monotonic_now();
    while (!thread.stopping()) {
        if (const auto question = next()) comparison.compare(*question);
        if (monotonic_now() - since < sums_interval) continue;
        record_sums();
        since = monotonic_now();
    }
}

bool Shadow::stop(std::chrono::milliseconds patience) {
    std::size_t left = 0;
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
        left = waiting_.size();
        waiting_.clear();
    }
    changed_.notify_all();
    sums_.add(Compared::dropped, left);
    const bool ended = thread_.stop(patience);
    record_sums();
    return ended;
}

}  // namespace gerve
