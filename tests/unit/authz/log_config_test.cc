#include "authz/log_config.h"

#include <doctest/doctest.h>

#include "authz/config.h"

using namespace gerve;

namespace {

// "LINE:COLUMN TEXT"
std::string first_problem(const std::string& text) {
    const auto config = parse_config(text, "f");
    if (config || config.error().empty()) return "";
    const ConfigProblem& problem = config.error().front();
    return std::to_string(problem.line) + ":" + std::to_string(problem.column) + " " + problem.text;
}

}  // namespace

TEST_CASE("the level of the log") {
    const auto level = [](const std::string& text) { return parse_config(text, "f")->log.level; };
    CHECK(level("") == log::Level::info);
    CHECK(level("[log]\nlevel = \"warning\"\n") == log::Level::warn);
    CHECK(level("[log]\nlevel = \"warn\"\n") == log::Level::warn);
    CHECK(level("[log]\nlevel = \"error\"\n") == log::Level::error);
    CHECK(first_problem("[log]\nlevel = \"loud\"\n") ==
          "2:9 log.level must be \"debug\", \"info\", \"warning\", \"error\" or \"warn\", not \"loud\"");
    CHECK(first_problem("[log]\nlevel = 3\n").starts_with("2:9 "));
    CHECK(first_problem("[log]\nlevels = \"info\"\n").starts_with("2:1 "));
    CHECK(parse_level(level_name(log::Level::warn)) == log::Level::warn);
}
