#include "authz/audit/trail.h"

#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "authz/audit/events.h"
#include "tests/unit/authz/audit/files.h"

using namespace gerve;
using namespace gerve::testing;

namespace {

// As a crash leaves it: the line was not whole, so nothing was noted of it.
void tear(const TemporaryDirectory& directory, const std::string& text) {
    put_text(directory.file("audit.jsonl"), text);
    std::filesystem::remove(directory.file("audit.jsonl.head"));
}

}  // namespace

TEST_CASE("a trail goes on after a restart, with one chain") {
    const TemporaryDirectory directory;
    for (int round = 0; round < 3; ++round) write_events(*open_trail(directory), 2);
    const auto lines = json_lines(directory.file("audit.jsonl"));
    REQUIRE(lines.size() == 7);
    CHECK(lines[0]["what"] == "begins");
    CHECK(lines[6]["seq"] == 7);
    CHECK(lines[6]["chain"] == lines[0]["chain"]);
    CHECK(verify(directory, {"audit.jsonl"}).empty());
}

TEST_CASE("the key is made once, for its owner alone") {
    const TemporaryDirectory directory;
    (void)open_trail(directory);
    const std::string key = text_of(directory.file("audit.key"));
    (void)open_trail(directory);
    CHECK(text_of(directory.file("audit.key")) == key);
    struct stat status {};
    REQUIRE(::stat(directory.file("audit.key").c_str(), &status) == 0);
    CHECK((status.st_mode & 0777) == 0600);
    std::filesystem::permissions(directory.file("audit.key"), std::filesystem::perms::others_read,
                                 std::filesystem::perm_options::add);
    CHECK_FALSE(Trail::open(trail_settings(directory)).has_value());
}

TEST_CASE("a renamed file is left, and the next carries the chain on") {
    const TemporaryDirectory directory;
    const auto trail = open_trail(directory);
    write_events(*trail, 3);
    rename_file(directory, "audit.jsonl", "audit.jsonl.1");
    SUBCASE("by the writer that had it open") {
        write_events(*trail, 2);
    }
    SUBCASE("by another that never saw it") {
        write_events(*open_trail(directory), 2);
    }
    SUBCASE("by another, and then by the first") {
        write_events(*open_trail(directory), 1);
        write_events(*trail, 1);
    }
    const auto lines = json_lines(directory.file("audit.jsonl"));
    REQUIRE(lines.size() == 3);
    CHECK(lines[0]["what"] == "continues");
    CHECK(lines[0]["previous_seq"] == 4);
    CHECK(lines[0]["previous_mac"] == json_lines(directory.file("audit.jsonl.1")).back()["mac"]);
    CHECK(lines[2]["seq"] == 7);
    CHECK(verify(directory, {"audit.jsonl.1", "audit.jsonl"}).empty());
    CHECK(verify(directory, {"audit.jsonl"}).empty());
    CHECK(list_trail_files(directory.file("audit.jsonl")) ==
          std::vector{directory.file("audit.jsonl.1"), directory.file("audit.jsonl")});
}

TEST_CASE("a file that was filled and renamed behind a writer's back is not forgotten") {
    const TemporaryDirectory directory;
    const auto idle = open_trail(directory);
    write_events(*idle, 1);
    rename_file(directory, "audit.jsonl", "audit.jsonl.2");
    write_events(*open_trail(directory), 4);
    rename_file(directory, "audit.jsonl", "audit.jsonl.1");
    write_events(*idle, 1);
    CHECK(verify(directory, {"audit.jsonl.2", "audit.jsonl.1", "audit.jsonl"}).empty());
}

TEST_CASE("a head that was noted too early does not bend the chain") {
    const TemporaryDirectory directory;
    write_events(*open_trail(directory), 1);
    const std::string noted = text_of(directory.file("audit.jsonl.head"));
    write_events(*open_trail(directory), 3);
    put_text(directory.file("audit.jsonl.head"), noted);  // killed between the line and its note
    rename_file(directory, "audit.jsonl", "audit.jsonl.1");
    write_events(*open_trail(directory), 1);
    CHECK(verify(directory, {"audit.jsonl.1", "audit.jsonl"}).empty());
}

TEST_CASE("what a crash tore is named by the next line, wherever it was torn") {
    const TemporaryDirectory directory;
    write_events(*open_trail(directory), 2);
    const std::string whole = text_of(directory.file("audit.jsonl"));
    const std::size_t last = whole.rfind('\n', whole.size() - 2) + 1;
    for (std::size_t cut = last + 1; cut < whole.size(); cut += 13) {
        tear(directory, whole.substr(0, cut));
        write_events(*open_trail(directory), 1);
        const auto problems = verify(directory, {"audit.jsonl"});
        CHECK(problems.empty());
        // Torn again, in the very line that recovers.
        const std::string again = text_of(directory.file("audit.jsonl"));
        tear(directory, again.substr(0, cut + 40));
        write_events(*open_trail(directory), 1);
        CHECK(verify(directory, {"audit.jsonl"}).empty());
    }
}

TEST_CASE("events that were cut off are missed for good") {
    const TemporaryDirectory directory;
    write_events(*open_trail(directory), 5);
    const std::string whole = text_of(directory.file("audit.jsonl"));
    put_text(directory.file("audit.jsonl"), whole.substr(0, whole.find("{\"seq\":5,")));
    write_events(*open_trail(directory), 1);
    CHECK(json_lines(directory.file("audit.jsonl")).back()["seq"] == 7);
    CHECK(verify(directory, {"audit.jsonl"}) ==
          std::vector<std::string>{"audit.jsonl:5: events 5 to 6 are missing before this line"});
}

TEST_CASE("a torn line that was changed afterwards is found") {
    const TemporaryDirectory directory;
    write_events(*open_trail(directory), 2);
    put_text(directory.file("audit.jsonl"), text_of(directory.file("audit.jsonl")) + "{\"seq\":4,\"cha");
    write_events(*open_trail(directory), 1);
    std::string text = text_of(directory.file("audit.jsonl"));
    text[text.find("\"cha\n") + 1] = 'x';
    put_text(directory.file("audit.jsonl"), text);
    CHECK(verify(directory, {"audit.jsonl"}) ==
          std::vector<std::string>{
              "audit.jsonl:4: this is not a line of the trail: it was altered or inserted"});
}

TEST_CASE("a file that holds something else is not taken for the trail's beginning") {
    const TemporaryDirectory directory;
    put_text(directory.file("audit.jsonl"), "{\"seq\":1,\"time\":1}\n");
    write_events(*open_trail(directory), 1);
    CHECK(verify(directory, {"audit.jsonl"}).empty());
    CHECK(text_of(directory.file("audit.jsonl")).starts_with("{\"seq\":1,\"time\":1}\n{\"seq\":1,\"chain\""));
}

TEST_CASE("nothing is written of a batch that does not fit") {
    const TemporaryDirectory directory;
    const auto trail = open_trail(directory);
    write_events(*trail, 1);
    const std::string before = text_of(directory.file("audit.jsonl"));
    {
        const FileSizeLimit full(before.size() + 100);
        CHECK_FALSE(trail->append({service_fact("started"), service_fact("started")}).has_value());
    }
    CHECK(text_of(directory.file("audit.jsonl")) == before);
    write_events(*trail, 1);
    CHECK(verify(directory, {"audit.jsonl"}).empty());
}
