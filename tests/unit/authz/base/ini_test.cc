#include "authz/base/ini.h"

#include <doctest/doctest.h>

using namespace gerve;

namespace {

// "unset", or "error: …".
std::string value_in(const std::string& text, const std::string& key, const std::string& section = "") {
    const auto file = IniFile::parse(text, "app.ini");
    if (!file) return "error: " + file.error().told;
    const auto value = file->find(section, key);
    if (!value) return "error: " + value.error().told;
    return value->value_or("unset");
}

std::string value_of(const std::string& written) {
    return value_in("A = " + written + "\n", "A");
}

}  // namespace

TEST_CASE("a value ends at a comment, whatever stands before it") {
    CHECK(value_of("  plain words \t") == "plain words");
    CHECK(value_of("text ; a comment") == "text");
    CHECK(value_of("text#a comment") == "text");
    CHECK(value_of("\"a#b\"") == "\"a");
    CHECK(value_of("; nothing") == "unset");
    CHECK(value_of("") == "unset");
    CHECK(value_of("a = b: c") == "a = b: c");
}

TEST_CASE("quotes around a whole value go, others stay") {
    CHECK(value_of("\"true\"") == "true");
    CHECK(value_of("'true' ; a comment") == "true");
    CHECK(value_of("\"\"") == "unset");
    CHECK(value_of("\"a\" and \"b\"") == "\"a\" and \"b\"");
    CHECK(value_of("it's") == "it's");
    CHECK(value_of("\"mixed'") == "\"mixed'");
}

TEST_CASE("what stands between backquotes or three quotes is taken as it is, to the last of them") {
    CHECK(value_of("`a#b;c \"d\" `") == "a#b;c \"d\" ");
    CHECK(value_of("`a`b` ; a comment") == "a`b");
    CHECK(value_of("\"\"\"say \"yes\"; #1\"\"\"") == "say \"yes\"; #1");
    CHECK(value_of("``") == "unset");
}

TEST_CASE("between them it goes on over lines, which hold neither keys nor sections") {
    const std::string text = "A = `one\n[server]\nB = 1\n\nlast` # B = 2\nC = 3\n";
    CHECK(value_in(text, "A") == "one\n[server]\nB = 1\n\nlast");
    CHECK(value_in(text, "B") == "unset");
    CHECK(value_in(text, "C") == "3");
    CHECK(value_in("A = \"\"\"one\ntwo\"\"\"\n", "A") == "one\ntwo");
    CHECK(value_in("\nA = `one\ntwo\n", "A") ==
          "error: app.ini:2: a quoted value does not end: ` is missing");
}

TEST_CASE("a backslash at the end of a line is the value's, and the next line another key") {
    CHECK(value_in("A = C:\\\nB = 2\n", "A") == "C:\\");
    CHECK(value_in("A = C:\\\nB = 2\n", "B") == "2");
}

TEST_CASE("a key's name ends at = or :, and may stand in quotes") {
    CHECK(value_in("A=1\n", "A") == "1");
    CHECK(value_in("A : b=c\n", "A") == "b=c");
    CHECK(value_in("two words = 1\n", "two words") == "1");
    CHECK(value_in("\"A\" = 1\n", "A") == "1");
    CHECK(value_in("`A=B`= 1\n", "A=B") == "1");
    CHECK(value_in("\"\"\"A\"B\"\"\" = 1\n", "A\"B") == "1");
    CHECK(value_in("A = 1\na = 2\n", "A") == "1");
    CHECK(value_in("A = 1\nA = 2\n", "A") == "2");
    for (const char* line : {"words", "= 1", "\"A = 1", "`` = 1", "\"A\" 1"})
        CHECK(value_in(line, "A") == "error: app.ini:1: expected KEY = VALUE, a [section] or a comment");
}

