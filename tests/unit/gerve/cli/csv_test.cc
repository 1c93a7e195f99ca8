#include "gerve/cli/csv.h"

#include <doctest/doctest.h>

#include "gerve/cli/command.h"

using namespace gerve;

TEST_CASE("a cell is quoted where RFC 4180 asks for it, and stays on its line") {
    CHECK(csv_cell("").empty());
    CHECK(csv_cell("the laptop") == "the laptop");
    CHECK(csv_cell("a, b") == "\"a, b\"");
    CHECK(csv_cell("say \"x\"") == "\"say \"\"x\"\"\"");
    CHECK(csv_cell("a\r\nb") == "a\\x0d\\x0ab");
    CHECK(csv_cell("Zo\xc3\xab \x1b[2J\xe2\x80\xae") == "Zo\xc3\xab \\x1b[2J\\xe2\\x80\\xae");
}

TEST_CASE("no cell is a formula") {
    CHECK(csv_cell("=1+1") == "'=1+1");
    CHECK(csv_cell("+1") == "'+1");
    CHECK(csv_cell("-1") == "'-1");
    CHECK(csv_cell("@SUM(A1)") == "'@SUM(A1)");
    CHECK(csv_cell("=HYPERLINK(\"http://x\",\"y\")") == "\"'=HYPERLINK(\"\"http://x\"\",\"\"y\"\")\"");
    CHECK(csv_cell("\t=1").front() != '\t');
    CHECK(csv_cell("\r=1").front() != '\r');
    CHECK(csv_cell("1=1") == "1=1");
}

TEST_CASE("a line ends in CRLF, and cells that are empty keep their place") {
    CHECK(csv_line({"a", "", "b,c"}) == "a,,\"b,c\"\r\n");
    CHECK(csv_line({""}) == "\r\n");
    CHECK(csv_line({"", ""}) == ",\r\n");
}

TEST_CASE("a list is printed in one form") {
    refuse_two_forms(true, false);
    refuse_two_forms(false, true);
    CHECK_THROWS_AS(refuse_two_forms(true, true), Stop);
}
