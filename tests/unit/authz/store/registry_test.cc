#include "authz/base/text.h"
#include "tests/unit/authz/store/registry_site.h"

using namespace gerve;
using namespace gerve::testing;

TEST_CASE("accounts: one name, whatever its case and kind") {
    RegistrySite site;
    CHECK(says(refusal(site->add_account(login("ALICE"), AccountKind::organization)), "a user called Alice"));
    CHECK(says(refusal(site->add_account(login("Acme"), AccountKind::user)), "an organisation called acme"));
    CHECK(must(site->add_account(login("ALICE"), AccountKind::user)).was_there);
    const auto accounts = must(site->list_accounts());
    REQUIRE(accounts.size() == 3);
    CHECK(accounts[0].login.text() == "acme");
    CHECK(accounts[0].kind == AccountKind::organization);
    CHECK(accounts[1].login.text() == "Alice");
    CHECK(accounts[1].created == test_now);
    CHECK(says(refusal(site->show_account(login("carol"))), "gerve user add"));
}

TEST_CASE("accounts: suspended and back, each once") {
    RegistrySite site;
    must(site->suspend_account(login("bob")));
    CHECK(must(site->show_account(login("bob"))).suspended == test_now);
    CHECK(says(refusal(site->suspend_account(login("bob"))), "already"));
    must(site->unsuspend_account(login("bob")));
    CHECK_FALSE(must(site->show_account(login("bob"))).suspended.has_value());
    CHECK(says(refusal(site->unsuspend_account(login("bob"))), "not suspended"));
    CHECK(says(refusal(site->suspend_account(login("acme"))), "is an organisation"));
}

TEST_CASE("teams belong to organisations, and their members to both") {
    RegistrySite site;
    CHECK(says(refusal(site->add_team(team("alice/devs"))), "not an organisation"));
    must(site->add_team(team("acme/Devs")));
    CHECK(must(site->add_team(team("acme/devs"))) == Outcome::already);
    CHECK(says(refusal(site->add_team_member(team("acme/ops"), login("bob"))), "gerve team add"));
    CHECK(says(refusal(site->add_team_member(team("acme/devs"), login("acme"))), "not a user"));
    must(site->add_team_member(team("acme/devs"), login("bob")));
    CHECK(must(site->add_team_member(team("acme/devs"), login("bob"))) == Outcome::already);
    const auto members = must(site->list_org_members(login("acme")));
    REQUIRE(members.size() == 1);
    CHECK(members[0].login.text() == "bob");
    CHECK(members[0].role == OrgRole::member);
    const auto teams = must(site->list_teams(login("acme")));
    REQUIRE(teams.size() == 1);
    CHECK(teams[0].path.text() == "acme/Devs");
    CHECK(teams[0].members == std::vector{login("bob")});
    must(site->remove_org_member(login("acme"), login("bob")));
    CHECK(must(site->list_teams(login("acme")))[0].members.empty());
    CHECK(says(refusal(site->remove_org_member(login("acme"), login("bob"))), "not a member"));
    CHECK(says(refusal(site->remove_team_member(team("acme/devs"), login("bob"))), "not a member"));
}

TEST_CASE("joining a team does not take an owner's role") {
    RegistrySite site;
    must(site->add_team(team("acme/devs")));
    must(site->set_org_member(login("acme"), login("bob"), OrgRole::owner));
    must(site->add_team_member(team("acme/devs"), login("bob")));
    CHECK(must(site->list_org_members(login("acme")))[0].role == OrgRole::owner);
    CHECK(must(site->set_org_member(login("acme"), login("bob"), OrgRole::member)) == Outcome::done);
    CHECK(must(site->list_org_members(login("acme")))[0].role == OrgRole::member);
    CHECK(must(site->set_org_member(login("acme"), login("bob"), OrgRole::member)) == Outcome::already);
}

