#include "gerve/cli/output.h"

#include <doctest/doctest.h>

#include <cstdlib>

using namespace gerve;

namespace {

// The locale of the environment, until the end of a test.
struct Locale {
    explicit Locale(const char* name) {
        for (const char* variable : {"LC_ALL", "LC_CTYPE", "LANG"}) ::unsetenv(variable);
        ::setenv("LC_CTYPE", name, 1);
    }
    ~Locale() { ::unsetenv("LC_CTYPE"); }
};

}  // namespace

TEST_CASE("text from outside stays on its line, and no other text looks the same") {
    const Locale locale("C.UTF-8");
    CHECK(shown("the laptop") == "the laptop");
    CHECK(shown("a\nb") == "\"a\\x0ab\"");
    CHECK(shown("\x1b[2J") == "\"\\x1b[2J\"");
    CHECK(shown("say \"x\"") == "say \"x\"");
    CHECK(shown("\"a\\x0ab\"") == "\"\\x22a\\x5cx0ab\\x22\"");
    CHECK(shown("corp\\zoe@PC") == "corp\\zoe@PC");
    CHECK(shown("corp\\zoe\x7f") == "\"corp\\x5czoe\\x7f\"");
    CHECK(shown("Zo\xc3\xabs B\xc3\xbcro") == "Zo\xc3\xabs B\xc3\xbcro");
    CHECK(one_line("key 3, \"x\", live") == "key 3, \"x\", live");
    CHECK(one_line("\x1b\xe2\x80\xae\n") == "\\x1b\\xe2\\x80\\xae\\x0a");
}

TEST_CASE("where the terminal shows no UTF-8, ASCII is printed") {
    for (const char* name : {"C", "POSIX", "de_DE", "de_DE.ISO-8859-1", "utf-8"}) {
        CAPTURE(name);
        const Locale locale(name);
        CHECK(shown("Zo\xc3\xab") == "\"Zo\\xc3\\xab\"");
        CHECK(one_line("Zo\xc3\xab") == "Zo\\xc3\\xab");
    }
    for (const char* name : {"C.UTF-8", "de_DE.utf8", "zh_CN.UTF-8@radical", "C.Utf-8"}) {
        CAPTURE(name);
        const Locale locale(name);
        CHECK(one_line("Zo\xc3\xab") == "Zo\xc3\xab");
    }
    const Locale locale("C.UTF-8");
    ::setenv("LC_ALL", "C", 1);  // comes before LC_CTYPE
    CHECK(terminal_letters() == Letters::ascii);
    ::setenv("LC_ALL", "", 1);  // as if it were not there
    CHECK(terminal_letters() == Letters::utf8);
    ::unsetenv("LC_ALL");
}

TEST_CASE("a table leaves room by what a terminal shows, not by bytes") {
    CHECK(columns_of("abc") == 3);
    CHECK(columns_of("Zo\xc3\xab") == 3);
    CHECK(columns_of("e\xcc\x88") == 1);                             // e, and a diaeresis above it
    CHECK(columns_of("\xe7\xac\x94\xe8\xae\xb0\xe6\x9c\xac") == 6);  // three wide letters
    CHECK(columns_of("\xff") == 1);
}

TEST_CASE("times are written and read") {
    CHECK(time_or(0, "never") == "1970-01-01T00:00:00Z");
    CHECK(time_or(std::nullopt, "never") == "never");
    CHECK(parse_time("2023-11-14T22:13:20Z", 0) == 1'700'000'000'000);
    CHECK(parse_time("2024-02-29", 0) == 1'709'164'800'000);
    CHECK(parse_time("2d", 1000) == 1000 + 2 * 86'400'000);
}

TEST_CASE("what is no time is refused with the forms that are") {
    for (const char* text :
         {"", "1", "d", "0d", "-1d", "1.5d", "yesterday", "2026-13-01", "2026-02-30", "2023-02-29",
          "2026-1-1", "2026-01-01T25:00:00Z", "2026-01-01T12:00:61Z", "2026-01-01T12:00:00",
          "2026-01-01 12:00:00Z", "2026-01-01T12:00:00+", "99999999999999999999d"}) {
        CHECK_MESSAGE(!parse_time(text, 0).has_value(), text);
    }
    CHECK(parse_time("soon", 0).error().told ==
          "'soon' is not a time: write 2027-01-31, 2027-01-31T12:00:00Z or 90d (days from now)");
}
