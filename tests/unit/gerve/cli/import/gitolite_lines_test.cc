#include "gerve/cli/import/gitolite_lines.h"

#include <doctest/doctest.h>

#include "tests/unit/gerve/cli/import/conf_files.h"

using namespace gerve;

namespace {

std::vector<std::string> texts(const ConfText& text) {
    std::vector<std::string> lines;
    for (const ConfLine& line : text.lines) lines.push_back(line.place.text() + " " + line.text);
    return lines;
}

ConfText lines_in(std::map<std::string, std::string> files) {
    return read_gitolite_lines(MemoryFiles(std::move(files)).reach(), "gitolite.conf");
}

}  // namespace

TEST_CASE("a line is cleaned as gitolite cleans it") {
    CHECK(clean_conf_line("  RW+\t=  alice   bob \r") == "RW+ = alice bob");
    CHECK(clean_conf_line("@g=a b=c") == "@g = a b=c");
    CHECK(clean_conf_line("repo foo # the one") == "repo foo");
    CHECK(clean_conf_line("# all of it").empty());
    CHECK(clean_conf_line("desc = \"a # b\" # c") == "desc = \"a # b\"");
    CHECK(clean_conf_line("desc = \"a # b") == "desc = \"a # b");
    CHECK(clean_conf_line("a \"b # c \"d\" # e") == "a \"b # c \"d\"");
    CHECK(clean_conf_line(std::string(100'000, '"') + "#").size() == 100'000);
    CHECK(clean_conf_line(std::string(100'001, '"') + "#").size() == 100'001);
}

TEST_CASE("what is included stands in the place of the include, once") {
    const auto text = lines_in({{"gitolite.conf", "repo a\ninclude \"x/*\"\n  R = u\ninclude 'x/1.conf'\n"},
                                {"x/1.conf", "  RW = u\n"},
                                {"x/2.conf", "repo b\n"}});
    CHECK(text.problems.empty());
    CHECK(texts(text) == std::vector<std::string>{"gitolite.conf:1 repo a", "x/1.conf:1 RW = u",
                                                  "x/2.conf:1 repo b", "gitolite.conf:3 R = u"});
    REQUIRE(text.warnings.size() == 1);
    CHECK(text.warnings[0].place.text() == "gitolite.conf:4");
}

TEST_CASE("the groups of a subconf are its own") {
    const auto text =
        lines_in({{"gitolite.conf", "@g = x\nsubconf \"part.conf\"\nsubconf other \"o.conf\"\n"},
                  {"part.conf", "@g = y\nrepo @g @h\n"},
                  {"o.conf", "repo @g\n"}});
    CHECK(texts(text) == std::vector<std::string>{"gitolite.conf:1 @g = x", "part.conf:1 @part.g = y",
                                                  "part.conf:2 repo @part.g @h", "o.conf:1 repo @g"});
    CHECK(text.lines[2].subconf == "part");
    CHECK(text.lines[3].subconf == "other");
}

TEST_CASE("a continued line is one line") {
    const auto text = lines_in({{"gitolite.conf", "@g = a \\\n  b \\\n c\nrepo x\n"}});
    CHECK(texts(text) == std::vector<std::string>{"gitolite.conf:1 @g = a b c", "gitolite.conf:4 repo x"});
}

TEST_CASE("what cannot be read names its place") {
    const auto problem = [](std::map<std::string, std::string> files) {
        const auto text = lines_in(std::move(files));
        REQUIRE(text.problems.size() == 1);
        return text.problems[0].format();
    };
    const auto starts = [](const std::string& text, const std::string& words) {
        CAPTURE(text);
        CHECK(text.starts_with(words));
    };
    starts(problem({{"gitolite.conf", "\n  include x.conf\n"}}),
           "gitolite.conf:2:3: the name of the included file");
    starts(problem({{"gitolite.conf", "include \"x.conf\"\n"}}), "gitolite.conf:1:1: no such file: x.conf");
    starts(problem({{"gitolite.conf", "include \"x\"\n"}, {"x", ""}}),
           "gitolite.conf:1:1: the name of an included");
    starts(problem({{"gitolite.conf", "subconf \"x.conf\""}, {"x.conf", "subconf \"y.conf\"\n"}}),
           "x.conf:1:1: a subconf cannot contain");
    starts(problem({{"gitolite.conf", "repo a\n desc = a \\\n - = bob\n"}}),
           "gitolite.conf:2:2: whether the backslash");
    starts(problem({{"gitolite.conf", "repo a \\"}}), "gitolite.conf:1:1: the file ends within");
}
