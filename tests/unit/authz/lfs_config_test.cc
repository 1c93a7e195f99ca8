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
}

TEST_CASE("tokens for another server need its address and a secret") {
    const auto problem_of = [](const std::string& lines) {
        const auto config = parse_config("[lfs]\n" + lines, "g.toml");
        return config ? std::string() : config.error().front().text;
    };
    const std::string http = "mode = \"http\"\ntoken_secret_file = \"/dev/null\"\n";
    const std::string url = "url = \"https://git.example.org/{owner}/{name}.git/info/lfs\"\n";
    const auto config = parse_config("[lfs]\n" + http + url + "token_life = \"90m\"\n", "g.toml");
    REQUIRE(config.has_value());
    CHECK(config->lfs.mode == LfsMode::http);
    CHECK(config->lfs.token_secret_file == "/dev/null");
    CHECK(config->lfs.token_life == std::chrono::minutes(90));
    CHECK(lfs_url(config->lfs.url, "bert", "a-b.c") == "https://git.example.org/bert/a-b.c.git/info/lfs");
    CHECK(problem_of("mode = \"ftp\"\n").find("must be \"transfer\", \"http\" or \"off\"") !=
          std::string::npos);
    CHECK(problem_of(http).find("{owner} and {name}") != std::string::npos);
    for (const char* wrong :
         {"https://git.example.org/{owner}", "ftp://h/{owner}/{name}", "https://h/{owner}/{name} x"})
        CHECK(problem_of(http + "url = \"" + wrong + "\"\n").find("must be an http(s) URL") !=
              std::string::npos);
    CHECK(problem_of("mode = \"http\"\n" + url).find("is missing: name a file") != std::string::npos);
    CHECK(problem_of(http + url + "token_life = \"9s\"\n").find("token_life") != std::string::npos);
    CHECK(problem_of(url).empty());  // the mode may be another for a while
}