TEST_CASE("keys: added, listed, shown and revoked for good") {
    RegistrySite site;
    const auto added = must(site->add_key(login("alice"), make_key(1, "alice@laptop"), {"", std::nullopt}));
    CHECK(added.title == "alice@laptop");
    CHECK(added.algorithm == "ssh-ed25519");
    CHECK(added.bits == 256);
    CHECK(added.public_key == make_key(1).text());
    CHECK(added.state(test_now) == "live");
    must(site->add_key(login("alice"), make_key(2), {"M\xc3\xbcnchen", test_now + 5}));
    must(site->add_key(login("bob"), make_key(3), {"", std::nullopt}));
    CHECK(must(site->list_keys()).size() == 3);
    const auto keys = must(site->list_keys(login("alice")));
    REQUIRE(keys.size() == 2);
    CHECK(keys[1].title == "M\xc3\xbcnchen");
    CHECK(keys[1].expires == test_now + 5);
    CHECK(keys[1].state(test_now + 4) == "live");
    CHECK(keys[1].state(test_now + 5) == "expired");

    CHECK(must(site->revoke_key(make_key(1).fingerprint())).revoked == test_now);
    CHECK(must(site->show_key(make_key(1).fingerprint())).state(test_now) == "revoked");
    CHECK(says(refusal(site->revoke_key(make_key(1).fingerprint())), "already revoked on 2023-11-14"));
    CHECK(says(refusal(site->show_key(make_key(9).fingerprint())), "gerve key list"));
    must(site->suspend_account(login("bob")));
    CHECK(must(site->show_key(make_key(3).fingerprint())).state(test_now) == "suspended");
}

namespace {

// What the audit trail writes into the tables when somebody logs in by a key.
void log_in(RegistrySite& site, const KeyRecord& key) {
    site.by_hand("INSERT INTO key_last_used (key_id, used_at, address) VALUES (" +
                 std::to_string(number_of(key.id)) + ", 1, '::1')");
}

std::string event_of(const PublicKey& key, const std::string& kind, const std::string& account) {
    static int seq = 0;
    return "INSERT INTO audit_events (chain, seq, happened_at, gateway, kind, denied, fingerprint, account, "
           "body)"
           " VALUES (X'00112233445566778899aabbccddeeff', " +
           std::to_string(++seq) + ", 1, 'g', '" + kind + "', 0, X'" + to_hex(key.fingerprint().bytes()) +
           "', " + account + ", '{}')";
}

}  // namespace

TEST_CASE("a revoked key comes back when nobody ever logged in by it, and to anyone") {
    RegistrySite site;
    const KeyRecord first = must(site->add_key(login("bob"), make_key(1), {"", std::nullopt}));
    must(site->revoke_key(make_key(1).fingerprint()));
    // Whoever offers it, or signs by it while it is revoked, has not logged in; and the commands are on
    // record too.
    for (const char* kind : {"offered", "proven", "admin", "refused"})
        site.by_hand(event_of(make_key(1), kind, "NULL"));
    site.by_hand(event_of(make_key(1), "admin", "'bob'"));
    const auto second = must(site->add_key(login("alice"), make_key(1), {"laptop", std::nullopt}));
    CHECK_FALSE(second.was_there);
    CHECK(second.state(test_now) == "live");
    CHECK(second.id != first.id);
    CHECK(std::get<User>(second.holder).login.text() == "Alice");
    CHECK(must(site->list_keys(login("bob"))).empty());
    must(site->revoke_key(make_key(1).fingerprint()));
    CHECK(must(site->add_deploy_key(repo("alice/site"), make_key(1), true, {})).title == "");
    must(site->revoke_key(make_key(1).fingerprint()));
    CHECK(std::holds_alternative<User>(must(site->add_key(login("bob"), make_key(1), {})).holder));
}

TEST_CASE("a key that somebody logged in by stays revoked") {
    RegistrySite site;
    const KeyRecord key = must(site->add_key(login("bob"), make_key(1), {"", std::nullopt}));
    SUBCASE("by its last use") {
        log_in(site, key);
    }
    SUBCASE("by an event, the last use gone") {
        site.by_hand(event_of(make_key(1), "proven", "'bob'"));
    }
    SUBCASE("by a decision") {
        site.by_hand(event_of(make_key(1), "decision", "'bob'"));
    }
    must(site->revoke_key(make_key(1).fingerprint()));
    CHECK(says(refusal(site->add_key(login("bob"), make_key(1), {})), "cannot be added again"));
    CHECK(says(refusal(site->add_deploy_key(repo("alice/site"), make_key(1), true, {})), "used to log in"));
    CHECK(must(site->show_key(make_key(1).fingerprint())).id == key.id);
}

