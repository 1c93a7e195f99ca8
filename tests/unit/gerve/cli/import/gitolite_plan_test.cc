#include "gerve/cli/import/gitolite_plan.h"

#include <doctest/doctest.h>

#include "tests/unit/gerve/cli/import/conf_files.h"

using namespace gerve;

namespace {

Login login(const std::string& text) {
    return *Login::parse(text);
}

ImportChoices choices_for(const std::string& owner = "org") {
    return {login(owner), {}, {}};
}

// With users who have no keys.
GitolitePlan plan_of(const std::string& text, const std::vector<std::string>& users,
                     const ImportChoices& choices = choices_for()) {
    const GitoliteConf conf = conf_of(text);
    Keydir keydir;
    for (const std::string& user : users) keydir.users[user];
    return plan_gitolite(conf, *GitoliteAccess::make(conf), keydir, choices);
}

std::string paths_of(const GitolitePlan& plan) {
    std::string text;
    for (const PlannedRepository& one : plan.repositories) text += one.old_name + "=" + one.path.text() + " ";
    return text;
}

// "@team read, alice write".
std::string grants_in(const GitolitePlan& plan, std::size_t repository = 0) {
    std::string text;
    for (const PlannedGrant& grant : grants_for(plan.repositories.at(repository), plan.teams)) {
        text += (text.empty() ? "" : ", ") + std::string(grant.is_team ? "@" : "") + grant.holder.text() +
                " " + std::string(access_name(grant.access));
    }
    return text;
}

// The finding about it, as "effect: why".
std::string finding_at(const GitolitePlan& plan, const std::string& place, const std::string& what = "") {
    for (const ImportFinding& one : plan.findings) {
        if (one.place.text() == place && (what.empty() || one.what == what))
            return std::string(name_in(import_effect_names, one.effect)) + ": " + one.why;
    }
    return "none";
}

}  // namespace

TEST_CASE("a repository belongs to the organisation, or to what its name begins with") {
    const std::string conf = "repo foo team/bar team/a/b\n R = @all\n";
    const auto plan = plan_of(conf, {"u"});
    CHECK(paths_of(plan) == "foo=org/foo team/bar=team/bar ");
    CHECK(plan.organizations == std::set<Login>{login("org"), login("team")});
    CHECK(finding_at(plan, "gitolite.conf:1", "repo team/a/b")
              .starts_with("less: Gerve names repositories OWNER/NAME"));
    ImportChoices choices = choices_for();
    choices.flatten = true;
    CHECK(paths_of(plan_of(conf, {"u"}, choices)) == "foo=org/foo team/a/b=team/a-b team/bar=team/bar ");
    choices.repositories.emplace("team/a/b", *RepoPath::parse("x/y"));
    CHECK(paths_of(plan_of(conf, {"u"}, choices)) == "foo=org/foo team/a/b=x/y team/bar=team/bar ");
}

TEST_CASE("a name that Gerve does not take, or that two have, is not taken") {
    const auto plan =
        plan_of("repo c++ Foo foo u/mine x.lock\n R = @all\n", {"u", "Bob", "bob", "e@x.org", "org"});
    CHECK(paths_of(plan).empty());
    CHECK(plan.users == std::set<Login>{login("u")});
    CHECK(finding_at(plan, "gitolite.conf:1", "repo u/mine")
              .starts_with("less: u is a user, who would own it"));
    CHECK(finding_at(plan, "gitolite.conf:1", "repo Foo")
              .starts_with("less: another repository has this name"));
    CHECK(finding_at(plan, "gitolite.conf:1", "repo c++").starts_with("less: not a name that Gerve gives"));
    CHECK(finding_at(plan, "keydir", "Bob").starts_with("less: another user has this login"));
    CHECK(finding_at(plan, "keydir", "e@x.org").starts_with("less: not a login of Gerve"));
    CHECK(finding_at(plan, "keydir", "org").starts_with("less: the organisation org (--owner)"));
    ImportChoices choices = choices_for();
    choices.users.emplace("e@x.org", login("e"));
    CHECK(plan_of("repo a\n R = e@x.org\n", {"e@x.org"}, choices).users == std::set<Login>{login("e")});
}

TEST_CASE("a team gets what all of its members may have, and the others get the rest") {
    const std::string conf =
        "@dev = a b c\n@all-devs = @dev d\n"
        "repo x\n RW+ = a\n R = @dev\n R = d\n"
        "repo y\n RW+ = @dev\n R = @all\n"
        "repo z\n option deny-rules = 1\n - = b\n RW+ = @dev\n R = @all-devs\n";
    const auto plan = plan_of(conf, {"a", "b", "c", "d"});
    CHECK(grants_in(plan, 0) == "@dev read, a write, d read");
    CHECK(grants_in(plan, 1) == "@all read, @dev write");
    CHECK(grants_in(plan, 2) == "a write, c write, d read");
    CHECK(plan.teams.at(login("all")).size() == 4);
    CHECK(plan.teams.at(login("all-devs")).size() == 4);
}

