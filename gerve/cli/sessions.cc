#include <nlohmann/json.hpp>

#include "authz/base/text.h"
#include "gerve/cli/commands.h"
#include "gerve/cli/live_list.h"
#include "gerve/cli/output.h"
#include "gerve/cli/site.h"

namespace gerve {
namespace {

std::string what_of(const LiveRecord& record) {
    if (record.service.empty()) return record.ending.empty() ? "(idle)" : "(idle, " + record.ending + ")";
    return record.ending.empty() ? record.service : record.service + " (" + record.ending + ")";
}

void print_table(const std::vector<LiveRecord>& records) {
    Table table({"SESSION", "WHO", "WHAT", "REPOSITORY", "FROM", "FOR", "IN", "OUT", "RATE", "DOOR"});
    for (const LiveRecord& record : records) {
        const bool idle = record.service.empty();
        table.add({record.id.substr(0, 12), record.who + (record.deploy_key ? " (deploy key)" : ""),
                   what_of(record), record.repo, record.address,
                   age_text(std::chrono::milliseconds(unix_now() - record.since)),
                   idle ? "" : size_text(record.bytes_in), idle ? "" : size_text(record.bytes_out),
                   idle ? "" : size_text(record.rate) + "/s", std::string(door_name(record.door))});
    }
    table.print("nobody is connected");
}

struct SessionsValues {
    std::string session;
    std::optional<Fingerprint> key;
    std::optional<Login> user;
    bool json = false;
};

std::optional<LiveChoice> choice_of(const SessionsValues& values) {
    if (values.key) return LiveChoice(*values.key);
    if (values.user) return LiveChoice(*values.user);
    return std::nullopt;
}

int list_sessions(Site& site, const SessionsValues& values) {
    const auto records = without_busy_connections(list_live(site.config(), choice_of(values)));
    if (!values.json) {
        print_table(records);
        return 0;
    }
    Json out = Json::array();
    for (const LiveRecord& record : records) out.push_back(live_json(record));
    print_json(out);
    return 0;
}

// A session by the beginning of its id, as the table shows it. What is not found is for authz to refuse: it
// has the attempt on record.
std::string find_session(const Config& config, const std::string& beginning) {
    std::string found;
    for (const LiveRecord& record : list_live(config, std::nullopt)) {
        if (!record.id.starts_with(fold_case(beginning))) continue;
        if (!found.empty())
            throw Stop{refused_status,
                       "several sessions begin with " + shown(beginning) + ": give more digits"};
        found = record.id;
    }
    return found.empty() ? beginning : found;
}

int kill_sessions(Site& site, const SessionsValues& values) {
    const int given = (values.session.empty() ? 0 : 1) + (values.key ? 1 : 0) + (values.user ? 1 : 0);
    if (given != 1) throw Stop{usage_status, "give exactly one of SESSION, --key and --user"};
    if (!values.session.empty() && values.session.size() < 6)
        throw Stop{usage_status, "give at least the first 6 digits of the session's id"};
    const auto chosen = choice_of(values);
    const LiveChoice choice = chosen ? *chosen : LiveChoice(find_session(site.config(), values.session));
    const std::uint64_t killed = kill_live(site.config(), choice);
    if (killed == 0)
        throw Stop{refused_status,
                   chosen ? "no matching session is live" : "there is no session " + shown(values.session)};
    std::printf("ended %llu\n", static_cast<unsigned long long>(killed));
    return 0;
}

}  // namespace

void declare_sessions(Command& root) {
    const auto list = std::make_shared<SessionsValues>();
    root.command("sessions", "List the live sessions of this gateway and of an sshd on this machine.",
                 [list](Site& site) { return list_sessions(site, *list); })
        .option("--key", "FINGERPRINT", "Only sessions of this key", parsed(list->key))
        .option("--user", "LOGIN", "Only sessions of this user", parsed(list->user))
        .json(list->json)
        .examples({"gerve sessions", "gerve sessions --user alice --json"},
                  "Sessions of less than about two seconds are not listed. (idle): logged in, but nothing is "
                  "running.");
    const auto kill = std::make_shared<SessionsValues>();
    // authz has it on record before it ends anything, whoever asks.
    root.command("kill", "End live sessions of this gateway: one, or all of a key or a user.",
                 [kill](Site& site) { return kill_sessions(site, *kill); })
        .optional_argument("SESSION", "The beginning of its id, as `gerve sessions` prints it",
                           word(kill->session))
        .option("--key", "FINGERPRINT", "All sessions of this key", parsed(kill->key))
        .option("--user", "LOGIN", "All sessions of this user", parsed(kill->user))
        .examples({"gerve kill 3f9a0c52b7d1", "gerve kill --user mallory", "gerve kill --key SHA256:…"},
                  "The client can connect again; to keep it out, revoke its key or suspend the account.");
}

}  // namespace gerve
