#include "authz/base/curve_points.h"

#include <openssl/ec.h>
#include <openssl/obj_mac.h>

#include <algorithm>
#include <array>
#include <memory>
#include <string>

namespace gerve {
namespace {

struct FreeGroup {
    void operator()(EC_GROUP* group) const { EC_GROUP_free(group); }
};
struct FreePoint {
    void operator()(EC_POINT* point) const { EC_POINT_free(point); }
};

int openssl_name(std::string_view curve) {
    if (curve == "nistp256") return NID_X9_62_prime256v1;
    if (curve == "nistp384") return NID_secp384r1;
    if (curve == "nistp521") return NID_secp521r1;
    return NID_undef;
}

// The y of the points of order 8, little-endian; the others have 0, 1 and p - 1.
constexpr std::array<unsigned char, 32> order_8a{
    0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0,
    0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05};
constexpr std::array<unsigned char, 32> order_8b{
    0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f,
    0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a};

// `first` is the lowest byte, and all between it and the highest are alike.
bool is_number(const std::array<unsigned char, 32>& y, unsigned char first, unsigned char between,
               unsigned char last) {
    return y.front() == first && y.back() == last &&
           std::all_of(y.begin() + 1, y.end() - 1, [between](unsigned char byte) { return byte == between; });
}

}  // namespace

bool is_on_curve(std::string_view curve, std::string_view point) {
    const std::unique_ptr<EC_GROUP, FreeGroup> group(EC_GROUP_new_by_curve_name(openssl_name(curve)));
    if (group == nullptr) return false;
    const std::unique_ptr<EC_POINT, FreePoint> parsed(EC_POINT_new(group.get()));
    if (parsed == nullptr) return false;
    // Fails for a point that is not on the curve.
    return EC_POINT_oct2point(group.get(), parsed.get(), reinterpret_cast<const unsigned char*>(point.data()),
                              point.size(), nullptr) == 1 &&
           EC_POINT_is_at_infinity(group.get(), parsed.get()) == 0;
}

bool is_small_order(std::string_view point) {
    std::array<unsigned char, 32> y{};
    if (point.size() != y.size()) return false;
    std::copy(point.begin(), point.end(), y.begin());
    y.back() &= 0x7f;  // the sign of x
    if (y == order_8a || y == order_8b) return true;
    if (is_number(y, 0, 0, 0) || is_number(y, 1, 0, 0)) return true;
    // p - 1, and beside it p and p + 1: 0 and 1 in another form. p is 2^255 - 19.
    return is_number(y, 0xec, 0xff, 0x7f) || is_number(y, 0xed, 0xff, 0x7f) || is_number(y, 0xee, 0xff, 0x7f);
}

}  // namespace gerve
