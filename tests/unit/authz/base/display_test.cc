#include "authz/base/display.h"

#include <doctest/doctest.h>

using namespace gerve;

TEST_CASE("letters of every script are shown as they were given") {
    for (const char* text :
         {"", "plain", "Zo\xc3\xabs B\xc3\xbcro", "e\xcc\x88", "\xd0\x9a\xd0\xbb\xd1\x8e\xd1\x87",
          "\xe7\xac\x94\xe8\xae\xb0\xe6\x9c\xac", "\xf0\x9f\x94\x91", "\xd7\x9e\xd7\xa4\xd7\xaa\xd7\x97",
          "corp\\zoe@PC", "Joe's \"work\" key", "\xc2\xa0", "\xef\xbf\xbd"}) {
        CAPTURE(text);
        CHECK(is_displayable(text));
        CHECK(displayed(text) == text);
        CHECK(displayed_json(text) == text);
    }
}

TEST_CASE("what a terminal obeys, what turns the direction and what takes no room is escaped") {
    CHECK(displayed("a\x1b[2J\r\n\t") == "a\\x1b[2J\\x0d\\x0a\\x09");
    for (const char* text :
         {"\x7f",         "\xc2\x85",     "\xc2\x9b",         "\xc2\xad",         "\xd8\x9c",
          "\xe2\x80\x8b", "\xe2\x80\x8d", "\xe2\x80\x8f",     "\xe2\x80\xa8",     "\xe2\x80\xa9",
          "\xe2\x80\xae", "\xe2\x81\xa6", "\xe2\x81\xa9",     "\xef\xb8\x8f",     "\xef\xbb\xbf",
          "\xee\x80\x80", "\xef\xbf\xbe", "\xf3\xa0\x81\x81", "\xf0\x9f\xbf\xbf", "\xe3\x85\xa4",
          "\xef\xbf\xb9"}) {
        CAPTURE(displayed(text));
        CHECK_FALSE(is_displayable(text));
        CHECK(displayed(text).starts_with("\\x"));
        CHECK(displayed_json(text).starts_with("\\u"));
    }
    CHECK(displayed("a\xe2\x80\xae"
                    "b") == "a\\xe2\\x80\\xaeb");
    CHECK(displayed_lines("one\ntwo\r\x1b\n") == "one\ntwo\\x0d\\x1b\n");
}

TEST_CASE("bytes that are no UTF-8 are escaped one by one") {
    for (const char* text : {"\x80", "\xc3", "\xc0\xaf", "\xe0\x80\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80",
                             "\xff", "\xe2\x80", "\xf0\x9f\x94", "\xf8\x88\x80\x80\x80"}) {
        CAPTURE(displayed(text));
        CHECK_FALSE(is_utf8(text));
        CHECK(displayed(text).size() == 4 * std::string_view(text).size());
    }
    CHECK(displayed("l\xe4ptop \xc3\xa4") == "l\\xe4ptop \xc3\xa4");
    CHECK(displayed_json("\"\xff\"") == "\"\\ufffd\"");
}

TEST_CASE("a terminal without UTF-8 gets ASCII") {
    CHECK(displayed("Zo\xc3\xab \\ \"x\"", Letters::ascii) == "Zo\\xc3\\xab \\ \"x\"");
    CHECK_FALSE(is_displayable("\xc3\xab", Letters::ascii));
    CHECK(is_displayable("zoe", Letters::ascii));
}

TEST_CASE("JSON keeps its lines, and what is escaped means what it was") {
    CHECK(displayed_json("{\n  \"a\": \"\x7f\xe2\x80\xae\xf3\xa0\x81\x81\"\n}") ==
          "{\n  \"a\": \"\\u007f\\u202e\\udb40\\udc41\"\n}");
}

TEST_CASE("a text is cut between its characters") {
    CHECK(utf8_prefix("abc", 5) == "abc");
    CHECK(utf8_prefix("a\xc3\xab"
                      "b",
                      2) == "a");
    CHECK(utf8_prefix("a\xc3\xab"
                      "b",
                      3) == "a\xc3\xab");
    CHECK(utf8_prefix("\xf0\x9f\x94\x91", 3).empty());
}
