#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "gerve/cli/commands.h"
#include "gerve/cli/csv.h"
#include "gerve/cli/output.h"
#include "gerve/cli/site.h"
#include "gerve/cli/standing.h"

namespace gerve {
namespace {

struct OfValues {
    std::optional<Login> login;
    bool all = false;
    bool with_public = false;
    bool json = false;
    bool csv = false;
};

constexpr const char* every_public = "every public repository";

// Adds the public repositories that the account has no other way to.
void add_public(std::vector<ReachRecord>& reach, std::vector<RepositoryRecord> repositories) {
    std::set<std::int64_t> there;
    for (const ReachRecord& one : reach) there.insert(number_of(one.repository.id));
    for (RepositoryRecord& one : repositories) {
        if (there.contains(number_of(one.id))) continue;
        Standing standing{Access::read, Rule::public_read, {{Access::read, Rule::public_read, ""}}};
        reach.push_back({std::move(standing), std::move(one)});
    }
    std::ranges::stable_sort(reach, {}, [](const ReachRecord& one) { return one.repository.path; });
}

std::string visibility_of(const RepositoryRecord& repository) {
    return repository.is_public ? "public" : "private";
}

void print_of_json(const AccountReview& review, bool is_public_listed, std::size_t left_out) {
    const bool suspended = review.account.suspended.has_value();
    Json out{{"login", review.account.login.text()},
             {"suspended", json_time(review.account.suspended)},
             {"keys", review.keys.valid},
             {"last_used", json_time(review.keys.last_used)},
             {"every_public_repository", suspended ? "none" : "read"},
             {"public_listed", is_public_listed},
             {"repositories", Json::array()},
             {"left_out", left_out}};
    for (const ReachRecord& one : review.repositories) {
        Json entry{{"repository", one.repository.path.text()}};
        add_standing(entry, one);
        entry["visibility"] = visibility_of(one.repository);
        entry["state"] = one.repository.state();
        out["repositories"].push_back(std::move(entry));
    }
    print_json(out);
}

void print_of_csv(const AccountReview& review, bool says_public) {
    print_csv_line({"repository", "access", "because", "via", "granted", "visibility", "state"});
    for (const ReachRecord& one : review.repositories) {
        print_csv_line({one.repository.path.text(), std::string(access_name(one.access)),
                        std::string(rule_name(one.because)), one.is_held_back() ? "" : one.way().via,
                        std::string(access_name(one.way().access)), visibility_of(one.repository),
                        std::string(one.repository.state())});
    }
    if (says_public) print_csv_line({every_public, "read", "public-read", "", "read", "public", ""});
}

void print_of(const AccountReview& review, bool says_public, std::size_t left_out) {
    Table table({"REPOSITORY", "ACCESS", "BECAUSE", "VISIBILITY", "STATE"});
    for (const ReachRecord& one : review.repositories) {
        table.add({one.repository.path.text(), std::string(access_name(one.access)), because_text(one),
                   visibility_of(one.repository), std::string(one.repository.state())});
    }
    if (says_public) table.add({every_public, "read", "public-read", "public", "-"});
    table.print("no repositories");
    const std::string login = review.account.login.text();
    if (review.account.suspended)
        std::printf("\n%s is suspended: the account can reach nothing.\n", login.c_str());
    else if (review.keys.valid == 0)
        std::printf("\n%s has no valid key and cannot log in.\n", login.c_str());
    if (left_out > 0)
        std::printf("\nNot listed: %zu blocked (suspended or disabled). --all lists them.\n", left_out);
}

int show_access_of(Site& site, const OfValues& values) {
    refuse_two_forms(values.json, values.csv);
    AccountReview review = need_backend(site.registry().review_account(*values.login));
    const bool suspended = review.account.suspended.has_value();
    const bool lists_public = values.with_public && !suspended;
    const auto none = [](const ReachRecord& one) { return one.access == Access::none; };
    const std::size_t left_out = values.all ? 0 : std::erase_if(review.repositories, none);
    if (lists_public)
        add_public(review.repositories, need_backend(site.registry().list_public_repositories()));
    const bool says_public = !suspended && !lists_public;
    if (values.json)
        print_of_json(review, lists_public, left_out);
    else if (values.csv)
        print_of_csv(review, says_public);
    else
        print_of(review, says_public, left_out);
    return 0;
}

}  // namespace

void declare_access_of(Command& access) {
    const auto values = std::make_shared<OfValues>();
    access
        .command("of", "List every repository that an account can reach now, and by which rule.",
                 [values](Site& site) { return show_access_of(site, *values); })
        .argument("LOGIN", "The account", parsed(values->login))
        .flag("--public", "List public repositories one by one, not in one line", values->with_public)
        .flag("--all",
              "Also list blocked repositories: the account is suspended, or the repository is disabled",
              values->all)
        .json(values->json)
        .csv(values->csv)
        .examples({"gerve access of bob", "gerve access of bob --public --json"});
}

}  // namespace gerve
