#include "authz/base/text.h"

#include <doctest/doctest.h>

using namespace gerve;

TEST_CASE("base64 goes there and back, padded and unpadded") {
    for (const std::string bytes : {"", "f", "fo", "foo", "foob", "fooba", "foobar", "\xff\xfe\x00"}) {
        CHECK(from_base64(to_base64(bytes)) == bytes);
        CHECK(from_base64(to_base64_unpadded(bytes)) == bytes);
    }
    CHECK(to_base64("foob") == "Zm9vYg==");
}

TEST_CASE("base64 has one spelling per value") {
    for (const char* text : {"Zm9vYh==", "Zm9vYg=", "Zm9v Yg==", "Z", "Zm9vYg===", "Zm9v-g==", "=", "Zg=a"}) {
        CAPTURE(text);
        CHECK_FALSE(from_base64(text).has_value());
    }
}

TEST_CASE("printable leaves nothing that moves a cursor or ends a line") {
    CHECK(printable("a\x1b[2J\r\n\"\\\xc3") == "a\\x1b[2J\\x0d\\x0a\\x22\\x5c\\xc3");
    CHECK(printable("abcdef", 3) == "abc...");
}

TEST_CASE("decimal numbers are digits and fit") {
    CHECK(parse_decimal("18446744073709551615") == 18446744073709551615ULL);
    for (const char* text : {"", "-1", "+1", " 1", "1 ", "18446744073709551616", "0x1"}) {
        CAPTURE(text);
        CHECK_FALSE(parse_decimal(text).has_value());
    }
}

TEST_CASE("parts are joined with separators between them alone") {
    CHECK(join({}, ", ") == "");
    CHECK(join({"one"}, ", ") == "one");
    CHECK(join({"", "two", ""}, ",") == ",two,");
}
