#include <nlohmann/json.hpp>

#include "authz/base/text.h"
#include "gerve/cli/commands.h"
#include "gerve/cli/import/gitolite_files.h"
#include "gerve/cli/import/gitolite_takeover.h"
#include "gerve/cli/site.h"

namespace gerve {
namespace {

struct GitoliteValues {
    std::string conf;
    std::string keydir;
    std::optional<Login> owner;
    ImportChoices choices{*Login::parse("gitolite"), {}, {}};
    bool is_private = false;
    bool yes = false;
    bool json = false;
};

GitolitePlan make_plan(GitoliteValues& values) {
    if (values.owner) values.choices.owner = *values.owner;
    values.choices.daemon_is_public = !values.is_private;
    const auto keydir = sort_keydir(need(read_keydir(values.keydir)));
    const auto stop = [](const std::vector<ConfigProblem>& problems) {
        return Stop{refused_status, "nothing is taken over\n" + format_problems(problems)};
    };
    const auto conf = parse_gitolite_conf(files_beside(values.conf), values.conf);
    if (!conf) throw stop(conf.error());
    const auto access = GitoliteAccess::make(*conf);
    if (!access) throw stop(access.error());
    return plan_gitolite(*conf, *access, keydir, values.choices);
}

void print_takeover(const GitolitePlan& plan, const GitoliteTakeover& takeover) {
    std::printf(
        "%zu users with %zu keys, %zu groups, %zu repositories; teams and repositories without a directory "
        "belong to the organisation %s\n",
        plan.users.size(), plan.keys.size(), plan.teams.size(), plan.repositories.size(),
        plan.owner.text().c_str());
    print_steps(takeover.steps);
    print_findings(takeover.findings);
    if (takeover.missing.empty()) return;
    std::printf(
        "\nNot in Gerve yet: take these repositories over, then run this again to give access to them\n");
    for (const PlannedRepository* one : takeover.missing)
        std::printf("  %s as %s\n", one->old_name.c_str(), one->path.text().c_str());
}

void print_takeover_json(const GitolitePlan& plan, const GitoliteTakeover& takeover, bool is_done) {
    Json out{{"owner", plan.owner.text()},
             {"changes", steps_json(takeover.steps)},
             {"done", is_done},
             {"repositories", Json::array()},
             {"findings", findings_json(takeover.findings)}};
    for (const PlannedRepository& one : plan.repositories) {
        const bool missing = std::ranges::find(takeover.missing, &one) != takeover.missing.end();
        out["repositories"].push_back(
            {{"gitolite", one.old_name}, {"repository", one.path.text()}, {"in_gerve", !missing}});
    }
    print_json(out);
}

int import_gitolite(Site& site, GitoliteValues& values) {
    const GitolitePlan plan = make_plan(values);
    if (values.yes) site.create_state();
    const GitoliteTakeover takeover = compare_with_site(site, plan);
    if (!values.json) print_takeover(plan, takeover);
    if (!values.yes) {
        if (values.json) print_takeover_json(plan, takeover, false);
        if (!values.json && !takeover.steps.empty())
            std::printf("\nNothing was changed: --yes makes the changes\n");
        return 0;
    }
    const int status = run_steps(site, takeover.steps, !values.json);
    if (values.json) print_takeover_json(plan, takeover, status == 0);
    return status;
}

// OLD=NEW, of which the new name is one of Gerve's.
template <class T>
Setter pair_into(std::map<std::string, T>& into) {
    return [&into](const std::string& text) -> Result<void> {
        const auto equals = text.find('=');
        if (equals == 0 || equals == std::string::npos) return client_error("must be OLD=NEW");
        const auto value = T::parse(text.substr(equals + 1));
        if (!value) return pass_on(value);
        if (!into.emplace(text.substr(0, equals), *value).second)
            return client_error(printable(text.substr(0, equals)) + " is named twice");
        return {};
    };
}

Setter writer_into(GitoliteWrite& into) {
    return [&into](const std::string& text) -> Result<void> {
        const auto found = find_in<GitoliteWrite>(gitolite_write_names, text);
        if (!found || *found == GitoliteWrite::none)
            return client_error("must be full, any-ref or some-refs");
        into = *found;
        return {};
    };
}

}  // namespace

void declare_import_gitolite(Command& imports) {
    const auto values = std::make_shared<GitoliteValues>();
    imports
        .command("gitolite", "Take over the users, keys, groups and permissions of a gitolite.",
                 [values](Site& site) { return import_gitolite(site, *values); })
        .argument("CONF", "Its gitolite.conf; what this includes is read from the same directory",
                  word(values->conf))
        .argument("KEYDIR", "Its directory of keys", word(values->keydir))
        .option("--owner", "ORG",
                "The organisation of the teams, and of repositories without a directory; default: gitolite",
                parsed(values->owner))
        .option("--map", "OLD=OWNER/NAME", "What one of its repositories is called in Gerve",
                pair_into(values->choices.repositories), true)
        .flag("--flatten", "Take a/b/c over as a/b-c", values->choices.flatten)
        .option("--user", "OLD=LOGIN", "What one of its users is called in Gerve",
                pair_into(values->choices.users), true)
        .option(
            "--write", "WHO",
            "Who gets write access: full, those who may do everything; any-ref (the default), also those who "
            "may not force or delete; some-refs, also those limited to some refs",
            writer_into(values->choices.least_writer))
        .flag("--private", "Keep repositories private that gitolite's user daemon reads", values->is_private)
        .flag("-y,--yes", "Make the changes; without it they are only listed", values->yes)
        .json(values->json)
        .examples({"gerve import gitolite conf/gitolite.conf keydir --owner acme",
                   "gerve import gitolite conf/gitolite.conf keydir --owner acme --yes"});
}

}  // namespace gerve