TEST_CASE("where logins are not recorded, a revoked key stays revoked") {
    RegistrySite site;
    must(site->add_key(login("bob"), make_key(1), {"", std::nullopt}));
    must(site->revoke_key(make_key(1).fingerprint()));
    CHECK(says(refusal(site->add_key(login("bob"), make_key(1), {"", std::nullopt, false})),
               "audit trail is off"));
}

TEST_CASE("a key that is there as it is to be is no error; with other properties it is, with the remedy") {
    RegistrySite site;
    must(site->add_key(login("bob"), make_key(1), {"laptop", test_now + 500}));
    CHECK(must(site->add_key(login("bob"), make_key(1), {"laptop", test_now + 500})).was_there);
    CHECK(must(site->add_key(login("BOB"), make_key(1), {"", test_now + 500})).was_there);
    CHECK(says(refusal(site->add_key(login("bob"), make_key(1), {"desk", test_now + 500})), "\"laptop\""));
    CHECK(says(refusal(site->add_key(login("bob"), make_key(1), {})), "gerve key extend SHA256:"));
    must(site->add_deploy_key(repo("alice/site"), make_key(2), true, {}));
    CHECK(must(site->add_deploy_key(repo("alice/site"), make_key(2), true, {})).was_there);
    CHECK(says(refusal(site->add_deploy_key(repo("alice/site"), make_key(2), false, {})), "it may push"));
    CHECK(says(refusal(site->add_key(login("alice"), make_key(1), {})), "gerve key move SHA256:"));
    CHECK(must(site->list_keys()).size() == 2);
}

TEST_CASE("a key goes to another user, and takes nothing of the old holder along") {
    RegistrySite site;
    const KeyRecord key = must(site->add_key(login("bob"), make_key(1), {"laptop", test_now + 500}));
    log_in(site, key);
    const KeyMove moved = must(site->move_key(make_key(1).fingerprint(), login("alice")));
    CHECK(std::get<User>(moved.before.holder).login.text() == "bob");
    CHECK(std::get<User>(moved.after.holder).login.text() == "Alice");
    CHECK(moved.after.title == "laptop");
    CHECK(moved.after.expires == test_now + 500);
    CHECK(must(site->list_keys(login("bob"))).empty());
    const KeyMove again = must(site->move_key(make_key(1).fingerprint(), login("alice")));
    CHECK(std::get<User>(again.before.holder).login.text() == "Alice");
    CHECK(says(refusal(site->move_key(make_key(1).fingerprint(), login("acme"))), "not a user"));
    CHECK(says(refusal(site->move_key(make_key(1).fingerprint(), login("carol"))), "no account"));
    CHECK(says(refusal(site->move_key(make_key(9).fingerprint(), login("bob"))), "no key"));
    must(site->add_deploy_key(repo("alice/site"), make_key(2), true, {}));
    CHECK(std::holds_alternative<User>(
        must(site->move_key(make_key(2).fingerprint(), login("bob"))).after.holder));
    CHECK(must(site->list_deploy_keys(repo("alice/site"))).empty());
    must(site->revoke_key(make_key(1).fingerprint()));
    CHECK(says(refusal(site->move_key(make_key(1).fingerprint(), login("bob"))), "was revoked on"));
}

TEST_CASE("a key gets another end, an expired one is live again, a revoked one not") {
    RegistrySite site;
    const Fingerprint key = make_key(1).fingerprint();
    must(site->add_key(login("bob"), make_key(1), {"", test_now + 5}));
    test_now += 10;
    CHECK(must(site->show_key(key)).state(test_now) == "expired");
    CHECK(says(refusal(site->add_key(login("bob"), make_key(1), {"", test_now + 90})),
               "gerve key extend SHA256:"));
    CHECK(must(site->extend_key(key, test_now + 90)).state(test_now) == "live");
    CHECK(must(site->extend_key(key, test_now + 90)).was_there);
    CHECK_FALSE(must(site->extend_key(key, std::nullopt)).expires.has_value());
    CHECK(must(site->extend_key(key, std::nullopt)).was_there);
    CHECK_FALSE(must(site->show_key(key)).expires.has_value());
    CHECK(says(refusal(site->extend_key(key, test_now)), "in the past"));
    must(site->revoke_key(key));
    CHECK(says(refusal(site->extend_key(key, test_now + 90)), "was revoked on"));
    test_now -= 10;
}

