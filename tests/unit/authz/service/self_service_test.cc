#include "authz/service/self_service.h"

#include <doctest/doctest.h>

#include "tests/unit/authz/store/fixture.h"

using namespace gerve;
using namespace gerve::testing;

namespace {

// alice owns alice/site (private) and alice/open (public); bob may read alice/site; key 3 is its deploy key.
struct Scene {
    Scene() {
        must(registry.add_account(login("Alice"), AccountKind::user));
        must(registry.add_account(login("bob"), AccountKind::user));
        must(registry.create_repository(repo("alice/site"), false));
        must(registry.create_repository(repo("alice/open"), true));
        must(registry.grant_access(repo("alice/site"), login("bob"), Access::read));
        must(registry.add_key(login("alice"), make_key(1), {"laptop", std::nullopt}));
        must(registry.add_key(login("alice"), make_key(4), {"lost", std::nullopt}));
        must(registry.revoke_key(make_key(4).fingerprint()));
        must(registry.add_key(login("bob"), make_key(2), {"", std::nullopt}));
        must(registry.add_deploy_key(repo("alice/site"), make_key(3), false, {"robot", std::nullopt}));
    }

    SelfAnswer ask(unsigned key, std::string_view exec) {
        Directory directory = store.directory();
        KnownKey known = *must(directory.find_key(make_key(key), unix_now()));
        const Proof proof = Proof::from_sealed_handle(known.fingerprint);
        const auto question = *parse_self_question(exec);
        return must(answer_self(directory, *Principal::make(proof, std::move(known)), *question, LoginFacts{},
                                unix_now()));
    }
    void check(unsigned key, std::string_view exec, const std::string& out) {
        CAPTURE(exec);
        const SelfAnswer answer = ask(key, exec);
        CHECK(answer.out == out);
        CHECK(answer.err.empty());
        CHECK(answer.exit == (out.starts_with("You may not") ? 1 : 0));
    }

    Store store;
    Registry registry = store.registry();
};

}  // namespace

TEST_CASE("who one is: an account, or a deploy key") {
    Scene scene;
    scene.check(1, "whoami", "You are Alice.\nYour key is " + make_key(1).fingerprint().text() + ".\n");
    scene.check(3, "whoami",
                "You are a deploy key of Alice/site, which may read.\nYour key is " +
                    make_key(3).fingerprint().text() + ".\n");
}

TEST_CASE("why: the rule that decides, for reading and for pushing") {
    Scene scene;
    scene.check(1, "why alice/site push", "You may push to Alice/site: you own it (rule owner).\n");
    scene.check(2, "why alice/site",
                "You may read Alice/site: access was given to you (rule collaborator).\n");
    scene.check(2, "why alice/site push",
                "You may not push to Alice/site: you may only read it (rule no-write-access).\n");
    scene.check(2, "why alice/open", "You may read Alice/open: everybody may read it (rule public-read).\n");
    scene.check(3, "why alice/site",
                "You may read Alice/site: your key is one of its deploy keys (rule deploy-key).\n");
    scene.check(3, "why alice/site push",
                "You may not push to Alice/site: your key may only read it (rule read-only-deploy-key).\n");
    must(scene.registry.archive_repository(repo("alice/site")));
    scene.check(1, "why alice/site push",
                "You may not push to Alice/site: it is archived and read-only (rule archived).\n");
    must(scene.registry.rename_repository(repo("alice/open"), repo("alice/free")));
    scene.check(2, "why alice/open",
                "alice/open has moved to Alice/free.\n"
                "You may read Alice/free: everybody may read it (rule public-read).\n");
}

TEST_CASE("why knows what policy does not: where the repository lies") {
    Scene scene;
    must(scene.registry.add_server(*ServerName::parse("mirror"), {*Endpoint::parse("git://127.0.0.1:9418")}));
    const SelfAnswer nowhere = scene.ask(1, "why alice/site push");
    CHECK(nowhere.out ==
          "You may push to Alice/site: you own it (rule owner).\n"
          "But no file server is set for Alice: ask the operator.\n");
    CHECK(nowhere.err == "ERROR: Gerve cannot check your access right now. Try again in a minute.\n");
    CHECK(nowhere.exit == 75);
    must(scene.registry.set_route(login("alice"), *ServerName::parse("mirror")));
    scene.check(1, "why alice/site", "You may read Alice/site: you own it (rule owner).\n");
    scene.check(1, "why alice/site push",
                "You may not push to Alice/site: its file server is a git daemon, which only serves fetches "
                "(rule fetch-only-server).\n");
    scene.check(2, "why alice/site push",
                "You may not push to Alice/site: you may only read it (rule no-write-access).\n");
}

TEST_CASE("of what one may not read, as little is said as of what is not there") {
    Scene scene;
    must(scene.registry.revoke_access(repo("alice/site"), login("bob")));
    must(scene.registry.disable_repository(repo("alice/open")));
    for (const char* exec : {"why alice/nothing", "why alice/site", "why alice/open",
                             "why nobody/nothing push", "why alice/site push", "why alice/open push"}) {
        CAPTURE(exec);
        const SelfAnswer answer = scene.ask(2, exec);
        CHECK(answer.out.empty());
        CHECK(answer.err == "ERROR: Repository not found.\n");
        CHECK(answer.exit == 1);
    }
    CHECK(scene.ask(3, "why alice/other").err == "ERROR: Repository not found.\n");
    // The same lookups, too: in each case the name and, where there is a repository, the permission.
    const auto asked = scene.store.counters.of(Query::permission);
    (void)scene.ask(2, "why alice/site");
    CHECK(scene.store.counters.of(Query::permission) == asked + 1);
    CHECK(scene.store.counters.of(Query::route) == 0);
}

TEST_CASE("the keys of an account, and of a deploy key itself alone") {
    Scene scene;
    const SelfAnswer answer = scene.ask(1, "keys");
    CHECK(answer.exit == 0);
    CHECK(answer.out.find(make_key(1).fingerprint().text() + " *") != std::string::npos);
    CHECK(answer.out.find("laptop") != std::string::npos);
    CHECK(answer.out.find(make_key(4).fingerprint().text()) != std::string::npos);
    CHECK(answer.out.find("revoked ") != std::string::npos);
    CHECK(answer.out.find("never") != std::string::npos);
    CHECK(answer.out.find(make_key(2).fingerprint().text()) == std::string::npos);
    CHECK(scene.ask(3, "keys").out == scene.ask(3, "whoami").out);
}

TEST_CASE("a title from elsewhere cannot move the cursor, and a long list is cut") {
    Scene scene;
    scene.store.by_hand(
        "UPDATE public_keys SET title = 'a"
        "\x1b"
        "[31mb'");
    CHECK(scene.ask(1, "keys").out.find('\x1b') == std::string::npos);
    for (unsigned n = 100; n < 310; ++n)
        must(scene.registry.add_key(login("bob"), make_key(n), {"", std::nullopt}));
    const SelfAnswer answer = scene.ask(2, "keys");
    CHECK(answer.out.find("There are more") != std::string::npos);
    CHECK(answer.out.size() < 60'000);
}

TEST_CASE("a suspended account is told that, whatever it asks") {
    Scene scene;
    must(scene.registry.suspend_account(login("bob")));
    for (const char* exec : {"whoami", "keys", "why alice/site"}) {
        CHECK(scene.ask(2, exec).err == "ERROR: Your account is suspended.\n");
        CHECK(scene.ask(2, exec).exit == 1);
    }
}
