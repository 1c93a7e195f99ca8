#include "gerve/cli/key_show.h"

#include <nlohmann/json.hpp>

#include "authz/base/text.h"
#include "gerve/cli/live_list.h"
#include "gerve/cli/output.h"
#include "gerve/cli/site.h"
#include "gerve/cli/standing.h"

namespace gerve {
namespace {

// All that is known of one key. `live` is nothing when authz cannot be asked.
struct KeyFacts {
    KeyRecord key;
    std::vector<KeyAddress> addresses;
    std::optional<std::vector<LiveRecord>> live;
    std::vector<ReachRecord> reach;
};

KeyFacts collect(Site& site, const Fingerprint& fingerprint) {
    Registry& registry = site.registry();
    KeyRecord key = need(registry.show_key(fingerprint));
    auto addresses = need(registry.list_addresses(fingerprint));
    auto reach = need(registry.list_reach(key));
    auto live = try_list_live(site.config(), LiveChoice(fingerprint));
    KeyFacts facts{std::move(key), std::move(addresses), std::nullopt, std::move(reach)};
    if (live) facts.live = without_busy_connections(std::move(*live));
    return facts;
}

Json json_of(const KeyFacts& facts) {
    Json out = key_json(facts.key);
    out["public_key"] = facts.key.public_key;
    out["addresses"] = Json::array();
    for (const KeyAddress& one : facts.addresses) {
        out["addresses"].push_back(
            {{"address", one.address}, {"last", time_text(one.last)}, {"events", one.events}});
    }
    out["live"] = nullptr;
    if (facts.live) {
        out["live"] = Json::array();
        for (const LiveRecord& one : *facts.live) out["live"].push_back(live_json(one));
    }
    out["reach"] = Json::array();
    for (const ReachRecord& one : facts.reach) {
        const std::string& via = one.way().via;
        out["reach"].push_back({{"repository", one.repository.path.text()},
                                {"access", access_name(one.access)},
                                {"because", rule_name(one.because)},
                                {"via", via.empty() ? Json() : Json(via)}});
    }
    return out;
}

void line(const char* name, const std::string& value) {
    std::printf("%-12s %s\n", name, value.c_str());
}

void print_key(const KeyRecord& key) {
    line("Fingerprint", key.fingerprint.text());
    line("Key", key.algorithm + ", " + std::to_string(key.bits) + " bits");
    if (key.no_touch_required) line("Touch", "not required");
    line("Title", shown(key.title));
    line("Holder", name_of(key.holder) + " (" + kind_of(key) + ")");
    line("State", std::string(key.state(unix_now())));
    line("Created", time_text(key.created));
    line("Expires", time_or(key.expires, "never"));
    if (key.revoked) line("Revoked", time_text(*key.revoked));
    line("Last used",
         key.last_used ? time_text(*key.last_used) + " from " + shown(key.last_address) : "never");
}

void print_live(const std::optional<std::vector<LiveRecord>>& live) {
    if (!live) return line("Live now", "unknown: authz on this machine cannot be queried");
    line("Live now", live->empty() ? "nothing at this gateway" : std::to_string(live->size()) + ":");
    for (const LiveRecord& one : *live) {
        const std::string what = one.service.empty() ? "(idle)" : one.service + " " + one.repo;
        line("",
             one.id.substr(0, 12) + "  " + what + " from " + one.address + " since " + time_text(one.since));
    }
}

void print_reach(const KeyFacts& facts) {
    if (const auto state = facts.key.state(unix_now()); state != "live") {
        std::printf("The key gives no access: it is %s.\n", std::string(state).c_str());
        return;
    }
    Table table({"REPOSITORY", "ACCESS", "BECAUSE"});
    std::size_t writes = 0;
    for (const ReachRecord& one : facts.reach) {
        writes += one.access >= Access::write ? 1 : 0;
        table.add({one.repository.path.text(), std::string(access_name(one.access)), because_text(one)});
    }
    table.print("The key reaches only public repositories.");
    if (facts.reach.empty()) return;
    std::printf("\nThe key can read %zu %s and write to %zu of them", facts.reach.size(),
                facts.reach.size() == 1 ? "repository" : "repositories", writes);
    const char* rest = match(
        facts.key.holder,
        [](const SomeUser auto&) { return ", and read the public ones, which are not listed."; },
        [](const SomeDeployKey auto&) { return ", and nothing else."; });
    std::printf("%s\n", rest);
}

}  // namespace

std::string kind_of(const KeyRecord& key) {
    return match(
        key.holder, [](const SomeUser auto&) { return "user"; },
        [](const SharedDeployKey&) { return "deploy"; },
        [](const DeployKey& bound) {
            return bound.can_write ? "deploy, read and write" : "deploy, read-only";
        });
}

Json key_json(const KeyRecord& key) {
    Json out{{"fingerprint", key.fingerprint.text()},
             {"algorithm", key.algorithm},
             {"bits", key.bits},
             {"title", key.title},
             {"state", key.state(unix_now())},
             {"created", time_text(key.created)},
             {"expires", json_time(key.expires)},
             {"revoked", json_time(key.revoked)},
             {"last_used", json_time(key.last_used)},
             {"last_address", key.last_address}};
    if (key.algorithm.starts_with("sk-")) out["touch_required"] = !key.no_touch_required;
    match(
        key.holder, [&](const SomeUser auto& user) { out["login"] = as_user(user).login.text(); },
        [](const SharedDeployKey&) {},
        [&](const DeployKey& bound) {
            out["repository"] = bound.repo.text();
            out["can_write"] = bound.can_write;
        });
    return out;
}

int show_key(Site& site, const Fingerprint& fingerprint, bool json) {
    const KeyFacts facts = collect(site, fingerprint);
    if (json) {
        print_json(json_of(facts));
        return 0;
    }
    print_key(facts.key);
    for (std::size_t i = 0; i < facts.addresses.size(); ++i) {
        const KeyAddress& one = facts.addresses[i];
        line(i == 0 ? "Used from" : "", shown(one.address) + ", last " + time_text(one.last) + ", " +
                                            std::to_string(one.events) + " events");
    }
    print_live(facts.live);
    std::printf("\n");
    print_reach(facts);
    return 0;
}

}  // namespace gerve
