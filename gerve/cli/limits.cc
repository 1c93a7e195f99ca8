#include <nlohmann/json.hpp>

#include "authz/base/units.h"
#include "gerve/cli/commands.h"
#include "gerve/cli/output.h"
#include "gerve/cli/site.h"

namespace gerve {
namespace {

using Limit = std::optional<std::uint64_t>;

struct LimitValues {
    std::optional<LimitHolder> holder;
    LimitChange change;
    bool json = false;
};

constexpr const char* limited_name = "OWNER[/NAME]";
constexpr const char* limited_help = "An owner, for all of their repositories, or one repository";

// A size, "none", or "default" to have none of its own.
Setter limit_into(std::optional<Limit>& into) {
    return [&into](const std::string& text) -> Result<void> {
        into = std::optional(Limit());
        if (text == "default") return {};
        *into = text == "none" ? Limit(0) : parse_size(text);
        if (*into) return {};
        return client_error(
            "must be a size with its unit (KiB, MiB, GiB or TiB) such as 10GiB, or none, or default");
    };
}

Login owner_of(const LimitHolder& holder) {
    const auto* repo = std::get_if<RepoPath>(&holder);
    return repo == nullptr ? std::get<Login>(holder) : repo->owner();
}

std::string limit_holder_text(const LimitHolder& holder) {
    return std::visit([](const auto& one) { return std::string(one.text()); }, holder);
}

std::string limit_text(std::uint64_t limit) {
    return limit == 0 ? "none" : size_text(limit);
}

std::string own_limit_text(const Limit& limit) {
    return limit ? limit_text(*limit) : "-";
}

Json own_limit_json(const Limit& limit) {
    return limit ? Json(*limit) : Json();
}

// As `set` takes it, to the byte.
std::string exact_limit(std::uint64_t limit) {
    if (limit == 0) return "none";
    std::string_view unit = "";
    for (const std::string_view next : {"KiB", "MiB", "GiB", "TiB"}) {
        if (limit % 1024 != 0) break;
        limit /= 1024;
        unit = next;
    }
    return std::to_string(limit) + std::string(unit);
}

// As `set` takes them: "max-push 2GiB, max-size none".
std::string limits_text(const OwnSizeLimits& limits) {
    std::string text;
    const auto add = [&](const char* name, const Limit& limit) {
        if (limit) text += (text.empty() ? "" : ", ") + (name + (" " + exact_limit(*limit)));
    };
    add("max-push", limits.push);
    add("max-size", limits.repository);
    add("max-size-of-owner", limits.owner);
    return text.empty() ? "default" : text;
}

int set_limits(Site& site, const LimitValues& values) {
    const LimitChange& change = values.change;
    if (!change.push && !change.repository && !change.owner)
        throw Stop{usage_status, "give at least one of --max-push, --max-size and --max-size-of-owner"};
    const bool is_repo = std::holds_alternative<RepoPath>(*values.holder);
    site.details().add(is_repo ? "repo" : "user", limit_holder_text(*values.holder));
    const LimitsChanged changed = need(site.registry().change_limits(*values.holder, change));
    site.details().add("before", limits_text(changed.before));
    site.details().add("after", limits_text(changed.after));
    if (changed.before == changed.after)
        return there_already(limit_holder_text(*values.holder) + " has these limits already");
    return 0;
}

// One limit that holds, and where it is set.
struct Holding {
    const char* name;
    std::uint64_t bytes;
    std::string set_for;
};

Holding find_holding(const char* name, const std::vector<std::pair<Limit, std::string>>& rungs,
                     std::uint64_t general) {
    for (const auto& [limit, set_for] : rungs)
        if (limit) return {name, *limit, set_for};
    return {name, general, "gerve.toml"};
}

std::vector<Holding> limits_that_hold(Site& site, const LimitHolder& holder) {
    const bool is_repo = std::holds_alternative<RepoPath>(holder);
    const Login owner = owner_of(holder);
    const OwnSizeLimits own = need(site.registry().show_limits(holder));
    const OwnSizeLimits owners = is_repo ? need(site.registry().show_limits(owner)) : own;
    const SizeLimits& general = site.config().repositories.sizes;
    const std::string text = limit_holder_text(holder);
    return {find_holding("max_push", {{own.push, text}, {owners.push, owner.text()}}, general.push),
            find_holding("max_size", {{own.repository, text}, {owners.repository, owner.text()}},
                         general.repository),
            find_holding("max_size_of_owner", {{owners.owner, owner.text()}}, general.owner)};
}

int show_limits(Site& site, const LimitValues& values) {
    Table table({"LIMIT", "SIZE", "SET FOR"});
    Json out = Json::object();
    for (const Holding& one : limits_that_hold(site, *values.holder)) {
        out[one.name] = {{"bytes", one.bytes}, {"set_for", one.set_for}};
        table.add({one.name, limit_text(one.bytes),
                   one.bytes == 0 && one.set_for == "gerve.toml" ? "-" : one.set_for});
    }
    values.json ? print_json(out) : table.print("");
    return 0;
}

int list_limits(Site& site, bool json) {
    Json out = Json::array();
    Table table({"OWNER/NAME", "MAX PUSH", "MAX SIZE", "MAX SIZE OF OWNER"});
    for (const LimitRecord& record : need_backend(site.registry().list_limits())) {
        const auto* repo = std::get_if<RepoPath>(&record.holder);
        out.push_back({{"owner", owner_of(record.holder).text()},
                       {"repository", repo == nullptr ? Json() : Json(repo->text())},
                       {"max_push", own_limit_json(record.limits.push)},
                       {"max_size", own_limit_json(record.limits.repository)},
                       {"max_size_of_owner", own_limit_json(record.limits.owner)}});
        table.add({limit_holder_text(record.holder), own_limit_text(record.limits.push),
                   own_limit_text(record.limits.repository), own_limit_text(record.limits.owner)});
    }
    json ? print_json(out) : table.print("no owner and no repository has limits of its own");
    return 0;
}

Setter holder_into(std::optional<LimitHolder>& into) {
    return parsed(into, [](const std::string& text) { return parse_limit_holder(text); });
}

}  // namespace

void declare_limits(Command& root) {
    Command limit =
        root.group("limit", "Size limits of one owner or one repository, instead of those in gerve.toml.");
    const auto set = std::make_shared<LimitValues>();
    const char* sizes = "SIZE";
    limit
        .change("set", "Set size limits; each overrides the one that would apply otherwise.",
                [set](Site& site) { return set_limits(site, *set); })
        .argument(limited_name, limited_help, holder_into(set->holder))
        .option("--max-push", sizes, "For one push: a size such as 2GiB, none, or default to unset it",
                limit_into(set->change.push))
        .option("--max-size", sizes, "Of a repository on the disk", limit_into(set->change.repository))
        .option("--max-size-of-owner", sizes, "Of all repositories of the owner together",
                limit_into(set->change.owner));
    const auto show = std::make_shared<LimitValues>();
    limit
        .command("show", "Show the size limits that apply, and where each is set.",
                 [show](Site& site) { return show_limits(site, *show); })
        .argument(limited_name, limited_help, holder_into(show->holder))
        .json(show->json);
    const auto list = std::make_shared<LimitValues>();
    limit
        .command("list", "List the owners and repositories with limits of their own.",
                 [list](Site& site) { return list_limits(site, list->json); })
        .json(list->json);
    limit.examples({"gerve limit set acme --max-size-of-owner 200GiB",
                    "gerve limit set acme/assets --max-size none",
                    "gerve limit set acme/assets --max-size default", "gerve limit show acme/assets"});
}

}  // namespace gerve
