// Accounts get another name, and go.
#include "tests/unit/authz/store/registry_site.h"

using namespace gerve;
using namespace gerve::testing;

namespace {

// As the command does it, without a file server.
void rename(RegistrySite& site, const char* from, const char* to) {
    CHECK(must(site->begin_renaming(login(from), login(to))) != Registry::Begun::before);
    must(site->finish_renaming(login(from), login(to)));
}

std::string owner_now(RegistrySite& site, const char* path) {
    Directory directory = site.directory();
    const auto found = must(directory.find_repository(repo(path)));
    return found ? found->path.text() : "";
}

}  // namespace

TEST_CASE("an account gets another name; what is its own stays, and old names lead to it") {
    RegistrySite site;
    must(site->add_key(login("alice"), make_key(1), {}));
    must(site->create_repository(repo("alice/web"), true));
    must(site->rename_repository(repo("alice/web"), repo("alice/home")));
    must(site->grant_access(repo("alice/site"), login("bob"), Access::read));
    rename(site, "alice", "Alicia");
    CHECK(must(site->show_account(login("alicia"))).login.text() == "Alicia");
    CHECK(std::get<User>(must(site->show_key(make_key(1).fingerprint())).holder).login.text() == "Alicia");
    CHECK(owner_now(site, "alicia/site") == "Alicia/site");
    CHECK(owner_now(site, "alice/site") == "Alicia/site");
    CHECK(owner_now(site, "alice/home") == "Alicia/home");
    CHECK(owner_now(site, "alice/web") == "Alicia/home");
    CHECK(owner_now(site, "alicia/web") == "Alicia/home");
    CHECK(must(site->list_access(repo("alicia/site"))).size() == 1);
    CHECK(must(site->list_accounts()).size() == 3);
    CHECK(must(site->find_current_name(login("ALICE")))->text() == "Alicia");
    CHECK_FALSE(must(site->find_current_name(login("alicia"))).has_value());
}

TEST_CASE("the old name stays reserved until it is freed") {
    RegistrySite site;
    rename(site, "alice", "alicia");
    CHECK(says(refusal(site->add_account(login("alice"), AccountKind::user)), "gerve user remove alice"));
    CHECK(says(refusal(site->add_account(login("alice"), AccountKind::organization)), "reserved"));
    CHECK(says(refusal(site->begin_renaming(login("bob"), login("alice"))), "reserved"));
    CHECK(says(refusal(site->create_repository(repo("alice/new"), true)), "Alice is now called alicia"));
    CHECK(says(refusal(site->add_key(login("alice"), make_key(1), {})), "now called alicia"));
    CHECK(says(refusal(site->suspend_account(login("alice"))), "now called alicia"));
    must(site->remove_account(login("alice")));
    CHECK(owner_now(site, "alice/site") == "");
    CHECK(owner_now(site, "alicia/site") == "alicia/site");
    CHECK_FALSE(must(site->add_account(login("alice"), AccountKind::user)).was_there);
}

TEST_CASE("renamed twice, and back again: every name leads to the account") {
    RegistrySite site;
    rename(site, "alice", "alicia");
    must(site->create_repository(repo("alicia/later"), false));
    rename(site, "alicia", "ali");
    for (const char* path : {"alice/site", "alicia/site", "ali/site"})
        CHECK(owner_now(site, path) == "ali/site");
    CHECK(owner_now(site, "alicia/later") == "ali/later");
    rename(site, "ali", "Alice");
    for (const char* path : {"alice/site", "alicia/site", "ali/site"})
        CHECK(owner_now(site, path) == "Alice/site");
    CHECK(owner_now(site, "ali/later") == "Alice/later");
    CHECK(must(site->show_repository(repo("alice/site"))).path.text() == "Alice/site");
    CHECK(must(site->list_accounts()).size() == 3);
}

TEST_CASE("another spelling needs no other name") {
    RegistrySite site;
    rename(site, "alice", "ALICE");
    CHECK(must(site->show_account(login("alice"))).login.text() == "ALICE");
    CHECK(owner_now(site, "alice/site") == "ALICE/site");
    CHECK(says(refusal(site->begin_renaming(login("alice"), login("ALICE"))), "already has that name"));
}

TEST_CASE("a renaming that is cut short holds the name, is found again, and can be called off") {
    RegistrySite site;
    CHECK(must(site->begin_renaming(login("alice"), login("alicia"))) == Registry::Begun::with_new_name);
    CHECK(must(site->begin_renaming(login("alice"), login("alicia"))) == Registry::Begun::before);
    CHECK(owner_now(site, "alice/site") == "Alice/site");
    CHECK(says(refusal(site->begin_renaming(login("alice"), login("ali"))), "interrupted"));
    CHECK(says(refusal(site->begin_renaming(login("bob"), login("alicia"))), "reserved"));
    CHECK(says(refusal(site->show_account(login("alicia"))), "`gerve user rename Alice alicia` finishes it"));
    CHECK(says(refusal(site->remove_account(login("alice"))), "interrupted"));
    must(site->cancel_renaming(login("alice"), Registry::Begun::with_new_name));
    must(site->cancel_renaming(login("alice"), Registry::Begun::with_new_name));
    CHECK_FALSE(must(site->add_account(login("alicia"), AccountKind::user)).was_there);
    CHECK(says(refusal(site->finish_renaming(login("alice"), login("ali"))), "no rename"));
}