TEST_CASE("a comment is kept as it was given, as far as a column of text takes it") {
    RegistrySite site;
    const auto title_of = [&](unsigned n, const std::string& comment) {
        return must(site->add_key(login("bob"), make_key(n, comment), {})).title;
    };
    CHECK(title_of(1, "Zo\xc3\xab@Zo\xc3\xabs-MacBook") == "Zo\xc3\xab@Zo\xc3\xabs-MacBook");
    CHECK(title_of(2, "corp\\zoe \"x\" \x1b[2J \xe2\x80\xae") == "corp\\zoe \"x\" \x1b[2J \xe2\x80\xae");
    CHECK(title_of(3, "l\xe4ptop") == "l\xef\xbf\xbdptop");
    CHECK(title_of(4, std::string(199, 'x') + "\xc3\xab") == std::string(199, 'x'));
    CHECK(title_of(5, std::string(300, 'x')) == std::string(200, 'x'));
    CHECK(title_of(6, "\xf0\x9f\x94\x91") == "\xf0\x9f\x94\x91");
    const auto titled = must(site->add_key(login("bob"), make_key(7), {"\xe2\x80\xae", std::nullopt}));
    CHECK(must(site->show_key(titled.fingerprint)).title == "\xe2\x80\xae");
}

TEST_CASE("a key stands once, and the refusal tells where") {
    RegistrySite site;
    must(site->add_key(login("bob"), make_key(1), {"laptop", std::nullopt}));
    CHECK(says(refusal(site->add_key(login("alice"), make_key(1), {"", std::nullopt})),
               "key already in use by bob (key 1, \"laptop\")"));
    CHECK(says(refusal(site->add_deploy_key(repo("alice/site"), make_key(1), false, {"", std::nullopt})),
               "key already in use by bob (key 1, \"laptop\")"));
    must(site->add_deploy_key(repo("alice/site"), make_key(2), true, {"ci", std::nullopt}));
    CHECK(says(refusal(site->add_key(login("bob"), make_key(2), {"", std::nullopt})),
               "key already in use by Alice/site as a deploy key"));
    const auto deploy = must(site->list_deploy_keys(repo("alice/site")));
    REQUIRE(deploy.size() == 1);
    CHECK(std::get<DeployKey>(deploy[0].holder).can_write);
    must(site->add_key(login("bob"), make_key(3), {"", test_now + 1}));
    test_now += 2;
    CHECK(says(refusal(site->add_key(login("bob"), make_key(3), {"", std::nullopt})), "expired on"));
    test_now -= 2;
}

TEST_CASE("a key is refused to an organisation, to nobody, with a bad title, with an expiry in the past") {
    RegistrySite site;
    CHECK(says(refusal(site->add_key(login("acme"), make_key(1), {"", std::nullopt})), "belong to users"));
    CHECK(says(refusal(site->add_key(login("carol"), make_key(1), {"", std::nullopt})), "no account"));
    CHECK(says(refusal(site->add_deploy_key(repo("alice/x"), make_key(1), false, {"", std::nullopt})),
               "no repository"));
    CHECK(says(refusal(site->add_key(login("bob"), make_key(1), {"", test_now})), "in the past"));
    for (const char* title : {"a\nb", "\x1b[2J", "\xc3", "\xff", "\xc2\x9bJ", "\xc0\xaf", "\x7f"}) {
        CHECK(says(refusal(site->add_key(login("bob"), make_key(1), {title, std::nullopt})),
                   "control characters"));
    }
    CHECK(says(refusal(site->add_key(login("bob"), make_key(1), {std::string(201, 't'), std::nullopt})),
               "200"));
    CHECK(must(site->list_keys()).empty());
}

TEST_CASE("the database itself refuses a key for a user and a repository at once, or for neither") {
    RegistrySite site;
    const std::string insert =
        "INSERT INTO public_keys (fingerprint, algorithm, key_blob, title, account_id, repo_id, can_write,"
        " created_at) VALUES (X'0000000000000000000000000000000000000000000000000000000000000000',"
        " 'ssh-ed25519', X'00', '', ";
    for (const char* owners : {"1, 1, 0, 0)", "NULL, NULL, 0, 0)", "99, NULL, 0, 0)", "1, NULL, 2, 0)"}) {
        const auto done = site.database().run_script(insert + owners);
        REQUIRE_FALSE(done.has_value());
        CHECK(done.error().kind == ErrorKind::client);
    }
    must(site.database().run_script(insert + "1, NULL, 0, 0)"));
    CHECK_FALSE(site.database().broken());
}

