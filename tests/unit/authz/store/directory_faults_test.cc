// Trouble with one statement, one value or one row of the directory: whom it concerns, and what it leaves
// behind.
#include "authz/store/directory.h"
#include "tests/unit/authz/store/fixture.h"
#include "tests/unit/authz/store/passing.h"

using namespace gerve;
using namespace gerve::testing;

namespace {

// alice with a key and a private repository, bob, and the organisation acme with another.
struct Site : Store {
    Site() {
        must(registry().add_account(login("Alice"), AccountKind::user));
        must(registry().add_account(login("bob"), AccountKind::user));
        must(registry().add_account(login("Acme"), AccountKind::organization));
        must(registry().create_repository(repo("alice/Site"), false));
        must(registry().create_repository(repo("acme/engine"), false));
        must(registry().add_key(login("alice"), make_key(1), {"laptop", std::nullopt}));
    }
    std::optional<Repository> found(std::string_view path) {
        return must(directory().find_repository(repo(path)));
    }
};

// Fails every statement that has a value among its binds.
class Stumbling final : public Passing {
  public:
    Stumbling(Database& below, std::string value) : Passing(below), value_(std::move(value)) {}
    Result<Rows> query(const Statement& statement, Binds binds) override {
        ++statements;
        for (const Bind& bind : binds) {
            const auto* bytes = std::get_if<BlobView>(&bind);
            if (bytes != nullptr && bytes->bytes == value_) return unavailable("cannot compare");
        }
        return Passing::query(statement, binds);
    }
    unsigned statements = 0;

  private:
    std::string value_;
};

}  // namespace

TEST_CASE("a statement that fails leaves the connection to the others, and its table's return is noticed") {
    Site site;
    const Repository engine = *site.found("acme/engine");
    const std::unique_ptr<Database> connection = site.connect();
    Directory directory(*connection, site.counters, *must(site.directory().find_route(login("alice"))));
    CHECK(must(directory.find_permission(AccountId{1}, engine)).strongest() == Access::none);
    for (int round = 0; round < 2; ++round) {
        site.by_hand("ALTER TABLE collaborators RENAME TO away");
        const auto permission = directory.find_permission(AccountId{1}, engine);
        REQUIRE_FALSE(permission.has_value());
        CHECK(permission.error().kind == ErrorKind::unavailable);
        CHECK(permission.error().detail.find("account 1, Acme/engine") != std::string::npos);
        CHECK_FALSE(connection->broken());
        CHECK(must(directory.find_key(make_key(1), test_now)).has_value());
        CHECK(must(directory.find_repository(repo("alice/site"))).has_value());
        site.by_hand("ALTER TABLE away RENAME TO collaborators");
        CHECK(must(directory.find_permission(AccountId{1}, engine)).strongest() == Access::none);
    }
}

TEST_CASE("a transaction in which a statement fails leaves nothing behind") {
    Site site;
    const std::unique_ptr<Database> connection = site.connect();
    const Statement add{"add", "INSERT INTO servers (name) VALUES ('fs7')"};
    {
        auto transaction = Transaction::begin(*connection);
        REQUIRE(transaction.has_value());
        must(connection->execute(add, {}));
        CHECK_FALSE(connection->execute({"odd", "INSERT INTO nowhere (a) VALUES (1)"}, {}).has_value());
    }
    CHECK_FALSE(connection->broken());
    auto transaction = Transaction::begin(*connection);
    REQUIRE(transaction.has_value());
    must(connection->execute(add, {}));
    must(transaction->commit());
    const Rows added = must(connection->query({"count", "SELECT COUNT(*) FROM servers"}, {}));
    CHECK(added.at(0).at(0) == Column(std::int64_t{1}));
}

TEST_CASE("a value that the database stumbles over spoils the answer of its own key, and no other") {
    Site site;
    must(site.registry().add_key(login("bob"), make_key(2), {"", std::nullopt}));
    const PublicKey odd = make_key(3), alices = make_key(1), bobs = make_key(2), nobodys = make_key(4);
    Stumbling stumbling(site.database(), std::string(odd.fingerprint().bytes()));
    Directory directory(stumbling, site.counters, *must(site.directory().find_route(login("alice"))));
    const auto found = directory.find_keys(std::array{&alices, &odd, &bobs, &nobodys}, test_now);
    REQUIRE(found.size() == 4);
    CHECK(std::get<User>(must(found[0])->holder).login.text() == "Alice");
    REQUIRE_FALSE(found[1].has_value());
    CHECK(found[1].error().kind == ErrorKind::unavailable);
    CHECK(found[1].error().detail.find(odd.fingerprint().text()) != std::string::npos);
    CHECK(std::get<User>(must(found[2])->holder).login.text() == "bob");
    CHECK_FALSE(must(found[3]).has_value());
    CHECK(stumbling.statements == 5);  // for all together, then for each
    CHECK(site.counters.of(Query::key) == 4);
}

TEST_CASE("the text of a row that makes no sense names the row") {
    Site site;
    site.by_hand("UPDATE public_keys SET can_write = 1");
    site.by_hand("UPDATE repositories SET name = '../x' WHERE name_folded = 'site'");
    const auto key = site.directory().find_key(make_key(1), test_now);
    REQUIRE_FALSE(key.has_value());
    CHECK(key.error().detail == "key: malformed row, a user's key with a deploy key's columns (" +
                                    make_key(1).fingerprint().text() + ")");
    const auto repository = site.directory().find_repository(repo("alice/site"));
    REQUIRE_FALSE(repository.has_value());
    CHECK(repository.error().detail.find("(alice/site)") != std::string::npos);
}
