// Size limits of one owner or one repository.
#include "tests/unit/authz/store/registry_site.h"

using namespace gerve;
using namespace gerve::testing;

namespace {

constexpr std::uint64_t MiB = 1 << 20;
using Bytes = std::optional<std::uint64_t>;

struct LimitSite : RegistrySite {
    LimitsChanged change(const char* holder, const LimitChange& wanted) {
        return must(registry_.change_limits(must(parse_limit_holder(holder)), wanted));
    }
    // What a ticket for a push there would say, over these limits of the configuration.
    SizeLimits holds(const char* path) {
        Directory looking = directory();
        const auto found = must(looking.find_repository(repo(path)));
        REQUIRE(found.has_value());
        return found->limits.over({100 * MiB, 200 * MiB, 300 * MiB});
    }
};

}  // namespace

TEST_CASE("a repository's limit comes before its owner's, and that before the configuration's") {
    LimitSite site;
    must(site->create_repository(repo("alice/web"), false));
    CHECK(site.holds("alice/site") == SizeLimits{100 * MiB, 200 * MiB, 300 * MiB});
    site.change("ALICE", {.push = Bytes(5 * MiB), .repository = Bytes(6 * MiB), .owner = Bytes(7 * MiB)});
    const LimitsChanged changed = site.change("alice/SITE", {.push = Bytes(0)});
    CHECK(changed.before == OwnSizeLimits{});
    CHECK(changed.after == OwnSizeLimits{.push = 0});
    CHECK(site.holds("alice/site") == SizeLimits{0, 6 * MiB, 7 * MiB});
    CHECK(site.holds("alice/web") == SizeLimits{5 * MiB, 6 * MiB, 7 * MiB});
    site.change("alice/site", {.push = Bytes(), .repository = Bytes(9 * MiB)});
    CHECK(site.holds("alice/site") == SizeLimits{5 * MiB, 9 * MiB, 7 * MiB});
    site.change("alice", {.owner = Bytes()});
    CHECK(must(site->show_limits(login("alice"))) == OwnSizeLimits{5 * MiB, 6 * MiB, {}});
    CHECK(site.holds("alice/site").owner == 300 * MiB);
}

TEST_CASE("limits go with an account and a repository to their new names") {
    LimitSite site;
    site.change("alice", {.owner = Bytes(7 * MiB)});
    site.change("alice/site", {.repository = Bytes(9 * MiB)});
    must(site->rename_repository(repo("alice/site"), repo("alice/home")));
    CHECK(site.holds("alice/site") == SizeLimits{100 * MiB, 9 * MiB, 7 * MiB});  // by its old name
    REQUIRE(must(site->begin_renaming(login("alice"), login("ann"))) == Registry::Begun::with_new_name);
    must(site->finish_renaming(login("alice"), login("ann")));
    CHECK(site.holds("ann/home") == SizeLimits{100 * MiB, 9 * MiB, 7 * MiB});
    const auto all = must(site->list_limits());
    REQUIRE(all.size() == 2);
    CHECK(std::get<Login>(all[0].holder).text() == "ann");
    CHECK(std::get<RepoPath>(all[1].holder).text() == "ann/home");
    CHECK(all[1].limits == OwnSizeLimits{.repository = 9 * MiB});
}

TEST_CASE("limits are refused where they mean nothing, and a malformed one is not guessed at") {
    LimitSite site;
    CHECK(says(refusal(site->change_limits(repo("alice/site"), {.push = Bytes(1), .owner = Bytes(1)})),
               "only an owner"));
    CHECK(must(site->show_limits(repo("alice/site"))) == OwnSizeLimits{});
    CHECK(says(refusal(site->change_limits(login("carol"), {.push = Bytes(1)})), "no account"));
    CHECK(says(refusal(site->show_limits(repo("alice/none"))), "no repository"));
    CHECK_FALSE(parse_limit_holder("alice/a/b").has_value());
    site.by_hand("UPDATE accounts SET max_push = 9223372036854775807 WHERE login_folded = 'alice'");
    Directory directory = site.directory();
    const auto found = directory.find_repository(repo("alice/site"));
    REQUIRE_FALSE(found.has_value());
    CHECK(found.error().kind == ErrorKind::unavailable);
    CHECK(says(describe(found.error()), "malformed row, column 9"));
}
