#include "authz/base/units.h"

#include <doctest/doctest.h>

using namespace gerve;
using namespace std::chrono_literals;

TEST_CASE("a time is written as RFC 3339 has it, and for names of files without what they may not hold") {
    CHECK(time_text(0) == "1970-01-01T00:00:00Z");
    CHECK(time_text(1'700'000'000'999) == "2023-11-14T22:13:20Z");
    CHECK(file_stamp(1'700'000'000'999) == "20231114T221320Z");
}

TEST_CASE("a setting is written with the largest unit that fits, and read back") {
    struct Case {
        std::chrono::milliseconds duration;
        const char* text;
    };
    for (const auto& [duration, text] :
         {Case{1500ms, "1500ms"}, Case{90s, "90s"}, Case{3600s, "1h"}, Case{48h, "2d"}, Case{0ms, "0ms"}}) {
        CHECK(setting_text(duration) == text);
        CHECK(parse_setting(text) == duration);
    }
}

TEST_CASE("other texts are not settings") {
    for (const char* text :
         {"", "s", "15", "-1s", "1.5s", "1 s", "1S", "1min", "10000000000ms", "99999999999999999999s"})
        CHECK_MESSAGE(!parse_setting(text), text);
    CHECK(parse_setting("9999999999ms") == 9'999'999'999ms);
}

TEST_CASE("an age has its two largest units") {
    CHECK(age_text(-5s) == "0s");
    CHECK(age_text(59'999ms) == "59s");
    CHECK(age_text(60s) == "1m0s");
    CHECK(age_text(59min + 59s) == "59m59s");
    CHECK(age_text(47h + 59min) == "47h59m");
    CHECK(age_text(48h + 59min) == "2d0h");
}

TEST_CASE("a duration in a sentence is never shorter than it was") {
    CHECK(duration_in_words(15min) == "15 min");
    CHECK(duration_in_words(90s) == "90 s");
    CHECK(duration_in_words(1ms) == "1 s");
    CHECK(duration_in_words(59'001ms) == "1 min");
}

TEST_CASE("a size has a unit that people read") {
    CHECK(size_text(0) == "0 B");
    CHECK(size_text(1023) == "1023 B");
    CHECK(size_text(1024) == "1.0 KiB");
    CHECK(size_text(1'572'864) == "1.5 MiB");
    CHECK(size_text(std::uint64_t{5} << 40) == "5.0 TiB");
    CHECK(size_text(~std::uint64_t{0}) == "16.0 EiB");
}

TEST_CASE("a size in a setting has its unit") {
    CHECK(parse_size("1KiB") == 1024);
    CHECK(parse_size("500MiB") == std::uint64_t{500} << 20);
    CHECK(parse_size("10GiB") == std::uint64_t{10} << 30);
    CHECK(parse_size("4194304TiB") == std::uint64_t{1} << 62);
    for (const char* text : {"", "1", "KiB", "-1KiB", "1.5GiB", "1 GiB", "1GB", "1gib", "4194305KiB", "1PiB"})
        CHECK_MESSAGE(!parse_size(text), text);
}
