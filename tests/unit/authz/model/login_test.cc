#include "authz/model/login.h"

#include <doctest/doctest.h>

#include <type_traits>

using namespace gerve;

TEST_CASE("a login is 1 to 64 plain characters") {
    for (const std::string text :
         {"a", "mojombo", "Mojombo", "a.b", "_bot", "0x", "a-", "a--b", "git", "lock"}) {
        CAPTURE(text);
        const auto login = Login::parse(text);
        REQUIRE(login.has_value());
        CHECK(login->text() == text);
    }
    CHECK(Login::parse(std::string(64, 'a')).has_value());
    CHECK_FALSE(Login::parse(std::string(65, 'a')).has_value());
}

TEST_CASE("what could mean something to a path, a shell, git or a terminal is no login") {
    for (const std::string text : {"",         ".",     "..",    ".hidden", "-rf",    "a/b", "a b",  "a\n",
                                   "a\x1b",    "a:b",   "~a",    "a%2e",    "a@b",    "a'b", "a\"b", "a\\b",
                                   "\xc3\xa9", "a.git", "a.GIT", "a.lock",  "a.Lock", "*",   "$HOME"}) {
        CAPTURE(text);
        const auto login = Login::parse(text);
        REQUIRE_FALSE(login.has_value());
        CHECK(login.error().kind == ErrorKind::client);
        CHECK(login.error().told.find("is not a login") != std::string::npos);
        CHECK(login.error().told.find('\x1b') == std::string::npos);
    }
    CHECK_FALSE(Login::parse(std::string_view("a\0b", 3)).has_value());
}

TEST_CASE("logins compare without case and keep their spelling") {
    const auto upper = Login::parse("MojoMbo");
    const auto lower = Login::parse("mojombo");
    REQUIRE((upper && lower));
    CHECK(*upper == *lower);
    CHECK(upper->text() == "MojoMbo");
    CHECK(upper->folded() == "mojombo");
    CHECK(*Login::parse("a") < *Login::parse("B"));
}

TEST_CASE("there is no login that was not parsed") {
    CHECK_FALSE(std::is_default_constructible_v<Login>);
    CHECK_FALSE(std::is_constructible_v<Login, std::string>);
    CHECK_FALSE(std::is_convertible_v<const char*, Login>);
}
