// What is granted, refused and signed, asked over a real socket.
#include "authz/service/authorizer.h"

#include "authz/base/ssh_fields.h"
#include "tests/unit/authz/service/fixture.h"

using namespace gerve;
using namespace gerve::testing;

namespace {

std::string in_environment(const Open& open, std::string_view name) {
    for (const auto& [key, value] : open.env) {
        if (key == name) return value;
    }
    return "(not set)";
}

}  // namespace

TEST_CASE("an owner is granted with a ticket for one operation, at the price of no permission query") {
    const Site site;
    auto client = site.client();
    const auto request = ask_access(must_find(client, 1).handle, Service::receive_pack, "ALICE/site");
    const auto answer = must(client.ask(request));
    const auto& granted = std::get<Granted>(answer);
    CHECK(granted.because == Rule::owner);
    CHECK(granted.repo.text() == "Alice/Site");
    CHECK(granted.notice.empty());
    REQUIRE(granted.destinations.size() == 1);
    CHECK(granted.destinations[0].server.text() == "local");
    CHECK(granted.destinations[0].endpoint.text() == "unix:/run/agent.sock");

    const auto open = must(parse_open(granted.destinations[0].open));
    CHECK(is_signed_by(open, site.key));
    CHECK(open.key_id == site.key.id());
    CHECK(open.open.service == Service::receive_pack);
    CHECK(open.open.owner == "Alice");
    CHECK(open.open.storage_path == "Alice/Site.git");
    CHECK(open.open.audience == "local");
    CHECK(open.open.git_protocol == "version=2");
    CHECK(open.open.request_id == request.request.bytes());
    CHECK(open.open.repo_id == 1);
    CHECK(std::abs(open.open.time - unix_now()) < 10'000);
    CHECK(in_environment(open.open, "GERVE_USER") == "Alice");
    CHECK(in_environment(open.open, "GERVE_USER_ID") == "1");
    CHECK(in_environment(open.open, "GERVE_KEY") == make_key(1).fingerprint().text());
    CHECK(in_environment(open.open, "GERVE_REPO") == "Alice/Site");
    CHECK(in_environment(open.open, "GERVE_REQUEST_ID") == request.request.text());
    CHECK(in_environment(open.open, "GERVE_REMOTE_ADDR") == "192.0.2.7");
    CHECK(in_environment(open.open, "GERVE_PROTOCOL") == "ssh");

    CHECK(site.asked(Query::key) == 1);
    CHECK(site.asked(Query::repository) == 1);
    CHECK(site.asked(Query::permission) == 0);
    CHECK(site.asked(Query::route) == 1);
}

TEST_CASE("what an organisation asks of logins is decided by the facts of the login, at no further query") {
    Site site;
    Registry registry = site.store.registry();
    must(registry.add_account(login("acme"), AccountKind::organization));
    must(registry.create_repository(repo("acme/site"), false));
    must(registry.set_org_member(login("acme"), login("alice"), OrgRole::owner));
    must(registry.change_policy(login("acme"), {.post_quantum = true, .touch = AskedFor::pushes}));
    auto client = site.client();
    const std::string handle = must_find(client, 1).handle;
    const auto ask = [&](Service service, std::string exchange, std::optional<SecurityKeyUse> use) {
        ClientContext context = from_gateway();
        context.key_exchange = std::move(exchange);
        context.security_key = use;
        return must(client.ask(ask_access(handle, service, "acme/site", context)));
    };
    const SecurityKeyUse touched{SecurityKeyUse::user_present, 1};
    const auto old = std::get<Refused>(ask(Service::upload_pack, "curve25519-sha256", touched));
    CHECK(old.because == Rule::post_quantum_required);
    CHECK(old.exit == ExitStatus::refused);
    CHECK(old.told.find("OpenSSH 9.0") != std::string::npos);
    CHECK(std::holds_alternative<Granted>(ask(Service::upload_pack, "mlkem768x25519-sha256", {})));
    const auto untouched = std::get<Refused>(ask(Service::receive_pack, "mlkem768x25519-sha256", {}));
    CHECK(untouched.because == Rule::touch_required);
    CHECK(std::holds_alternative<Granted>(ask(Service::receive_pack, "mlkem768x25519-sha256", touched)));
    CHECK(site.asked(Query::key) == 1);
    CHECK(site.asked(Query::repository) == 4);
    CHECK(site.asked(Query::permission) == 4);
    // Whoever may not read the repository is told nothing of the policy.
    const std::string bobs = must_find(client, 2).handle;
    const auto hidden =
        std::get<Refused>(must(client.ask(ask_access(bobs, Service::upload_pack, "acme/site"))));
    CHECK(hidden.told == "ERROR: Repository not found.\n");
}

TEST_CASE("a session of Mercurial that a policy lets only read, reads, and says so to whoever would write") {
    Site site;
    Registry registry = site.store.registry();
    must(registry.add_account(login("acme"), AccountKind::organization));
    must(registry.create_repository(repo("acme/old"), false, RepositoryKind::hg));
    must(registry.set_org_member(login("acme"), login("alice"), OrgRole::owner));
    auto client = site.client();
    const std::string handle = must_find(client, 1).handle;
    const auto ask = [&](std::optional<SecurityKeyUse> use) {
        ClientContext context = from_gateway();
        context.security_key = use;
        return must(client.ask(ask_access(handle, Service::hg_read, "acme/old", context)));
    };
    const auto open_of = [](const Authorization& answer) {
        return must(parse_open(std::get<Granted>(answer).destinations.at(0).open)).open;
    };
    must(registry.change_policy(login("acme"), {.touch = AskedFor::pushes}));
    const Authorization reads = ask({});
    CHECK_FALSE(std::get<Granted>(reads).service.has_value());
    CHECK(open_of(reads).service == Service::hg_read);
    CHECK(open_of(reads).write_refusal ==
          "ERROR: acme requires the touch of a security key to push. Log in with a key made by: ssh-keygen "
          "-t ed25519-sk");
    const Authorization writes = ask(SecurityKeyUse{SecurityKeyUse::user_present, 1});
    CHECK(std::get<Granted>(writes).service == Service::hg_write);
    CHECK(open_of(writes).service == Service::hg_write);
    CHECK(open_of(writes).write_refusal.empty());
    must(registry.change_policy(login("acme"), {.touch = AskedFor::everything}));
    CHECK(std::get<Refused>(ask({})).because == Rule::touch_required);
}

TEST_CASE("sshd is told what to insist on, and what it insists on is what counts") {
    Site site;
    Registry registry = site.store.registry();
    must(registry.add_account(login("acme"), AccountKind::organization));
    must(registry.create_repository(repo("acme/site"), false));
    must(registry.set_org_member(login("acme"), login("alice"), OrgRole::owner));
    std::string blob;
    for (const std::string& field :
         {std::string("sk-ssh-ed25519@openssh.com"), std::string(32, 'k'), std::string("ssh:")})
        put_field(blob, field);
    const PublicKey token = must(PublicKey::parse_blob(blob));
    must(registry.add_key(login("alice"), token, {"", std::nullopt, true, false, true}));
    auto client = site.client();
    const auto find = [&](bool takes_options = true) {
        return *must(client.ask(KeyRequest{token, "git", false, from_sshd(), false, takes_options}));
    };
    const auto refusal = [&](const KeyFound& found) -> std::optional<Rule> {
        const auto answer =
            must(client.ask(ask_access(found.handle, Service::receive_pack, "acme/site", from_sshd())));
        const auto* refused = std::get_if<Refused>(&answer);
        return refused == nullptr ? std::nullopt : std::optional(refused->because);
    };
    const KeyFound before = find();
    CHECK(before.no_touch_required);
    CHECK_FALSE(before.verify_required);
    CHECK(refusal(before) == std::nullopt);
    must(registry.change_policy(login("acme"), {.touch = AskedFor::pushes}));
    CHECK(refusal(before) == Rule::touch_required);
    const KeyFound touched = find();
    CHECK_FALSE(touched.no_touch_required);
    CHECK_FALSE(touched.verify_required);
    CHECK(refusal(touched) == std::nullopt);
    must(registry.change_policy(login("acme"), {.pin = AskedFor::pushes}));
    CHECK(refusal(touched) == Rule::pin_required);
    const KeyFound verified = find();
    CHECK(verified.verify_required);
    CHECK(refusal(verified) == std::nullopt);
    // A helper that writes no options has sshd check the touch alone.
    const KeyFound of_old = find(false);
    CHECK_FALSE(of_old.verify_required);
    CHECK_FALSE(of_old.no_touch_required);
    CHECK(refusal(of_old) == Rule::pin_required);
}

TEST_CASE("a collaborator costs one permission query, and is refused a push without a route query") {
    const Site site;
    auto client = site.client();
    const std::string handle = must_find(client, 2).handle;
    CHECK(std::get<Granted>(must(client.ask(ask_access(handle)))).because == Rule::collaborator);
    CHECK(site.asked(Query::permission) == 1);
    const auto refused = std::get<Refused>(must(client.ask(ask_access(handle, Service::receive_pack))));
    CHECK(refused.told == "ERROR: Permission to Alice/Site denied to bob.\n");
    CHECK(refused.exit == ExitStatus::refused);
    CHECK(refused.because == Rule::no_write_access);
    CHECK(site.asked(Query::permission) == 2);
    CHECK(site.asked(Query::route) == 1);
}

TEST_CASE("a deploy key's hooks learn that it is one") {
    const Site site;
    auto client = site.client();
    const auto answer = must(client.ask(ask_access(must_find(client, 3).handle)));
    const auto& granted = std::get<Granted>(answer);
    CHECK(granted.because == Rule::deploy_key);
    const auto open = must(parse_open(granted.destinations.at(0).open));
    CHECK(in_environment(open.open, "GERVE_USER") == "deploy-key");
    CHECK(in_environment(open.open, "GERVE_USER_ID").empty());
}

TEST_CASE("each endpoint has a ticket of its own; a git daemon has none, and serves fetches alone") {
    Site site;
    must(site.store.registry().add_server(
        *ServerName::parse("fs1"),
        {*Endpoint::parse("a:1"), *Endpoint::parse("b:1"), *Endpoint::parse("git://c:9418")}));
    auto client = site.client();
    const std::string handle = must_find(client, 1).handle;
    // Servers were added, and none is alice's: nobody knows where her repositories are.
    CHECK(kind_of(client.ask(ask_access(handle))) == ErrorKind::unavailable);
    must(site.store.registry().set_route(login("alice"), *ServerName::parse("fs1")));
    const auto fetch = std::get<Granted>(must(client.ask(ask_access(handle))));
    REQUIRE(fetch.destinations.size() == 3);
    const auto first = must(parse_open(fetch.destinations[0].open));
    const auto second = must(parse_open(fetch.destinations[1].open));
    CHECK(first.open.nonce != second.open.nonce);
    CHECK(first.open.audience == "fs1");
    CHECK(fetch.destinations[2].open.empty());
    CHECK(
        std::get<Granted>(must(client.ask(ask_access(handle, Service::receive_pack)))).destinations.size() ==
        2);
    must(site.store.registry().set_endpoints(*ServerName::parse("fs1"), {*Endpoint::parse("git://c:9418")}));
    const auto refused = std::get<Refused>(must(client.ask(ask_access(handle, Service::receive_pack))));
    CHECK(refused.because == Rule::fetch_only_server);
    CHECK(refused.told.find("can only be fetched") != std::string::npos);
}

TEST_CASE("who may read a moved repository is told where it went; who may not, that there is none") {
    Site site;
    must(site.store.registry().rename_repository(repo("alice/site"), repo("alice/web")));
    auto client = site.client();
    const auto granted = std::get<Granted>(must(client.ask(ask_access(must_find(client, 2).handle))));
    CHECK(granted.repo.text() == "Alice/web");
    CHECK(granted.notice == "remote: alice/site has moved to Alice/web\n");
    must(site.store.registry().revoke_access(repo("alice/web"), login("bob")));
    const auto refused = std::get<Refused>(must(client.ask(ask_access(must_find(client, 2).handle))));
    CHECK(refused.told == messages::repository_not_found());
}

TEST_CASE("an address that is no address cannot forge what a hook reads") {
    const Site site;
    auto client = site.client();
    ClientContext context = from_gateway();
    context.address = std::string("1.2.3.4\nGERVE_USER=root\0", 24);
    const auto found = must_find(client, 1, context);
    const auto granted = std::get<Granted>(
        must(client.ask(ask_access(found.handle, Service::upload_pack, "alice/site", context))));
    const auto open = must(parse_open(granted.destinations.at(0).open));
    CHECK(in_environment(open.open, "GERVE_REMOTE_ADDR") == "1.2.3.4\\x0aGERVE_USER=root\\x00");
    CHECK(in_environment(open.open, "GERVE_USER") == "Alice");
}

TEST_CASE("a handle serves the connection and the kind of peer that it was given to, and no other") {
    const Site site;
    auto client = site.client();
    const std::string handle = must_find(client, 1).handle;
    CHECK(kind_of(client.ask(ask_access(handle, Service::upload_pack, "alice/site", from_gateway("c2")))) ==
          ErrorKind::internal);
    CHECK(kind_of(client.ask(ask_access(handle, Service::upload_pack, "alice/site", from_sshd()))) ==
          ErrorKind::internal);
    CHECK(kind_of(client.ask(make_report(handle, from_gateway("c2")))) == ErrorKind::internal);
    const std::string sshd = must_find(client, 1, from_sshd()).handle;
    CHECK(kind_of(client.ask(ask_access(sshd))) == ErrorKind::internal);
    CHECK(std::holds_alternative<Granted>(
        must(client.ask(ask_access(sshd, Service::upload_pack, "alice/site", from_sshd())))));
    // The user that the forced command runs as is not the one whom sshd let in.
    KeyRequest other = ask_key(1, from_sshd());
    other.login = "someone";
    const auto elsewhere = must(client.ask(other));
    CHECK(kind_of(client.ask(ask_access(elsewhere->handle, Service::upload_pack, "alice/site",
                                        from_sshd()))) == ErrorKind::internal);
}

TEST_CASE("what was never sealed here is stale: look the key up again") {
    const Site site;
    auto client = site.client();
    const KnownKey alice{KeyId{1}, make_key(1).fingerprint(), User{AccountId{1}, login("Alice")}};
    const std::string foreign =
        HandleSeal(TicketKey::make()).seal({alice, PeerKind::worker, "connection c1", monotonic_now()});
    for (const std::string& handle : {foreign, std::string(), std::string("AAAA"), std::string("!")}) {
        CHECK(std::holds_alternative<StaleHandle>(must(client.ask(ask_access(handle)))));
    }
    CHECK(site.asked(Query::repository) == 0);
}

TEST_CASE("a worker's handle goes stale after seconds, and one from the future is stale") {
    const Site site;
    auto client = site.client();
    const HandleSeal seal(site.key);
    const KnownKey alice{KeyId{1}, make_key(1).fingerprint(), User{AccountId{1}, login("Alice")}};
    const auto answer_at_age = [&](std::int64_t age) {
        const Handle handle{alice, PeerKind::worker, "connection c1", monotonic_now() - age};
        return must(client.ask(ask_access(seal.seal(handle))));
    };
    CHECK(std::holds_alternative<Granted>(answer_at_age(9'000)));
    CHECK(std::holds_alternative<StaleHandle>(answer_at_age(10'001)));
    CHECK(std::holds_alternative<StaleHandle>(answer_at_age(-5'000)));
}

TEST_CASE("sshd's handle lives longer, but the key behind it is looked up again") {
    Site site;
    auto client = site.client();
    const HandleSeal seal(site.key);
    const KnownKey bob{KeyId{2}, make_key(2).fingerprint(), User{AccountId{2}, login("bob")}};
    const auto answer_at_age = [&](std::int64_t age) {
        const Handle handle{bob, PeerKind::authorized_keys, "login git", monotonic_now() - age};
        return must(
            client.ask(ask_access(seal.seal(handle), Service::upload_pack, "alice/site", from_sshd())));
    };
    CHECK(std::holds_alternative<Granted>(answer_at_age(100)));
    CHECK(site.asked(Query::key) == 0);
    CHECK(std::holds_alternative<Granted>(answer_at_age(100'000)));
    CHECK(site.asked(Query::key) == 1);
    // Between three minutes and this, root's process that started this one could be the sshd of a login that
    // began then.
    CHECK(std::holds_alternative<StaleHandle>(answer_at_age(100'000'000)));
    must(site.store.registry().suspend_account(login("bob")));
    CHECK(std::get<Refused>(answer_at_age(100'000)).because == Rule::suspended);
    must(site.store.registry().revoke_key(make_key(2).fingerprint()));
    CHECK(std::holds_alternative<StaleHandle>(answer_at_age(100'000)));
}

TEST_CASE("a forced command learns whom it serves, however old its handle, until the key is live no more") {
    Site site;
    auto client = site.client();
    const HandleSeal seal(site.key);
    const KnownKey bob{KeyId{2}, make_key(2).fingerprint(), User{AccountId{2}, login("bob")}};
    const auto holder_at_age = [&](std::int64_t age, const std::string& bound = "login git") {
        const Handle handle{bob, PeerKind::authorized_keys, bound, monotonic_now() - age};
        return client.ask(HolderRequest{seal.seal(handle), from_sshd()});
    };
    CHECK(must(holder_at_age(100))->key.fingerprint == bob.fingerprint);
    CHECK(must(holder_at_age(3'600'000))->key.fingerprint == bob.fingerprint);
    CHECK(kind_of(holder_at_age(100, "login joe")) == ErrorKind::internal);
    CHECK_FALSE(must(client.ask(HolderRequest{"bm8gaGFuZGxl", from_sshd()})).has_value());
    must(site.store.registry().suspend_account(login("bob")));
    CHECK(std::get<User>(must(holder_at_age(100'000))->key.holder).suspended);
    must(site.store.registry().revoke_key(make_key(2).fingerprint()));
    CHECK_FALSE(must(holder_at_age(100'000)).has_value());
}
