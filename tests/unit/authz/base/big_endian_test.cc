#include "authz/base/big_endian.h"

#include <doctest/doctest.h>

using namespace gerve;

TEST_CASE("the most significant byte comes first") {
    std::string out;
    put_number(out, std::uint8_t{0xab});
    put_number(out, std::uint16_t{0x0102});
    put_number(out, std::uint32_t{0xfffefdfc});
    put_number(out, std::int64_t{-2});
    CHECK(out == std::string_view("\xab\x01\x02\xff\xfe\xfd\xfc\xff\xff\xff\xff\xff\xff\xff\xfe", 15));
    CHECK(get_number<std::uint8_t>(out) == 0xab);
    CHECK(get_number<std::uint16_t>(std::string_view(out).substr(1)) == 0x0102);
    CHECK(get_number<std::uint32_t>(std::string_view(out).substr(3)) == 0xfffefdfc);
    CHECK(get_number<std::int64_t>(std::string_view(out).substr(7)) == -2);
    CHECK(get_number(std::string_view(out).substr(0, 3)) == 0xab0102);
}