TEST_CASE("a team that has others than its group does not get theirs") {
    const auto plan = plan_of("@dev = a b\nrepo x\n RW+ = @dev\n", {"a", "b", "c"});
    TeamMembers teams = plan.teams;
    teams.at(login("dev")).insert(login("c"));
    const auto grants = grants_for(plan.repositories[0], teams);
    CHECK(grants ==
          std::vector<PlannedGrant>{{login("a"), false, Access::write}, {login("b"), false, Access::write}});
}

TEST_CASE("who may not do everything is listed, and gets what was chosen") {
    const std::string conf = "repo x\n RW+ = full\n RW = plain\n RW+ master = part\n - = no\n RW = no\n";
    const std::vector<std::string> users{"full", "plain", "part", "no"};
    const auto plan = plan_of(conf, users);
    CHECK(grants_in(plan) == "full write, no read, part read, plain write");
    CHECK(
        finding_at(plan, "gitolite.conf:3").starts_with("more: write access in Gerve also allows to force"));
    CHECK(
        finding_at(plan, "gitolite.conf:4").starts_with("less: gitolite lets these users push to some refs"));
    CHECK(finding_at(plan, "gitolite.conf:5").starts_with("less: gitolite denies these users every push"));
    CHECK(finding_at(plan, "gitolite.conf:2") == "none");
    ImportChoices choices = choices_for();
    choices.least_writer = GitoliteWrite::full;
    CHECK(grants_in(plan_of(conf, users, choices)) == "full write, no read, part read, plain read");
    choices.least_writer = GitoliteWrite::some_refs;
    const auto most = plan_of(conf, users, choices);
    CHECK(grants_in(most) == "full write, no read, part write, plain write");
    CHECK(finding_at(most, "gitolite.conf:4").starts_with("more: write access in Gerve is to every ref"));
}

TEST_CASE("what the daemon exports becomes public, with those who could not read it listed") {
    const std::string conf = "repo x\n RW+ = a\n R = daemon gitweb\n";
    const auto plan = plan_of(conf, {"a", "b"});
    CHECK(plan.repositories[0].is_public);
    bool listed = false;
    for (const ImportFinding& one : plan.findings) {
        if (one.effect != ImportEffect::more) continue;
        listed = true;
        REQUIRE(one.cases.size() == 1);
        CHECK(one.cases[0].user == "b");
        CHECK(one.cases[0].before == Access::none);
        CHECK(one.cases[0].after == Access::read);
    }
    CHECK(listed);
    ImportChoices choices = choices_for();
    choices.daemon_is_public = false;
    CHECK_FALSE(plan_of(conf, {"a", "b"}, choices).repositories[0].is_public);
    CHECK_FALSE(plan_of("repo x\n R = a\n", {"a"}).repositories[0].is_public);
    const auto for_all = plan_of("repo x\n R = @all\n", {"a"});
    CHECK_FALSE(for_all.repositories[0].is_public);
    CHECK(finding_at(for_all, "gitolite.conf:2").starts_with("less: @all is every user with an account"));
    const auto denied = plan_of("repo x\n option deny-rules = 1\n - = daemon\n R = @all daemon\n", {"a"});
    CHECK_FALSE(denied.repositories[0].is_public);
    CHECK(plan_of("@pub = daemon\nrepo x\n R = @pub\n", {"a"}).repositories[0].is_public);
}

TEST_CASE("what has no counterpart is listed with its line") {
    const auto plan = plan_of(
        "@g = a gone\n"
        "repo wild/..*\n C = a\n RW+ = CREATOR\n"
        "repo x\n RW+ = @g gone2 @ldap\n config a.b = c\n option mirror.master = m\n desc = d\n",
        {"a"});
    for (int line = 1; line <= 9; ++line) {
        if (line == 5) continue;
        CAPTURE(line);
        CHECK(finding_at(plan, "gitolite.conf:" + std::to_string(line)) != "none");
    }
    CHECK(finding_at(plan, "gitolite.conf:1") ==
          "less: no key in the keydir, or no login, and no account: gone");
    CHECK(finding_at(plan, "gitolite.conf:2").starts_with("less: a pattern of wild repositories"));
}

TEST_CASE("an undeclared group that is denied keeps everybody out") {
    const auto plan = plan_of("repo x\n option deny-rules = 1\n - = @ldap\n RW+ = a\n", {"a"});
    CHECK(grants_in(plan).empty());
    CHECK(finding_at(plan, "gitolite.conf:3").starts_with("less: "));
}
