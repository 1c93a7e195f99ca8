#include <nlohmann/json.hpp>

#include "gerve/cli/commands.h"
#include "gerve/cli/csv.h"
#include "gerve/cli/output.h"
#include "gerve/cli/site.h"
#include "gerve/cli/standing.h"

namespace gerve {
namespace {

struct ReviewValues {
    std::optional<RepoPath> repo;
    bool all = false;
    bool json = false;
    bool csv = false;
};

// Somebody that reaches the repository, or has a way to it that something stands against.
struct Reacher {
    std::string kind;  // "account", "deploy-key", "everybody"
    std::string who;   // the login, the fingerprint, or "everybody"
    std::string title;
    Standing standing;
    std::string stands_against;  // "revoked-key", "expired-key"; empty: what the standing says
    std::optional<std::int64_t> keys;
    std::optional<UnixMillis> since;
    std::optional<UnixMillis> last_used;
};

Reacher reacher_of(const AccountReach& one, const RepositoryRecord& repository) {
    const auto since = one.suspended ? one.suspended : repository.disabled;
    return {"account", one.account.login.text(), "", one, "", one.keys.valid, since, one.keys.last_used};
}

Reacher reacher_of(const DeployKeyReach& one, const RepositoryRecord& repository) {
    const KeyRecord& key = one.key;
    const bool is_live = one.state == "live";
    const auto ended = key.revoked ? key.revoked : key.expires;
    const auto begun = repository.disabled ? repository.disabled : std::optional(key.created);
    return {"deploy-key",
            key.fingerprint.text(),
            key.title,
            one,
            is_live ? "" : std::string(one.state) + "-key",
            is_live ? 1 : 0,
            is_live ? begun : ended,
            key.last_used};
}

Reacher everybody_in(const RepositoryRecord& repository) {
    const AccessWay way{Access::read, Rule::public_read, ""};
    Standing standing{Access::read, Rule::public_read, {way}};
    if (repository.disabled) standing = {Access::none, Rule::disabled, {way}};
    return {"everybody", "everybody", "", std::move(standing), "", {}, repository.disabled, {}};
}

std::vector<Reacher> reachers_in(const RepositoryReview& review) {
    std::vector<Reacher> reachers;
    for (const AccountReach& one : review.accounts) reachers.push_back(reacher_of(one, review.repository));
    for (const DeployKeyReach& one : review.deploy_keys)
        reachers.push_back(reacher_of(one, review.repository));
    if (review.repository.is_public) reachers.push_back(everybody_in(review.repository));
    return reachers;
}

// Takes away those that something stands against, and says how many they were.
std::size_t leave_out(std::vector<Reacher>& reachers) {
    return std::erase_if(reachers, [](const Reacher& one) { return one.standing.access == Access::none; });
}

void print_review_json(const RepositoryRecord& repository, const std::vector<Reacher>& reachers,
                       std::size_t left_out) {
    Json out{{"repository", repository.path.text()},
             {"visibility", repository.is_public ? "public" : "private"},
             {"state", repository.state()},
             {"reached_by", Json::array()},
             {"left_out", left_out}};
    for (const Reacher& one : reachers) {
        Json entry{{"kind", one.kind}, {"who", one.who}};
        if (one.kind == "deploy-key") entry["title"] = one.title;
        add_standing(entry, one.standing, one.stands_against);
        entry["keys"] = one.keys ? Json(*one.keys) : Json();
        entry["since"] = json_time(one.since);
        entry["last_used"] = json_time(one.last_used);
        out["reached_by"].push_back(std::move(entry));
    }
    print_json(out);
}

void print_review_csv(const std::vector<Reacher>& reachers) {
    print_csv_line(
        {"kind", "who", "title", "access", "because", "via", "granted", "keys", "since", "last_used"});
    for (const Reacher& one : reachers) {
        Json entry;
        add_standing(entry, one.standing, one.stands_against);
        const auto cell = [&](const char* name) { return entry[name].is_null() ? "" : entry[name]; };
        print_csv_line({one.kind, one.who, one.title, cell("access"), cell("because"), cell("via"),
                        cell("granted"), one.keys ? std::to_string(*one.keys) : "", time_or(one.since, ""),
                        time_or(one.last_used, "")});
    }
}

void print_review(const RepositoryRecord& repository, const std::vector<Reacher>& reachers,
                  std::size_t left_out) {
    Table table({"WHO", "ACCESS", "BECAUSE", "KEYS", "SINCE", "LAST USED"});
    for (const Reacher& one : reachers) {
        const std::string title = one.title.empty() ? "" : " " + shown(one.title);
        table.add({one.who + title, std::string(access_name(one.standing.access)),
                   because_text(one.standing, one.stands_against), one.keys ? std::to_string(*one.keys) : "-",
                   time_or(one.since, "-"), time_or(one.last_used, "-")});
    }
    table.print("nobody");
    const std::string path = repository.path.text();
    if (repository.disabled)
        std::printf("\n%s is disabled: nobody can reach it.\n", path.c_str());
    else if (repository.archived)
        std::printf("\n%s is archived: nobody can push to it.\n", path.c_str());
    if (left_out > 0)
        std::printf(
            "\nNot listed: %zu blocked (suspended, revoked, expired or disabled). --all lists them.\n",
            left_out);
}

int show_review(Site& site, const ReviewValues& values) {
    refuse_two_forms(values.json, values.csv);
    const RepositoryReview review = need_backend(site.registry().review_repository(*values.repo));
    auto reachers = reachers_in(review);
    const std::size_t left_out = values.all ? 0 : leave_out(reachers);
    if (values.json)
        print_review_json(review.repository, reachers, left_out);
    else if (values.csv)
        print_review_csv(reachers);
    else
        print_review(review.repository, reachers, left_out);
    return 0;
}

}  // namespace

void declare_access_review(Command& access) {
    const auto values = std::make_shared<ReviewValues>();
    access
        .command("review", "List everyone who can reach a repository now, and by which rule.",
                 [values](Site& site) { return show_review(site, *values); })
        .argument("OWNER/NAME", "The repository", parsed(values->repo))
        .flag("--all",
              "Also list blocked accounts and keys: suspended, revoked or expired, or the repository is "
              "disabled",
              values->all)
        .json(values->json)
        .csv(values->csv)
        .examples({"gerve access review acme/website", "gerve access review acme/website --all --csv"});
}

}  // namespace gerve
