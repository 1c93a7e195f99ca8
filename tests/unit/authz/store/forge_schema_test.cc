// Which questions over a forge's tables are answered from the configuration, and when none is answered.
#include "authz/store/forge_schema.h"

#include "authz/base/text.h"
#include "authz/store/directory.h"
#include "authz/store/directory_statements.h"
#include "authz/store/queries.h"
#include "tests/unit/authz/store/fixture.h"

using namespace gerve;
using namespace gerve::testing;

namespace {

const std::vector<std::pair<std::string, std::string>> columns_of_forgejo{
    {"user",
     "id lower_name name type email keep_email_private is_active is_admin is_restricted prohibit_login "
     "visibility"},
    {"repository", "id owner_id lower_name name is_private is_archived is_mirror status"},
    {"repo_unit", "id repo_id type default_permissions"},
    {"public_key", "id owner_id name fingerprint content type"},
    {"deploy_key", "id key_id repo_id mode"},
    {"access", "user_id repo_id mode"},
    {"collaboration", "id repo_id user_id"},
    {"org_user", "id uid org_id"},
    {"team", "id org_id authorize"},
    {"team_user", "team_id uid"},
    {"team_repo", "team_id repo_id"},
    {"team_unit", "id team_id type access_mode"},
};

// A Forgejo's, with a table of routes beside them. All that is not asked for columns is asked for a route.
class ForgejoTables final : public Database {
  public:
    Result<Rows> query(const Statement& statement, Binds) override {
        if (statement.sql == directory_sql::key_statement.sql) return unavailable("there is no such table");
        if (statement.name != "forge-columns") return Rows{Row{std::string("fs7"), std::string("fs7:9419")}};
        Rows rows;
        for (const auto& [table, columns] : columns_of_forgejo) {
            for (const std::string_view column : split(columns, ' ')) {
                if (table + "." + std::string(column) != hidden) rows.push_back({table, std::string(column)});
            }
        }
        return rows;
    }
    Result<Change> execute(const Statement&, Binds) override { return internal_error("read only"); }
    Result<void> run_script(std::string_view) override { return internal_error("read only"); }
    Result<std::vector<std::string>> columns(const Statement&) override {
        return std::vector<std::string>{"server", "endpoint"};
    }
    Result<void> begin() override { return {}; }
    Result<void> commit() override { return {}; }
    void rollback() override {}
    [[nodiscard]] Dialect dialect() const override { return Dialect::mysql; }

    std::string hidden{};  // "TABLE.COLUMN": the account may not read it
};

ForgeRules forgejo_rules() {
    ForgeRules rules;
    rules.version = ForgeVersion{12, 0, 4};
    return rules;
}

std::unique_ptr<Database> forge_with(std::optional<Route> file_server) {
    return must(with_forge(std::make_unique<ForgejoTables>(),
                           std::make_shared<const ForgeTables>(forgejo_rules(), std::move(file_server))));
}

std::string server_of(Database& database) {
    QueryCounters counters;
    Directory directory(database, counters,
                        Route{*ServerName::parse("local"), {*Endpoint::parse("unix:/s")}});
    const auto route = must(directory.find_route(*Login::parse("alice")));
    return route ? route->server.text() : "none";
}

}  // namespace

TEST_CASE("a forge's repositories are where the configuration says") {
    CHECK(server_of(*forge_with(std::nullopt)) == "local");
    CHECK(server_of(*forge_with(Route{*ServerName::parse("fs1"), {*Endpoint::parse("fs1:9419")}})) == "fs1");
}

TEST_CASE("whether a forge's tables can be read is asked of them, not of Gerve's own") {
    const auto database = forge_with(std::nullopt);
    QueryCounters counters;
    Directory directory(*database, counters, Route{*ServerName::parse("local"), {}});
    CHECK(directory.answers().has_value());
}

TEST_CASE("an operator's statement of routes is asked beside a forge") {
    const auto queries = std::make_shared<const OwnQueries>(
        must(parse_own_queries({{"route", "SELECT server, endpoint FROM routes WHERE owner = :owner"}})));
    const auto database = must(with_own_queries(forge_with(std::nullopt), queries));
    CHECK(server_of(*database) == "fs7");
}

TEST_CASE("tables of another family do not fit") {
    ForgejoTables tables;
    CHECK(check_forge_tables(tables, forgejo_rules()).has_value());
    ForgeRules gitea = forgejo_rules();
    gitea.kind = ForgeKind::gitea;
    gitea.version = ForgeVersion{1, 22, 6};
    gitea.family = ForgeFamily::gitea_1_22;
    const auto fits = check_forge_tables(tables, gitea);
    REQUIRE_FALSE(fits.has_value());
    CHECK(fits.error().told.find("the tables are those of Forgejo 7 or later") == 0);
    const auto forge = std::make_shared<const ForgeTables>(gitea, std::nullopt);
    const auto database = must(with_forge(std::make_unique<ForgejoTables>(), forge));
    const auto answer = database->query(forge->statements.key(), {std::string_view("SHA256:x")});
    REQUIRE_FALSE(answer.has_value());
    CHECK(answer.error().kind == ErrorKind::unavailable);
}

TEST_CASE("a column that is missing or hidden is named, and a table by itself") {
    ForgejoTables tables;
    const auto lacks = [&](const std::string& hidden) {
        tables.hidden = hidden;
        const auto fits = check_forge_tables(tables, forgejo_rules());
        return fits ? std::string() : fits.error().told;
    };
    const std::string lack = "the forge's tables lack, or this account may not read: ";
    CHECK(lacks("team.authorize") == lack + "team.authorize");
    CHECK(lacks("user.prohibit_login") == lack + "user.prohibit_login");
    ForgeRules with_second_factor = forgejo_rules();
    with_second_factor.two_factor = TwoFactorDemand::all;
    CHECK(check_forge_tables(tables, with_second_factor).error().told ==
          lack + "user.prohibit_login, two_factor, webauthn_credential");
}
