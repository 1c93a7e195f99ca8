#include <nlohmann/json.hpp>

#include "authz/base/text.h"
#include "gerve/cli/commands.h"
#include "gerve/cli/output.h"
#include "gerve/cli/site.h"

namespace gerve {
namespace {

struct AccessValues {
    std::optional<RepoPath> repo;
    std::optional<GrantHolder> holder;
    std::optional<Access> access;
    bool json = false;
};

constexpr const char* holder_name = "LOGIN|ORG/TEAM";

int list_access(Site& site, const AccessValues& values) {
    const auto grants = need(site.registry().list_access(*values.repo));
    Json out = Json::array();
    Table table({"HOLDER", "ACCESS"});
    for (const GrantRecord& grant : grants) {
        out.push_back({{"holder", grant.holder}, {"access", access_name(grant.access)}});
        table.add({grant.holder, std::string(access_name(grant.access))});
    }
    values.json ? print_json(out) : table.print("only the owner has access");
    return 0;
}

std::string holder_text(const AccessValues& values) {
    return std::visit([](const auto& one) { return one.text(); }, *values.holder);
}

// Who has what there before it is changed.
void note_grant(Site& site, const AccessValues& values) {
    const std::string holder = holder_text(values);
    site.details().add("repo", values.repo->text());
    site.details().add(std::holds_alternative<Login>(*values.holder) ? "user" : "team", holder);
    const auto grants = site.registry().list_access(*values.repo);
    if (!grants) return;  // the command itself will say why
    std::string before = "none";
    for (const GrantRecord& grant : *grants) {
        if (fold_case(grant.holder) == fold_case(holder)) before = access_name(grant.access);
    }
    site.details().add("before", before);
    site.details().add("after", values.access ? access_name(*values.access) : "none");
}

}  // namespace

void declare_access(Command& root) {
    Command access = root.group("access", "Who may read a repository or push to it, besides its owner.");
    const auto grant = std::make_shared<AccessValues>();
    access
        .change("grant", "Give a user or a team access; it replaces what they had.",
                [grant](Site& site) {
                    note_grant(site, *grant);
                    const auto done =
                        need(site.registry().grant_access(*grant->repo, *grant->holder, *grant->access));
                    if (done == Outcome::done) return 0;
                    return there_already(holder_text(*grant) + " already has " +
                                         std::string(access_name(*grant->access)) + " access to " +
                                         grant->repo->text());
                })
        .argument("OWNER/NAME", "The repository", parsed(grant->repo))
        .argument(holder_name, "A user, or a team of the owning organisation",
                  parsed(grant->holder, [](const std::string& text) { return parse_grant_holder(text); }))
        .argument("read|write|admin", "The level of access",
                  parsed(grant->access, [](const std::string& text) { return parse_access(text); }));
    const auto revoke = std::make_shared<AccessValues>();
    access
        .change("revoke", "Withdraw the access of a user or a team.",
                [revoke](Site& site) {
                    note_grant(site, *revoke);
                    need(site.registry().revoke_access(*revoke->repo, *revoke->holder));
                    return 0;
                })
        .argument("OWNER/NAME", "The repository", parsed(revoke->repo))
        .argument(holder_name, "The user or the team",
                  parsed(revoke->holder, [](const std::string& text) { return parse_grant_holder(text); }));
    const auto list = std::make_shared<AccessValues>();
    access
        .command("list", "List who has access to a repository besides its owner.",
                 [list](Site& site) { return list_access(site, *list); })
        .argument("OWNER/NAME", "The repository", parsed(list->repo))
        .json(list->json);
    declare_access_review(access);
    declare_access_of(access);
    access.examples({"gerve access grant alice/hello bob write",
                     "gerve access grant acme/website acme/engineers admin", "gerve access list alice/hello",
                     "gerve access revoke alice/hello bob"});
}

}  // namespace gerve
