#include "authz/base/curve_points.h"

#include <doctest/doctest.h>

#include <string>

using namespace gerve;

namespace {

std::string from_hex(std::string_view digits) {
    std::string bytes;
    for (std::size_t i = 0; i + 1 < digits.size(); i += 2)
        bytes += static_cast<char>(std::stoi(std::string(digits.substr(i, 2)), nullptr, 16));
    return bytes;
}

std::string number(unsigned char first, unsigned char between, unsigned char last) {
    std::string bytes(32, static_cast<char>(between));
    bytes.front() = static_cast<char>(first);
    bytes.back() = static_cast<char>(last);
    return bytes;
}

// The base point of P-256 (SEC 2 section 2.4.2).
const std::string base_point = from_hex(
    "046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"
    "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5");

}  // namespace

TEST_CASE("points of a curve, and others") {
    CHECK(is_on_curve("nistp256", base_point));
    CHECK_FALSE(is_on_curve("nistp384", base_point));
    CHECK_FALSE(is_on_curve("nistp128", base_point));
    for (std::size_t i = 1; i < base_point.size(); i += 7) {
        std::string beside = base_point;
        beside[i] = static_cast<char>(beside[i] ^ 1);
        CHECK_FALSE(is_on_curve("nistp256", beside));
    }
    CHECK_FALSE(is_on_curve("nistp256", std::string(1, '\0')));  // infinity
    CHECK_FALSE(is_on_curve("nistp256", ""));
}

TEST_CASE("all points of small order, whatever their sign and form") {
    const std::string order_8a = from_hex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05");
    const std::string order_8b = from_hex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a");
    for (std::string point : {order_8a, order_8b, number(0, 0, 0), number(1, 0, 0), number(0xec, 0xff, 0x7f),
                              number(0xed, 0xff, 0x7f), number(0xee, 0xff, 0x7f)}) {
        CHECK(is_small_order(point));
        point.back() = static_cast<char>(point.back() ^ '\x80');
        CHECK(is_small_order(point));
    }
}

TEST_CASE("other points") {
    CHECK_FALSE(is_small_order(number(2, 0, 0)));
    CHECK_FALSE(is_small_order(number(0xeb, 0xff, 0x7f)));
    CHECK_FALSE(is_small_order(std::string(32, 'k')));
    // RFC 8032 section 7.1, test 1
    CHECK_FALSE(is_small_order(from_hex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")));
    CHECK_FALSE(is_small_order(""));
}
