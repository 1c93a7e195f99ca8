// What an organisation asks of logins, and security keys that need no touch.
#include <set>

#include "tests/unit/authz/store/registry_site.h"

using namespace gerve;
using namespace gerve::testing;

namespace {

const PublicKey security_key = *PublicKey::parse_line(
    "sk-ssh-ed25519@openssh.com "
    "AAAAGnNrLXNzaC1lZDI1NTE5QG9wZW5zc2guY29tAAAAIHdvcm"
    "Rzd29yZHN3b3Jkc3dvcmRzd29yZHN3b3Jkc3dvAAAABHNzaDo= token");

LoginPolicy policy_of(RegistrySite& site, const char* path) {
    Directory looking = site.directory();
    const auto found = must(looking.find_repository(repo(path)));
    REQUIRE(found.has_value());
    return found->policy;
}

}  // namespace

TEST_CASE("a policy is read with each repository of its organisation, by a former name as well") {
    RegistrySite site;
    must(site->add_account(login("lab"), AccountKind::organization));
    must(site->create_repository(repo("lab/tool"), false));
    CHECK(policy_of(site, "lab/tool") == LoginPolicy{});
    const PolicyChanged changed =
        must(site->change_policy(login("LAB"), {.post_quantum = true, .touch = AskedFor::pushes}));
    CHECK(changed.before == LoginPolicy{});
    CHECK(policy_of(site, "lab/tool") == changed.after);
    must(site->change_policy(login("lab"),
                             {.post_quantum = false, .pin = AskedFor::everything, .deploy_keys = true}));
    const LoginPolicy now{false, AskedFor::pushes, AskedFor::everything, true};
    CHECK(must(site->show_policy(login("lab"))) == now);
    must(site->rename_repository(repo("lab/tool"), repo("lab/box")));
    CHECK(policy_of(site, "lab/tool") == now);
    CHECK(policy_of(site, "alice/site") == LoginPolicy{});
    const auto all = must(site->list_policies());
    REQUIRE(all.size() == 1);
    CHECK(all[0].organization.text() == "lab");
    CHECK(all[0].policy == now);
}

TEST_CASE("only organisations have a policy") {
    RegistrySite site;
    CHECK_FALSE(site->change_policy(login("alice"), {.post_quantum = true}).has_value());
    CHECK_FALSE(site->show_policy(login("nobody")).has_value());
}

TEST_CASE("a policy concerns members, collaborators and repositories with a deploy key that can log in") {
    RegistrySite site;
    must(site->add_account(login("carol"), AccountKind::user));
    for (const char* name : {"acme/own", "acme/shared", "acme/former", "acme/past"})
        must(site->create_repository(repo(name), false));
    must(site->set_org_member(login("acme"), login("bob"), OrgRole::member));
    must(site->grant_access(repo("acme/shared"), login("carol"), Access::read));
    must(site->grant_access(repo("acme/shared"), login("bob"), Access::write));
    const KeyOptions live{.title = "machine"};
    must(site->add_deploy_key(repo("acme/own"), make_key(31), false, live));
    must(site->add_deploy_key(repo("acme/own"), make_key(32), true, live));
    must(site->add_deploy_key(repo("acme/former"), make_key(33), false, live));
    must(site->revoke_key(make_key(33).fingerprint()));
    must(site->add_deploy_key(repo("acme/past"), make_key(34), false,
                              {.title = "machine", .expires = 1, .as_declared = true}));
    must(site->add_deploy_key(repo("alice/site"), make_key(35), false, live));
    std::set<std::pair<std::string, bool>> subjects;
    for (const PolicySubject& one : must(site->list_policy_subjects(login("acme"))))
        subjects.emplace(one.name, one.is_deploy_key);
    CHECK(subjects ==
          std::set<std::pair<std::string, bool>>{{"acme/own", true}, {"bob", false}, {"carol", false}});
}

TEST_CASE("the strictest policy is that of the organisations that a key's holder belongs to or works for") {
    RegistrySite site;
    for (const char* name : {"lab", "shop", "far"})
        must(site->add_account(login(name), AccountKind::organization));
    must(site->create_repository(repo("shop/till"), false));
    must(site->change_policy(login("far"), {.pin = AskedFor::everything}));
    const User user{must(site->show_account(login("alice"))).id, login("alice")};
    Directory looking = site.directory();
    CHECK(must(looking.find_strictest_policy(user)).pin == AskedFor::nothing);
    must(site->set_org_member(login("lab"), login("alice"), OrgRole::member));
    must(site->change_policy(login("lab"), {.touch = AskedFor::pushes}));
    must(site->grant_access(repo("shop/till"), login("alice"), Access::read));
    must(site->change_policy(login("shop"), {.pin = AskedFor::pushes}));
    CHECK(must(looking.find_strictest_policy(user)).touch == AskedFor::pushes);
    CHECK(must(looking.find_strictest_policy(user)).pin == AskedFor::pushes);
    const DeployKey machine{must(site->show_repository(repo("shop/till"))).id, repo("shop/till"), false};
    CHECK(must(looking.find_strictest_policy(machine)).pin == AskedFor::nothing);
    must(site->change_policy(login("shop"), {.deploy_keys = true}));
    CHECK(must(looking.find_strictest_policy(machine)).pin == AskedFor::pushes);
}

TEST_CASE("a security key alone can do without a touch, and a directory finds that with the key") {
    RegistrySite site;
    const KeyOptions untouched{.title = "", .expires = {}, .no_touch_required = true};
    CHECK_FALSE(site->add_key(login("alice"), make_key(77), untouched).has_value());
    CHECK(must(site->add_key(login("alice"), security_key, untouched)).no_touch_required);
    CHECK(must(site->add_key(login("alice"), security_key, untouched)).was_there);
    CHECK_FALSE(site->add_key(login("alice"), security_key, KeyOptions{}).has_value());
    Directory looking = site.directory();
    CHECK(must(looking.find_key(security_key, unix_now()))->no_touch_required);
    CHECK(must(site->set_no_touch_required(security_key.fingerprint(), false)) == Outcome::done);
    CHECK(must(site->set_no_touch_required(security_key.fingerprint(), false)) == Outcome::already);
    CHECK_FALSE(must(looking.find_key(security_key, unix_now()))->no_touch_required);
}
