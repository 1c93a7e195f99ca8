#include "authz/service/recheck.h"

#include <array>

#include "authz/base/clock.h"
#include "authz/base/log.h"
#include "authz/service/inquiry.h"
#include "authz/store/database_link.h"

namespace gerve {
namespace {

// A pause after each run of lookups: others use the database, too.
constexpr unsigned run_length = 200;
constexpr std::chrono::milliseconds run_pause{40};
// One row that makes no sense, or one table that is locked, stands in nobody else's way; a database that is
// away does.
constexpr unsigned most_failures_in_a_row = 8;
constexpr unsigned most_slow = 2;         // statements of one kind in a round
constexpr std::int64_t slow_after = 200;  // ms

void log_end(const Principal& principal, const std::string& what, std::string_view because,
             std::size_t count) {
    if (count == 0) return;
    log::info("access withdrawn", {{"who", principal.name()},
                                   {"key", principal.key().fingerprint.text()},
                                   {"repo", what},
                                   {"because", because},
                                   {"sessions", count}});
}

// A kind whose statements are slow is asked no more in this round: the others have to be done in time.
class Patience final : public Turns {
  public:
    bool take(StatementKind kind) override {
        unsigned& slow = slow_[static_cast<std::size_t>(kind)];
        if (slow >= most_slow) return false;
        running_ = &slow;
        since_ = monotonic_now();
        return true;
    }
    void give_back() override {
        if (monotonic_now() - since_ >= slow_after) ++*running_;
    }

  private:
    std::array<unsigned, statement_kind_count> slow_{};
    unsigned* running_ = nullptr;
    std::int64_t since_ = 0;
};

class Round {
  public:
    Round(Directory& directory, LiveSessions& live, UnixMillis now, const std::function<bool()>& pace)
        : directory_(directory), live_(live), now_(now), pace_(pace) {}

    RecheckRound run(RecheckPlace from) {
        const auto subjects = live_.subjects();
        for (std::size_t i = 0; i < subjects.size(); ++i) {
            place_.subject = (from.subject + i) % subjects.size();
            if (!check(subjects[place_.subject], i == 0 ? from.use : 0)) break;
        }
        if (round_.lookups > 0 && answers_ == 0) round_.unavailable = true;
        return round_;
    }

  private:
    // False: no further.
    bool check(const LiveSessions::Subject& subject, std::size_t from) {
        if (!pace_()) return false;
        ++round_.lookups;
        place_.use = 0;
        auto key = directory_.find_key_again(subject.principal.key(), now_);
        if (!key) return goes_on_without_answer(subject.principal);
        failures_ = 0;
        ++answers_;
        auto principal = *key ? subject.principal.renewed(std::move(**key)) : std::nullopt;
        if (!principal || is_suspended(principal->holder())) {
            const std::size_t ended = live_.end(subject.sessions, LiveEnd::withdrawn);
            round_.ended += ended;
            log_end(subject.principal, "", principal ? "suspended" : "key-not-live", ended);
            return true;
        }
        const std::size_t uses = subject.uses.size();
        for (std::size_t i = 0; i < uses; ++i) {
            place_.use = (from + i) % uses;
            if (!check(*principal, subject.uses[place_.use])) return false;
        }
        return true;
    }

    bool check(const Principal& principal, const LiveSessions::Use& use) {
        if (!pace_()) return false;
        ++round_.lookups;
        const auto inquiry = inquire_access(directory_, principal, use.service, use.repo);
        if (!inquiry) return leaves_out();
        ++answers_;
        if (allowed(inquiry->decision)) return true;
        const std::size_t ended = live_.end(use.sessions, LiveEnd::withdrawn);
        round_.ended += ended;
        log_end(principal, use.repo.text(), rule_name(std::get<Deny>(inquiry->decision).because), ended);
        return true;
    }

    // What has no answer lives on, and hides nobody else's.
    bool leaves_out() {
        if (round_.left_out++ == 0) round_.first_left_out = place_;
        return true;
    }

    // The tables of certificates may be locked while all others answer.
    bool goes_on_without_answer(const Principal& principal) {
        if (certificate_of(principal.holder()) != nullptr) return leaves_out();
        round_.unavailable = ++failures_ >= most_failures_in_a_row;
        return !round_.unavailable;
    }

    Directory& directory_;
    LiveSessions& live_;
    UnixMillis now_;
    const std::function<bool()>& pace_;
    RecheckRound round_;
    unsigned failures_ = 0;  // of keys, in a row
    std::size_t answers_ = 0;
    RecheckPlace place_;  // of what is in hand
};

}  // namespace

std::size_t end_expired(LiveSessions& live, UnixMillis now) {
    std::size_t all = 0;
    for (const LiveSessions::Subject& subject : live.subjects()) {
        const CertificateFacts* certificate = certificate_of(subject.principal.holder());
        if (certificate == nullptr || certificate->expires > now) continue;
        const std::size_t ended = live.end(subject.sessions, LiveEnd::withdrawn);
        all += ended;
        log_end(subject.principal, "", "certificate-expired", ended);
    }
    return all;
}

RecheckRound recheck(Directory& directory, LiveSessions& live, UnixMillis now,
                     const std::function<bool()>& pace, RecheckPlace from) {
    return Round(directory, live, now, pace).run(from);
}

Recheck::Recheck(LiveSessions& live, Connect connect, std::optional<Route> local,
                 std::chrono::milliseconds every, LiveCounters& counters)
    : live_(live),
      connect_(std::move(connect)),
      local_(std::move(local)),
      every_(every),
      counters_(counters),
      thread_([this](StoppableThread& thread) { run(thread); }) {}

void Recheck::run(StoppableThread& thread) {
    DatabaseLink link(connect_);
    QueryCounters queries;  // these lookups are no login's
    bool away = false;
    bool incomplete = false;
    unsigned lookups = 0;
    RecheckPlace from;
    const auto pace = [&] { return ++lookups % run_length != 0 || thread.pause(run_pause); };
    while (thread.pause(every_)) {
        if (live_.size() == 0) continue;
        counters_.withdrawn.add(end_expired(live_, unix_now()));
        (void)link.maintain();
        RecheckRound round{.unavailable = true};
        if (link.get() != nullptr) {
            Directory directory(*link.get(), queries, local_);
            Patience patience;
            directory.take_turns(patience);
            round = recheck(directory, live_, unix_now(), pace, from);
            from = round.first_left_out;
        }
        counters_.rounds.add();
        counters_.withdrawn.add(round.ended);
        if (round.unavailable || round.left_out > 0) counters_.unanswered_rounds.add();
        if (round.unavailable && !away) log::warn("live sessions cannot be rechecked: they continue");
        if (round.left_out > 0 && !incomplete && !round.unavailable)
            log::warn("some live sessions cannot be rechecked: they continue", {{"count", round.left_out}});
        away = round.unavailable;
        incomplete = round.left_out > 0;
    }
}

}  // namespace gerve
