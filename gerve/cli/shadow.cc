#include <algorithm>
#include <array>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <tuple>

#include "authz/base/text.h"
#include "authz/model/policy_answer.h"
#include "gerve/cli/audit_view.h"
#include "gerve/cli/commands.h"
#include "gerve/cli/output.h"
#include "gerve/cli/trail_lines.h"

namespace gerve {
namespace {

constexpr UnixMillis usual_window = 7 * 24 * 3'600'000LL;

struct ShadowValues {
    std::optional<UnixMillis> since;
    std::vector<std::string> files;
    bool each = false;
    bool json = false;
};

std::string answer_text(const AuditJson& event, const char* policy) {
    return decision_text(event.value(policy, AuditJson::object()));
}

// Differences of one kind: what they differ in, what each policy said, and of which service.
struct Group {
    AuditJson last;
    std::vector<AuditJson> events;                        // if they are wanted
    std::set<std::pair<std::string, std::string>> cases;  // keys and repositories
};
using GroupName = std::tuple<std::string, std::string, std::string, std::string>;

class Report {
  public:
    // `in_full`: each event is wanted.
    Report(UnixMillis since, bool in_full) : in_full_(in_full) { filter_.since = since; }

    void take(std::string_view line) {
        const bool may_be = line.find(R"("event":"differed")") != std::string_view::npos ||
                            line.find(R"("event":"compared")") != std::string_view::npos;
        if (!may_be) return;
        AuditJson event = AuditJson::parse(line, nullptr, false);
        if (!event.is_object() || !filter_.takes(event)) return;
        const auto kind = parse_event_kind(text_in(event, "event"));
        if (kind == EventKind::compared) add_sums(event);
        if (kind == EventKind::differed) add_difference(std::move(event));
    }

    void print(bool each) const {
        print_sums();
        if (groups_.empty()) return;
        std::printf("\n");
        each ? print_each() : print_groups();
    }

    void print_as_json() const {
        Json groups = Json::array();
        for (const auto& [name, group] : groups_) {
            const auto& [in, served, shadow, service] = name;
            groups.push_back({{"in", in},
                              {"served", served},
                              {"shadow", shadow},
                              {"service", service},
                              {"cases", group.cases.size()},
                              {"events", group.events}});
        }
        print_json({{"since", time_text(*filter_.since)},
                    {"first", first_.empty() ? Json() : Json(first_)},
                    {"last", last_.empty() ? Json() : Json(last_)},
                    {"same", sum(Compared::same)},
                    {"differed", differed()},
                    {"unanswered", sum(Compared::unanswered)},
                    {"not_asked", sum(Compared::not_asked)},
                    {"dropped", sum(Compared::dropped)},
                    {"groups", std::move(groups)}});
    }

  private:
    void add_sums(const AuditJson& event) {
        for (std::size_t i = 0; i < compared_count; ++i) {
            const auto found = event.find(compared_names[i]);
            if (found != event.end() && found->is_number_unsigned()) sums_[i] += found->get<std::uint64_t>();
        }
        last_ = text_in(event, "time");
        if (first_.empty()) first_ = last_;
    }

    void add_difference(AuditJson event) {
        const GroupName name{join(texts_in(event, "in"), ", "), answer_text(event, "served"),
                             answer_text(event, "shadow"), text_in(event, "service")};
        Group& group = groups_[name];
        group.cases.emplace(text_in(event, "fingerprint"), text_in(event, "repo"));
        ++events_;
        if (in_full_) group.events.push_back(event);
        group.last = std::move(event);
    }

    // A difference is recorded at once, and counted in an event within a minute.
    [[nodiscard]] std::uint64_t differed() const { return std::max(sum(Compared::differed), events_); }
    [[nodiscard]] std::uint64_t sum(Compared what) const { return sums_[static_cast<std::size_t>(what)]; }