TEST_CASE("servers and routes") {
    RegistrySite site;
    CHECK(says(refusal(site->add_server(fs1, {})), "at least one endpoint"));
    CHECK(says(refusal(site->add_server(fs1, {*Endpoint::parse("a:1"), *Endpoint::parse("tcp://a:1")})),
               "twice"));
    must(site->add_server(fs1, {*Endpoint::parse("a:1"), *Endpoint::parse("b:1")}));
    CHECK(says(refusal(site->add_server(fs1, {*Endpoint::parse("c:1")})), "already a server"));
    CHECK(must(site->add_server(fs1, {*Endpoint::parse("tcp://a:1"), *Endpoint::parse("b:1")})).was_there);
    CHECK(says(refusal(site->add_server(fs1, {*Endpoint::parse("b:1"), *Endpoint::parse("a:1")})),
               "gerve server set"));
    must(site->set_endpoints(fs1, {*Endpoint::parse("c:1"), *Endpoint::parse("a:1")}));
    CHECK(says(refusal(site->set_endpoints(fs2, {*Endpoint::parse("c:1")})), "gerve server add"));
    const auto servers = must(site->list_servers());
    REQUIRE(servers.size() == 1);
    REQUIRE(servers[0].endpoints.size() == 2);
    CHECK(servers[0].endpoints[0].text() == "c:1");
    CHECK(says(refusal(site->set_route(login("alice"), fs2)), "gerve server add"));
    CHECK(says(refusal(site->set_route(login("carol"), fs1)), "no account"));
    CHECK(must(site->set_route(login("alice"), fs1)) == Outcome::done);
    CHECK(must(site->set_route(login("alice"), fs1)) == Outcome::already);
    const auto routes = must(site->list_routes());
    REQUIRE(routes.size() == 1);
    CHECK(routes[0].owner.text() == "Alice");
    CHECK(routes[0].server == fs1);
    CHECK(says(refusal(site->remove_server(fs1)), "repositories of Alice"));
    must(site->remove_route(login("alice")));
    CHECK(says(refusal(site->remove_route(login("alice"))), "no route"));
    must(site->remove_server(fs1));
    CHECK(must(site->list_servers()).empty());
}

TEST_CASE("a change that is refused half-way leaves nothing behind") {
    RegistrySite site;
    must(site->create_repository(repo("bob/site"), false));
    must(site->grant_access(repo("alice/site"), login("bob"), Access::read));
    (void)refusal(site->rename_repository(repo("alice/site"), repo("bob/site")));
    CHECK(must(site->list_access(repo("alice/site"))).size() == 1);
}

TEST_CASE("two connections: what one commits the other sees, and nothing before") {
    RegistrySite site;
    const auto other = site.connect();
    Registry registry(*other);
    {
        auto transaction = Transaction::begin(site.database());
        REQUIRE(transaction.has_value());
        must(site->suspend_account(login("bob")));
        CHECK_FALSE(must(registry.show_account(login("bob"))).suspended.has_value());
    }
    CHECK_FALSE(must(site->show_account(login("bob"))).suspended.has_value());
    must(site->suspend_account(login("bob")));
    CHECK(must(registry.show_account(login("bob"))).suspended.has_value());
}

TEST_CASE("words for levels, roles, teams and grant holders") {
    CHECK(parse_access("write") == Access::write);
    CHECK_FALSE(parse_access("none").has_value());
    CHECK_FALSE(parse_access("Write").has_value());
    CHECK(parse_org_role("owner") == OrgRole::owner);
    CHECK_FALSE(parse_org_role("boss").has_value());
    CHECK(TeamPath::parse("Acme/devs").value().text() == "Acme/devs");
    for (const char* bad : {"", "acme", "acme/", "/devs", "a/b/c", "acme/-x"})
        CHECK_FALSE(TeamPath::parse(bad));
    CHECK(std::holds_alternative<Login>(parse_grant_holder("bob").value()));
    CHECK(std::holds_alternative<TeamPath>(parse_grant_holder("acme/devs").value()));
    CHECK_FALSE(parse_grant_holder("acme/devs/x").has_value());
}
