// Repositories, and who reaches them.
#include "authz/policy.h"
#include "tests/unit/authz/store/registry_site.h"

using namespace gerve;
using namespace gerve::testing;

namespace {

std::string reach_text(const std::vector<ReachRecord>& reach) {
    std::string text;
    for (const ReachRecord& one : reach) {
        if (one.access == Access::none) continue;
        text += one.repository.path.text() + " " + std::string(access_name(one.access)) + " " +
                std::string(rule_name(one.because)) + "\n";
    }
    return text;
}

}  // namespace

TEST_CASE("repositories: created once, listed, marked once") {
    RegistrySite site;
    CHECK(says(refusal(site->create_repository(repo("ALICE/Site"), true)), "already a repository"));
    CHECK(says(refusal(site->create_repository(repo("carol/x"), true)), "gerve user add"));
    must(site->create_repository(repo("acme/engine"), true));
    const auto all = must(site->list_repositories());
    REQUIRE(all.size() == 2);
    CHECK(all[0].path.text() == "acme/engine");
    CHECK(all[0].is_public);
    CHECK(all[1].created == test_now);
    CHECK(must(site->list_repositories(login("alice"))).size() == 1);
    must(site->archive_repository(repo("alice/site")));
    CHECK(must(site->show_repository(repo("alice/site"))).archived == test_now);
    CHECK(says(refusal(site->archive_repository(repo("alice/site"))), "Alice/site is already archived"));
    CHECK(says(refusal(site->enable_repository(repo("alice/site"))), "not disabled"));
    CHECK(says(refusal(site->set_repository_public(repo("alice/site"), false)), "already private"));
}

TEST_CASE("a repository has the kind that it was created with") {
    RegistrySite site;
    must(site->create_repository(repo("acme/engine"), true));
    CHECK(must(site->create_repository(repo("acme/old"), false, RepositoryKind::hg)).kind ==
          RepositoryKind::hg);
    const auto all = must(site->list_repositories(login("acme")));
    REQUIRE(all.size() == 2);
    CHECK(all[0].kind == RepositoryKind::git);
    CHECK(all[1].kind == RepositoryKind::hg);
}

TEST_CASE("renaming: the new name must be free, the old one is told, case alone leaves no redirect") {
    RegistrySite site;
    must(site->create_repository(repo("alice/web"), false));
    CHECK(says(refusal(site->rename_repository(repo("alice/site"), repo("alice/WEB"))),
               "already a repository"));
    CHECK(says(refusal(site->rename_repository(repo("alice/site"), repo("alice/site"))),
               "already has that name"));
    CHECK(says(refusal(site->rename_repository(repo("alice/site"), repo("carol/x"))), "no account"));
    CHECK(must(site->rename_repository(repo("alice/site"), repo("alice/SITE"))).path.text() == "Alice/SITE");
    CHECK(must(site->show_repository(repo("alice/site"))).path.text() == "Alice/SITE");
    must(site->rename_repository(repo("alice/site"), repo("alice/home")));
    CHECK(says(refusal(site->archive_repository(repo("alice/site"))), "now called Alice/home"));
    // and back again: the redirect of the first name gives way
    must(site->rename_repository(repo("alice/home"), repo("alice/site")));
    CHECK(must(site->show_repository(repo("alice/site"))).path.text() == "Alice/site");
}

TEST_CASE("a transfer takes the new owner's grant and the old owner's teams away") {
    RegistrySite site;
    must(site->create_repository(repo("acme/engine"), false));
    must(site->add_team(team("acme/devs")));
    must(site->grant_access(repo("acme/engine"), team("acme/devs"), Access::write));
    must(site->grant_access(repo("acme/engine"), login("bob"), Access::read));
    must(site->grant_access(repo("acme/engine"), login("alice"), Access::read));
    CHECK(must(site->rename_repository(repo("acme/engine"), repo("bob/engine"))).path.text() == "bob/engine");
    const auto grants = must(site->list_access(repo("bob/engine")));
    REQUIRE(grants.size() == 1);
    CHECK(grants[0].holder == "Alice");
}

TEST_CASE("a transfer to an owner on another file server is refused") {
    RegistrySite site;
    must(site->add_server(fs1, {*Endpoint::parse("fs1:1")}));
    must(site->add_server(fs2, {*Endpoint::parse("fs2:1")}));
    must(site->set_route(login("alice"), fs1));
    must(site->set_route(login("bob"), fs2));
    CHECK(says(refusal(site->rename_repository(repo("alice/site"), repo("bob/site"))),
               "a different file server"));
    must(site->set_route(login("bob"), fs1));
    must(site->rename_repository(repo("alice/site"), repo("bob/site")));
}

