#include "authz/model/own_query.h"

#include <doctest/doctest.h>

using namespace gerve;

namespace {

std::string told(std::string_view sql) {
    const auto query = parse_own_query("repository", sql);
    return query ? "" : query.error().told;
}

}  // namespace

TEST_CASE("each parameter outside of quotes and comments becomes a bind, in order") {
    const auto query = parse_own_query(
        "repository",
        "SELECT ':owner', `:name`, x -- :owner don't\n, y /* ? ; */ FROM r -- \n WHERE n = :name AND o IN "
        "(:owner, :name) AND t <> '12:30''s' # :owner");
    REQUIRE(query.has_value());
    CHECK(query->sql ==
          "SELECT ':owner', `:name`, x -- :owner don't\n, y /* ? ; */ FROM r -- \n WHERE n = ? AND o IN "
          "(?, ?) AND t <> '12:30''s' # :owner");
    CHECK(query->parameters == std::vector<std::size_t>{1, 0, 1});
}

TEST_CASE("a statement begins with SELECT or WITH, whatever stands before the word and behind it") {
    for (const char* sql :
         {"select 1", "SELECT\n1", "WITH\n  r AS (SELECT 1) SELECT 1 FROM r", "with r as (select 1) select 1",
          "-- ours, don't touch\nSELECT 1", "/* a */ # b\n SELECT 1", "--\tc\nSELECT 1"}) {
        CAPTURE(sql);
        CHECK(told(sql) == "");
    }
    for (const char* sql :
         {"", "  ", "DELETE FROM r", "SELECTED", "WITHIN (SELECT 1)", "/* SELECT", "-- SELECT 1",
          "--SELECT 1", "'SELECT'", "UPDATE r SET a = (SELECT 1)", "= SELECT 1"}) {
        CAPTURE(sql);
        CHECK(told(sql) == "is not a SELECT");
    }
}

TEST_CASE("a name is taken as a whole, and what is no parameter is told") {
    CHECK(told("SELECT :owner2") == "has :owner2, which is not one of its parameters: use :owner, :name");
    CHECK(told("SELECT :Owner") == "has :Owner, which is not one of its parameters: use :owner, :name");
    CHECK(told("SELECT :1") == "has :1, which is not one of its parameters: use :owner, :name");
    CHECK(told("SELECT @a := 5") == "");
}

TEST_CASE("statements are one, without marks of another kind of bind") {
    CHECK(told("SELECT 1; SELECT 2") == "has a ';': only one statement is allowed");
    CHECK(told("SELECT ?") == "has a '?': write :NAME, one of :owner, :name");
    CHECK(told("SELECT 1 --x?") == "has a '?': write :NAME, one of :owner, :name");
    CHECK(told("SELECT '?;', \"?;\", `?;` --\t?;\n -- ?;") == "");
    CHECK(told("SELECT 'it\\'s ?'") == "");
}

TEST_CASE("a column called hook_NAME is for the variable NAME, which only two statements give") {
    const auto of = [](const char* query, const char* column) { return hook_variable_of(query, column); };
    CHECK(of("repository", "hook_HOST_KEY").value() == "HOST_KEY");
    CHECK(of("permission", "hook_GITEA_PUSHER_ID").value() == "GITEA_PUSHER_ID");
    for (const char* column : {"name", "webhook_id", "hook"})
        CHECK_FALSE(of("repository", column).value().has_value());
    for (const char* column : {"hook_PATH", "hook_host_key", "HOOK_HOST_KEY", "hook_",
                               "hook_SSH_ORIGINAL_COMMAND", "hook_GITEA_INTERNAL_PUSH", "hook_GIT_DIR"}) {
        CAPTURE(column);
        CHECK_FALSE(of("permission", column).has_value());
    }
    CHECK_FALSE(of("route", "hook_HOST_KEY").has_value());
    CHECK_FALSE(of("key", "hook_HOST_KEY").has_value());
    CHECK(parse_own_query("permission", "SELECT 1 AS hook_A")->may_name_hooks);
    CHECK_FALSE(parse_own_query("permission", "SELECT 1 AS a")->may_name_hooks);
}