    void print_sums() const {
        const auto number = [](std::uint64_t count) { return static_cast<unsigned long long>(count); };
        if (first_.empty() && events_ == 0) {
            std::printf("Nothing was compared since %s.\n", time_text(*filter_.since).c_str());
            return;
        }
        std::printf(
            "%llu decisions compared since %s, the last of them by %s: %llu the same, %llu different.\n",
            number(sum(Compared::same) + differed()), time_text(*filter_.since).c_str(),
            last_.empty() ? "now" : one_line(last_.substr(0, 19) + "Z").c_str(), number(sum(Compared::same)),
            number(differed()));
        const std::uint64_t left_out =
            sum(Compared::unanswered) + sum(Compared::not_asked) + sum(Compared::dropped);
        if (left_out == 0) return;
        std::printf("Not compared: %llu without an answer, %llu of logins by certificate, %llu dropped.\n",
                    number(sum(Compared::unanswered)), number(sum(Compared::not_asked)),
                    number(sum(Compared::dropped)));
    }

    void print_groups() const {
        Table table(
            {"SERVED", "SHADOW", "DIFFERS IN", "SERVICE", "CASES", "LAST (UTC)", "WHO", "REPOSITORY"});
        for (const auto& [name, group] : groups_) {
            const auto& [in, served, shadow, service] = name;
            table.add({one_line(served), one_line(shadow), one_line(in), one_line(service),
                       std::to_string(group.cases.size()), audit_clock(group.last),
                       shown(audit_who(group.last)), shown(text_in(group.last, "repo"))});
        }
        table.print("");
    }

    void print_each() const {
        for (const auto& [name, group] : groups_) {
            for (const AuditJson& event : group.events) print_event(event);
        }
    }

    static void print_event(const AuditJson& event) {
        std::printf("%s %s, %s %s, request %s: different in %s\n", audit_clock(event).c_str(),
                    shown(audit_who(event)).c_str(), one_line(text_in(event, "service")).c_str(),
                    shown(text_in(event, "repo")).c_str(), one_line(text_in(event, "request")).c_str(),
                    one_line(join(texts_in(event, "in"), ", ")).c_str());
        for (const char* policy : {"served", "shadow"}) {
            std::printf("  %s: %s\n", policy, one_line(answer_text(event, policy)).c_str());
            for (const std::string& fact : texts_in(event.value(policy, AuditJson::object()), "facts"))
                std::printf("    %s\n", one_line(fact).c_str());
        }
    }

    bool in_full_;
    AuditFilter filter_;
    std::array<std::uint64_t, compared_count> sums_{};  // by result (Compared)
    std::uint64_t events_ = 0;
    std::string first_;  // times of events `compared`
    std::string last_;
    std::map<GroupName, Group> groups_;
};

int run_shadow_report(Site& site, const ShadowValues& values) {
    Report report(values.since ? *values.since : unix_now() - usual_window, values.each || values.json);
    const auto take = [&](std::string_view line) { report.take(line); };
    values.files.empty() ? read_own_trail(site, false, take) : read_trail_files(values.files, take);
    values.json ? report.print_as_json() : report.print(values.each);
    return 0;
}

}  // namespace

void declare_shadow(Command& root) {
    Command shadow = root.group("shadow", "Compare the policy that serves with the one that [shadow] names.");
    const auto values = std::make_shared<ShadowValues>();
    shadow
        .command("report", "List the decisions on which the two policies differ, by kind.",
                 [values](Site& site) { return run_shadow_report(site, *values); })
        .option("--since", "TIME",
                "Look at decisions since then: 2026-01-31, or an age such as 30d; default: 7d",
                past_into(values->since))
        .option("--file", "FILE",
                "Read this file, or - for standard input, instead of this machine's trail; repeatable",
                word_onto(values->files), true)
        .flag("--each", "Print each of them with the facts that the policies went by", values->each)
        .json(values->json);
    shadow.examples({"gerve shadow report --since 7d", "gerve shadow report --each",
                     "ssh gw2 cat /var/lib/gerve/audit.jsonl | gerve shadow report --file -"});
}

}  // namespace gerve
