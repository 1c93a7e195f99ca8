#include "authz/lfs_config.h"

#include <doctest/doctest.h>

#include "authz/config.h"

using namespace gerve;

TEST_CASE("large files are served over SSH, unless they are not to be served") {
    const auto usual = parse_config("", "g.toml");
    REQUIRE(usual.has_value());
    CHECK(usual->lfs.mode == LfsMode::transfer);
    CHECK(usual->lfs.max_object == 0);
    CHECK(usual->lfs.require_objects);
    const auto told =
        parse_config("[lfs]\nmode = \"off\"\nmax_object = \"2GiB\"\nrequire_objects = false\n", "g.toml");
    REQUIRE(told.has_value());
    CHECK(told->lfs.mode == LfsMode::off);
    CHECK(told->lfs.max_object == std::uint64_t{2} << 30);
    CHECK_FALSE(told->lfs.require_objects);
    const auto http = parse_config("[lfs]\nmode = \"http\"\n", "g.toml");
    REQUIRE_FALSE(http.has_value());
    CHECK(http.error().front().text.find("must be \"transfer\" or \"off\"") != std::string::npos);
}
