#include "gerve/cli/repository_history.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "authz/audit/push_history.h"
#include "authz/base/text.h"
#include "gerve/cli/audit_view.h"
#include "gerve/cli/commands.h"
#include "gerve/cli/output.h"
#include "gerve/cli/site.h"

namespace gerve {
namespace {

constexpr std::size_t most_refs = 100'000;  // that can be asked for
constexpr std::size_t short_id = 10;        // digits of an object id

struct HistoryValues {
    std::optional<RepoPath> repo;
    AuditFilter filter;
    std::optional<UnixMillis> since;
    std::size_t most = 100;
    bool json = false;
};

Setter count_into(std::size_t& into) {
    return [&into](const std::string& text) -> Result<void> {
        const auto number = parse_decimal(text);
        if (!number || *number == 0 || *number > most_refs)
            return client_error("write a number from 1 to " + std::to_string(most_refs));
        into = static_cast<std::size_t>(*number);
        return {};
    };
}

// One ref of a push.
struct Entry {
    AuditJson event;
    AuditJson change;
};

// The members of the event that say who and when, and those of the ref.
Json json_of(const Entry& entry) {
    Json json;
    for (const char* name : {"time", "request", "user", "deploy_key_of", "fingerprint", "address", "door"}) {
        if (entry.event.contains(name)) json[name] = entry.event[name];
    }
    for (const auto& [name, value] : entry.change.items()) json[name] = value;
    return json;
}

std::vector<Entry> find_entries(Site& site, const HistoryValues& values) {
    std::vector<Entry> entries;
    each_ref_change(site, *values.repo, values.since.value_or(0),
                    [&](const AuditJson& event, const AuditJson& change) {
                        if (values.filter.takes_ref(change)) entries.push_back({event, change});
                        return entries.size() < values.most;
                    });
    return entries;
}

std::string outcome_cell(const AuditJson& change) {
    std::string text = text_in(change, "outcome");
    if (!text_in(change, "why").empty()) text += ": " + text_in(change, "why");
    if (text_in(change, "forced") == "unknown") text += " (perhaps forced)";
    return text;
}

int show_history(Site& site, const HistoryValues& values) {
    const auto entries = find_entries(site, values);
    if (values.json) {
        Json out = Json::array();
        for (const Entry& entry : entries) out.push_back(json_of(entry));
        print_json(out);
        return 0;
    }
    Table table({"TIME (UTC)", "WHO", "KIND", "REF", "OLD", "NEW", "OUTCOME"});
    for (const auto& [event, change] : entries) {
        table.add({audit_clock(event), shown(audit_who(event)), one_line(text_in(change, "kind")),
                   shown(text_in(change, "ref")), one_line(text_in(change, "old").substr(0, short_id)),
                   one_line(text_in(change, "new").substr(0, short_id)), one_line(outcome_cell(change))});
    }
    table.print("no pushes");
    return 0;
}

// A repository that was deleted still has a history, under the name that it had.
std::string name_in_events(Site& site, const RepoPath& path) {
    const auto record = site.registry().show_repository(path);
    if (!record && record.error().kind == ErrorKind::unavailable) need_backend(record);
    return record ? record->path.text() : path.text();
}

// False: that was enough.
bool each_in_event(const std::string& text, const EachRefChange& each) {
    AuditJson event = AuditJson::parse(text, nullptr, false);
    if (!event.is_object() || !event.contains("refs") || !event["refs"].is_array()) return true;
    const AuditJson refs = std::exchange(event["refs"], nullptr);
    return std::all_of(refs.begin(), refs.end(),
                       [&](const AuditJson& change) { return each(event, change); });
}

}  // namespace

void each_ref_change(Site& site, const RepoPath& path, UnixMillis since, const EachRefChange& each) {
    constexpr std::size_t at_once = 200;
    const std::string name = name_in_events(site, path);
    for (PushPage page{since, at_once, 0};; page.skipped += at_once) {
        const auto events = need_backend(read_push_events(site.database(), name, page));
        for (const std::string& event : events) {
            if (!each_in_event(event, each)) return;
        }
        if (events.size() < at_once) return;
    }
}

void declare_repository_history(Command& repo) {
    const auto values = std::make_shared<HistoryValues>();
    repo.command("history", "List what pushes did to the refs of a repository, the latest first.",
                 [values](Site& site) { return show_history(site, *values); })
        .argument("OWNER/NAME", "The repository; events before a rename are listed under the name it had",
                  parsed(values->repo))
        .optional_argument("REF", "Only this ref: refs/heads/main, or main", word(values->filter.ref))
        .flag("--forced", "Only forced updates", values->filter.forced)
        .flag("--deleted", "Only deletions", values->filter.deleted)
        .option("--since", "TIME", "2026-01-31, 2026-01-31T12:00:00Z (UTC), or an age: 15m, 2h, 7d",
                past_into(values->since))
        .option("--limit", "N", "At most this many refs; default: 100", count_into(values->most))
        .json(values->json)
        .examples(
            {"gerve repo history alice/site main", "gerve repo history alice/site --forced --since 30d"});
}

}  // namespace gerve