TEST_CASE("a section's name ends at the last bracket of its line, and counts to the byte") {
    const std::string text = "A = top\n[one]\nA = 1\n[two] ; a comment\nA = 2\n[DEFAULT]\nB = too\n";
    CHECK(value_in(text, "A") == "top");
    CHECK(value_in(text, "A", "one") == "1");
    CHECK(value_in(text, "A", "two") == "2");
    CHECK(value_in(text, "B") == "too");
    CHECK(value_in(text, "A", "Two") == "unset");
    CHECK(value_in("[one] # [x]\nA = 1\n", "A", "one") == "unset");
    CHECK(value_in("[ one ]\nA = 1\n", "A", "one") == "unset");
    CHECK(value_in("[one]\nA = 1\n[two]\n[one]\nB = 2\n", "A", "one") == "1");
    CHECK(value_in("[one\n", "A") == "error: app.ini:1: a section's name does not end: ']' is missing");
}

TEST_CASE("comments, empty lines, other ends of lines and a byte order mark do not matter") {
    CHECK(value_in("\xef\xbb\xbf"
                   "A = 1\r\n\r\n# B = 2\r\n  ; C = 3\r\n  D = 4",
                   "A") == "1");
    CHECK(value_in("# A = 1\n  ; A = 2\n", "A") == "unset");
    CHECK(value_in("  A = 1", "A") == "1");
    CHECK(value_in(std::string("A = 1\0", 6), "A") == "error: app.ini: the file contains a zero byte");
}

TEST_CASE("%(NAME)s is the value of that key, of the section or of the top") {
    const std::string text =
        "HOST = top\nPORT = 1\n[server]\nHOST = git\nURL = http://%(HOST)s:%(PORT)s/%(HOST)s\n"
        "DEEP = <%(URL)s>\nNONE = %(EMPTY)s\nEMPTY =\n";
    CHECK(value_in(text, "URL", "server") == "http://git:1/git");
    CHECK(value_in(text, "DEEP", "server") == "<http://git:1/git>");
    CHECK(value_in(text, "NONE", "server") == "unset");
    // A key that names itself means the one of the top.
    CHECK(value_in("A = 1\n[server]\nA = %(A)s!\n", "A", "server") == "1!");
    CHECK(value_of("100%, %s, %(), %(B, %(B)d") == "100%, %s, %(), %(B, %(B)d");
    CHECK(value_in("B = x\nA = %(C)d %(B)s\n", "A") == "%(C)d x");
}

TEST_CASE("%(NAME)s that leads nowhere or back to itself is an error where it is asked for") {
    CHECK(value_in("A = %(B)s\n", "A") ==
          "error: app.ini:1: %(B)s names no key of this section or of the top");
    CHECK(value_in("A = %(B)s\nC = 1\n", "C") == "1");
    CHECK(value_in("A = %(A)s\n", "A") == "error: app.ini:1: %(A)s leads back to itself");
    CHECK(value_in("[x]\nA = %(A)s\n", "A", "x") == "error: app.ini:2: %(A)s leads back to itself");
    CHECK(value_in("C = %(A)s\nA = %(B)s\nB = %(A)s\n", "C").find("s leads back to itself") !=
          std::string::npos);
}

TEST_CASE("flags are the library's words alone") {
    for (const char* word :
         {"1", "t", "T", "true", "TRUE", "True", "y", "yes", "YES", "Yes", "on", "ON", "On"})
        CHECK(parse_ini_flag(word) == true);
    for (const char* word :
         {"0", "f", "F", "false", "FALSE", "False", "n", "no", "NO", "No", "off", "OFF", "Off"})
        CHECK(parse_ini_flag(word) == false);
    for (const char* word : {"", "Y", "N", "tRUE", "2", "enabled"})
        CHECK_FALSE(parse_ini_flag(word).has_value());
}

TEST_CASE("an error about a key has its place, if it is set") {
    const auto file = IniFile::parse("\n[one]\nA = 1\n", "app.ini");
    REQUIRE(file.has_value());
    CHECK(file->complaint("one", "A", "is wrong").value().told == "app.ini:3: A is wrong");
    CHECK(file->complaint("one", "B", "is missing").value().told == "app.ini: B is missing");
}