TEST_CASE("deleting a repository takes all that hung on it, and its number does not come back") {
    RegistrySite site;
    const auto first = must(site->show_repository(repo("alice/site")));
    must(site->add_deploy_key(repo("alice/site"), make_key(1), false, {"", std::nullopt}));
    site.by_hand("INSERT INTO key_last_used (key_id, used_at, address) VALUES (1, 5, '::1')");
    must(site->grant_access(repo("alice/site"), login("bob"), Access::read));
    must(site->rename_repository(repo("alice/site"), repo("alice/web")));
    CHECK(must(site->show_key(make_key(1).fingerprint())).last_address == "::1");
    must(site->delete_repository(repo("alice/web")));
    CHECK(says(refusal(site->show_repository(repo("alice/site"))), "no repository"));
    CHECK(says(refusal(site->show_key(make_key(1).fingerprint())), "no key"));
    CHECK(must(site->create_repository(repo("alice/web"), false)).id > first.id);
    CHECK(must(site->list_access(repo("alice/web"))).empty());
}

TEST_CASE("access: granted, replaced, listed and revoked") {
    RegistrySite site;
    must(site->add_team(team("acme/devs")));
    must(site->grant_access(repo("alice/site"), login("bob"), Access::read));
    must(site->grant_access(repo("alice/site"), login("bob"), Access::admin));
    must(site->grant_access(repo("alice/site"), team("acme/devs"), Access::write));
    const auto grants = must(site->list_access(repo("alice/site")));
    REQUIRE(grants.size() == 2);
    CHECK(grants[0].holder == "bob");
    CHECK(grants[0].access == Access::admin);
    CHECK(grants[1].holder == "acme/devs");
    CHECK(grants[1].access == Access::write);
    must(site->revoke_access(repo("alice/site"), login("bob")));
    CHECK(says(refusal(site->revoke_access(repo("alice/site"), login("bob"))),
               "bob has no grant on Alice/site"));
    must(site->revoke_access(repo("alice/site"), team("acme/devs")));
    CHECK(must(site->list_access(repo("alice/site"))).empty());
    CHECK(says(refusal(site->grant_access(repo("alice/site"), login("alice"), Access::read)),
               "needs no grant"));
    CHECK(says(refusal(site->grant_access(repo("alice/site"), login("acme"), Access::read)), "acme/TEAM"));
    CHECK(says(refusal(site->grant_access(repo("alice/site"), login("bob"), Access::none)), "read, write"));
}

TEST_CASE("reach lists every way once, by the rule that decides") {
    RegistrySite site;
    must(site->add_team(team("acme/devs")));
    must(site->create_repository(repo("acme/a"), false));
    must(site->create_repository(repo("acme/b"), false));
    must(site->create_repository(repo("acme/off"), false));
    must(site->create_repository(repo("bob/mine"), false));
    must(site->create_repository(repo("alice/open"), true));
    must(site->disable_repository(repo("acme/off")));
    must(site->add_team_member(team("acme/devs"), login("bob")));
    for (const char* path : {"acme/a", "acme/b", "acme/off"}) {
        must(site->grant_access(repo(path), team("acme/devs"), Access::write));
    }
    must(site->grant_access(repo("acme/a"), login("bob"), Access::write));
    must(site->grant_access(repo("acme/b"), login("bob"), Access::read));
    must(site->grant_access(repo("alice/site"), login("bob"), Access::read));
    const auto reach_of_bob = [&] { return must(site->review_account(login("bob"))).repositories; };
    CHECK(reach_text(reach_of_bob()) ==
          "acme/a write collaborator\n"
          "acme/b write team\n"
          "Alice/site read collaborator\n"
          "bob/mine admin owner\n");
    must(site->set_org_member(login("acme"), login("bob"), OrgRole::owner));
    CHECK(reach_text(reach_of_bob()).starts_with("acme/a admin organization\n"));

    // What is listed is what decide() decides.
    const auto key = must(site->add_key(login("bob"), make_key(1), {"", std::nullopt}));
    Directory directory = site.directory();
    const auto known = must(directory.find_key(make_key(1), test_now));
    const auto principal = Principal::make(Proof::from_administrator(key.fingerprint), *known);
    for (const ReachRecord& one : must(site->list_reach(key))) {
        const auto found = must(directory.find_repository(one.repository.path));
        const auto permission = must(directory.find_permission(std::get<User>(known->holder).id, *found));
        const Decision decision = decide(*principal, Service::upload_pack, found, permission);
        REQUIRE(allowed(decision));
        CHECK(std::get<Allow>(decision).because == one.because);
        CHECK(allowed(decide(*principal, Service::receive_pack, found, permission)) ==
              (one.access >= Access::write));
    }
    must(site->suspend_account(login("bob")));
    CHECK(reach_text(reach_of_bob()).empty());
}

TEST_CASE("the reach of a deploy key is its repository; that of a dead key is nothing") {
    RegistrySite site;
    const auto key = must(site->add_deploy_key(repo("alice/site"), make_key(1), true, {"", std::nullopt}));
    CHECK(reach_text(must(site->list_reach(key))) == "Alice/site write deploy-key\n");
    const auto revoked = must(site->revoke_key(make_key(1).fingerprint()));
    CHECK(must(site->list_reach(revoked)).empty());
}
