#include "gerve/ssh/ending.h"

#include <doctest/doctest.h>

#include <set>

using namespace gerve::ssh;

namespace {

template <class Reason>
void check_names() {
    std::set<std::string_view> seen;
    for (int i = 0; i < static_cast<int>(Reason::count); ++i) {
        const std::string_view name = name_of(static_cast<Reason>(i));
        CAPTURE(name);
        CHECK_FALSE(name.empty());
        CHECK(name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == std::string_view::npos);
        CHECK(seen.insert(name).second);
    }
}

}  // namespace

TEST_CASE("every reason has a name of its own, fit for a label") {
    check_names<EndReason>();
    check_names<Refusal>();
}

TEST_CASE("names stand beside their reasons") {
    CHECK(name_of(EndReason::no_cipher) == "no-common-cipher");
    CHECK(name_of(EndReason::window) == "window-exceeded");
    CHECK(name_of(EndReason::withdrawn) == "withdrawn");
    CHECK(name_of(Refusal::method_password) == "method-password");
    CHECK(name_of(Refusal::sha1) == "sha1-signature");
}
