// What of the MySQL directory needs no server: addresses, scripts, the meaning of errors.
#include <doctest/doctest.h>

#include "authz/store/mysql/mysql_errors.h"
#include "authz/store/mysql/mysql_script.h"
#include "authz/store/mysql/mysql_session.h"
#include "authz/store/mysql/mysql_uri.h"
#include "authz/store/open_database.h"

using namespace gerve;

TEST_CASE("addresses of database servers") {
    auto uri = MysqlUri::parse("tcp://db1:3307/gerve");
    REQUIRE(uri.has_value());
    CHECK(uri->schema == "gerve");
    REQUIRE(uri->hosts.size() == 1);
    CHECK(uri->hosts[0].text() == "db1:3307");
    uri = MysqlUri::parse("tcp://db1,10.0.0.2:3308,[2001:db8::1]:3309,[::1]/g");
    REQUIRE(uri.has_value());
    REQUIRE(uri->hosts.size() == 4);
    CHECK(uri->hosts[0].text() == "db1:3306");
    CHECK(uri->hosts[1].text() == "10.0.0.2:3308");
    CHECK(uri->hosts[2].host == "2001:db8::1");
    CHECK(uri->hosts[2].text() == "[2001:db8::1]:3309");
    CHECK(uri->hosts[3].port == 3306);
    uri = MysqlUri::parse("unix:///run/mysqld/mysqld.sock?schema=gerve_1");
    REQUIRE(uri.has_value());
    CHECK(uri->schema == "gerve_1");
    CHECK(uri->hosts.at(0).text() == "/run/mysqld/mysqld.sock");
}

TEST_CASE("a database is near when no host of it is beyond a network") {
    Config config;
    CHECK(database_is_near(config));
    config.backend = Backend::mysql;
    for (const char* near : {"unix:///run/mysqld/mysqld.sock?schema=g", "tcp://127.0.0.1/g",
                             "tcp://127.1.2.3:3307/g", "tcp://[::1]/g", "tcp://localhost/g"}) {
        CAPTURE(near);
        config.mysql.uri = near;
        CHECK(database_is_near(config));
    }
    for (const char* far :
         {"tcp://db1/g", "tcp://10.0.0.2/g", "tcp://[2001:db8::1]/g", "tcp://localhost,db1/g", ""}) {
        CAPTURE(far);
        config.mysql.uri = far;
        CHECK_FALSE(database_is_near(config));
    }
}

TEST_CASE("what is no address of a database server is refused with the forms") {
    for (const char* text : {"",
                             "db1",
                             "tcp://",
                             "tcp://db1",
                             "tcp://db1/",
                             "tcp:///gerve",
                             "tcp://db1:/gerve",
                             "tcp://db1:0/gerve",
                             "tcp://db1:65536/gerve",
                             "tcp://db1:33x/gerve",
                             "tcp://a,,b/gerve",
                             "tcp://a,/gerve",
                             "tcp://u:p@db1/gerve",
                             "tcp://db1/ger`ve",
                             "tcp://db1/gerve?x=y",
                             "tcp://[::1/gerve",
                             "tcp://-x/gerve",
                             "unix:///run/sock",
                             "unix://run/sock?schema=g",
                             "unix:///run/sock?schema=",
                             "mysql://db1/gerve"}) {
        CAPTURE(text);
        const auto uri = MysqlUri::parse(text);
        REQUIRE_FALSE(uri.has_value());
        CHECK(uri.error().kind == ErrorKind::client);
        CHECK(uri.error().told.find("tcp://HOST:3306/SCHEMA") != std::string::npos);
    }
}

TEST_CASE("a script is cut where a line ends a statement") {
    using Pieces = std::vector<std::string_view>;
    CHECK(split_script("").empty());
    CHECK(split_script("-- nothing;\n\n  -- more;\n").empty());
    CHECK(split_script("SELECT 1") == Pieces{"SELECT 1"});
    CHECK(split_script("-- a;\nSELECT ';', 1;\nSELECT\n2;  \n") ==
          Pieces{"-- a;\nSELECT ';', 1;", "SELECT\n2;"});
    CHECK(
        split_script("CREATE TABLE t (\n  a INT, -- one; two;\n  b INT\n); -- done\nDROP TABLE t;").size() ==
        2);
}

TEST_CASE("errors mean what the servers' manuals say") {
    using namespace mysql_errors;
    static_assert(meaning_of(1969) == Meaning::too_slow);
    static_assert(meaning_of(3024) == Meaning::too_slow);
    for (const int number : {2002, 2003, 2006, 2013, 2030, 2055, 1243, 1053, 1927, 3169, 4031})
        CHECK(meaning_of(number) == Meaning::lost);
    for (const int number : {1040, 1203, 1226}) CHECK(meaning_of(number) == Meaning::crowded);
    for (const int number : {1045, 1129, 1130, 2026}) CHECK(meaning_of(number) == Meaning::configuration);
    for (const int number : {1062, 1451, 1452, 3819, 4025}) CHECK(meaning_of(number) == Meaning::refused);
    for (const int number : {1054, 1064, 1142, 1146}) CHECK(meaning_of(number) == Meaning::statement);
    for (const int number : {0, 2000, 2014, 2027}) CHECK(meaning_of(number) == Meaning::broken);
    for (const int number : {1290, 1792, 1836}) CHECK(meaning_of(number) == Meaning::read_only);
    for (const int number : {1205, 1213, 1267, 1366, 1317, 3572})
        CHECK(meaning_of(number) == Meaning::failed);
}

TEST_CASE("only an error of the connection ends the connection") {
    using namespace mysql_errors;
    for (const int number : {1053, 1927, 2006, 2013, 2014, 3169, 4031, 1290, 0})
        CHECK(ends_connection(meaning_of(number)));
    for (const int number : {1054, 1062, 1142, 1146, 1205, 1213, 1226, 1267, 1292, 1317, 1366, 1969, 3024})
        CHECK_FALSE(ends_connection(meaning_of(number)));
}

TEST_CASE("what a server says before TLS has begun has the remedy of its own number") {
    const std::string early =
        "gerve on db1:3306: connect: Received error packet before completion of TLS handshake. The "
        "authenticity "
        "of the following error cannot be verified: ";
    const auto remedy = [](int number, const std::string& text) { return mysql_remedy({number, text}, {}); };
    CHECK(remedy(2002, early + "1130 - Host '10.0.0.1' is not allowed to connect [2002]") ==
          remedy(1130, ""));
    CHECK(remedy(2002, early + "1040 - Too many connections [2002]") == remedy(1040, ""));
    CHECK(remedy(2002, early + "nothing [2002]") == remedy(2002, ""));
    CHECK(remedy(2002, "Can't connect: 1130 [2002]") == remedy(2002, ""));
    CHECK(remedy(2026, early + "1130 - Host [2026]") == remedy(2026, ""));
    CHECK(remedy(1129, "") != remedy(1130, ""));
}
