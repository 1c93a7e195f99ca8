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