TEST_CASE("a former name stays reserved when a renaming back to it is called off") {
    RegistrySite site;
    rename(site, "bob", "bobby");  // who owns nothing, so that no redirect leads anywhere
    const auto begun = must(site->begin_renaming(login("bobby"), login("bob")));
    CHECK(begun == Registry::Begun::with_old_name);
    must(site->cancel_renaming(login("bobby"), begun));
    CHECK(says(refusal(site->add_account(login("bob"), AccountKind::user)), "reserved"));
}

TEST_CASE("no repository comes to an account, or changes its name there, while it is renamed") {
    RegistrySite site;
    const auto begun = must(site->begin_renaming(login("alice"), login("alicia")));
    CHECK(says(refusal(site->create_repository(repo("alice/late"), false)), "is being renamed"));
    CHECK(says(refusal(site->rename_repository(repo("alice/site"), repo("alice/page"))), "is being renamed"));
    must(site->cancel_renaming(login("alice"), begun));
    must(site->create_repository(repo("alice/late"), false));
}

TEST_CASE("a name that is taken, or of nobody, is refused") {
    RegistrySite site;
    CHECK(says(refusal(site->begin_renaming(login("alice"), login("BOB"))), "already a user called bob"));
    CHECK(says(refusal(site->begin_renaming(login("alice"), login("acme"))), "already an organisation"));
    CHECK(says(refusal(site->begin_renaming(login("carol"), login("caro"))), "no account"));
}

TEST_CASE("an organisation is renamed with its teams and their members") {
    RegistrySite site;
    must(site->add_team(team("acme/devs")));
    must(site->add_team_member(team("acme/devs"), login("bob")));
    must(site->create_repository(repo("acme/engine"), false));
    must(site->grant_access(repo("acme/engine"), team("acme/devs"), Access::write));
    rename(site, "acme", "acme-corp");
    CHECK(must(site->list_teams(login("acme-corp")))[0].members == std::vector{login("bob")});
    CHECK(must(site->list_access(repo("acme-corp/engine")))[0].holder == "acme-corp/devs");
    CHECK(owner_now(site, "acme/engine") == "acme-corp/engine");
}

TEST_CASE("an account goes when it owns nothing, with its memberships and what was never used") {
    RegistrySite site;
    must(site->add_team(team("acme/devs")));
    must(site->add_team_member(team("acme/devs"), login("bob")));
    must(site->grant_access(repo("alice/site"), login("bob"), Access::read));
    must(site->add_server(fs1, {*Endpoint::parse("a:1")}));
    must(site->set_route(login("bob"), fs1));
    must(site->add_key(login("bob"), make_key(1), {}));
    CHECK(says(refusal(site->remove_account(login("bob"))), "bob still owns 1 key (`gerve key move`"));
    must(site->revoke_key(make_key(1).fingerprint()));
    must(site->remove_account(login("bob")));
    CHECK(says(refusal(site->show_account(login("bob"))), "no account"));
    CHECK(must(site->list_org_members(login("acme"))).empty());
    CHECK(must(site->list_access(repo("alice/site"))).empty());
    CHECK(must(site->list_routes()).empty());
    CHECK_FALSE(must(site->add_key(login("alice"), make_key(1), {})).was_there);
    CHECK_FALSE(must(site->add_account(login("bob"), AccountKind::user)).was_there);
}

TEST_CASE("an account that owns something stays, and the refusal says what and how to go on") {
    RegistrySite site;
    must(site->create_repository(repo("alice/web"), false));
    must(site->add_key(login("alice"), make_key(1), {}));
    const std::string told = refusal(site->remove_account(login("alice")));
    CHECK(says(told, "2 repositories (`gerve repo delete`"));
    CHECK(says(told, "1 key (`gerve key move`"));
    must(site->add_team(team("acme/devs")));
    CHECK(says(refusal(site->remove_account(login("acme"))), "1 team (`gerve team remove`)"));
    CHECK(says(refusal(site->remove_account(login("carol"))), "no account"));
}

TEST_CASE("an account whose revoked key was in use stays with it") {
    RegistrySite site;
    const KeyRecord key = must(site->add_key(login("bob"), make_key(1), {}));
    site.by_hand("INSERT INTO key_last_used (key_id, used_at, address) VALUES (" +
                 std::to_string(number_of(key.id)) + ", 1, '::1')");
    must(site->revoke_key(make_key(1).fingerprint()));
    CHECK(says(refusal(site->remove_account(login("bob"))), "gerve user suspend bob"));
}

TEST_CASE("an account that was renamed goes with its old names") {
    RegistrySite site;
    rename(site, "bob", "robert");
    must(site->remove_account(login("robert")));
    for (const char* name : {"bob", "robert"})
        CHECK_FALSE(must(site->add_account(login(name), AccountKind::user)).was_there);
}
