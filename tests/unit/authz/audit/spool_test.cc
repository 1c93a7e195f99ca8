#include "authz/audit/spool.h"

#include "tests/unit/authz/audit/files.h"

using namespace gerve;
using namespace gerve::testing;

namespace {

Spool spool_in(const TemporaryDirectory& directory) {
    return {directory.file("audit.jsonl"), [](const std::string&) { return Result<std::uint64_t>(0); }};
}

std::vector<std::uint64_t> read_numbers(Spool& spool) {
    std::vector<std::uint64_t> numbers;
    for (const SpooledLine& line : must(spool.read(1000))) numbers.push_back(line.head.seq);
    return numbers;
}

using Numbers = std::vector<std::uint64_t>;

}  // namespace

TEST_CASE("what is written and taken back is not read, and what takes its place is") {
    const TemporaryDirectory directory;
    const std::string file = directory.file("audit.jsonl");
    const auto trail = open_trail(directory);
    write_events(*trail, 2);
    const std::string noted = text_of(directory.file("audit.jsonl.head"));
    const std::string before = text_of(file);
    Spool spool = spool_in(directory);
    CHECK(read_numbers(spool) == Numbers{1, 2, 3});
    write_events(*trail, 3);
    const std::string written = text_of(file);
    const std::string after = text_of(directory.file("audit.jsonl.head"));
    put_text(directory.file("audit.jsonl.head"), noted);
    SUBCASE("whole lines and half of one") {
        put_text(file, written.substr(0, written.size() - 100));
    }
    SUBCASE("half a line") {
        put_text(file, written.substr(0, before.size() + 100));
    }
    SUBCASE("what is no line") {
        put_text(file, before + "{}\nabc\n");
    }
    CHECK(read_numbers(spool).empty());
    CHECK(read_numbers(spool).empty());
    put_text(file, before);
    CHECK(read_numbers(spool).empty());
    put_text(file, written);
    put_text(directory.file("audit.jsonl.head"), after);
    CHECK(read_numbers(spool) == Numbers{4, 5, 6});
    CHECK(spool.take_missed() == 0);
}

TEST_CASE("what a killed writer noted nowhere comes with the next event, or for who asks for it") {
    const TemporaryDirectory directory;
    auto trail = open_trail(directory);
    write_events(*trail, 1);
    const std::string noted = text_of(directory.file("audit.jsonl.head"));
    write_events(*trail, 1);
    put_text(directory.file("audit.jsonl.head"), noted);
    Spool spool = spool_in(directory);
    CHECK(read_numbers(spool) == Numbers{1, 2});
    SUBCASE("the next event") {
        write_events(*open_trail(directory), 1);
        CHECK(read_numbers(spool) == Numbers{3, 4});
    }
    SUBCASE("all") {
        CHECK(spool.bytes_left() > 0);
        spool.read_to_the_end();
        CHECK(read_numbers(spool) == Numbers{3});
    }
    SUBCASE("the file is renamed first") {
        rename_file(directory, "audit.jsonl", "audit.jsonl.1");
        CHECK(read_numbers(spool).empty());
        write_events(*open_trail(directory), 1);
        CHECK(read_numbers(spool) == Numbers{3, 4, 5});
    }
}

TEST_CASE("renamed files are read to the last, whether or not there is a new one") {
    const TemporaryDirectory directory;
    const auto trail = open_trail(directory);
    for (const char* name : {"audit.jsonl.3", "audit.jsonl.2", "audit.jsonl.1"}) {
        write_events(*trail, 1);
        rename_file(directory, "audit.jsonl", name);
    }
    Spool spool = spool_in(directory);
    SUBCASE("none") {}
    SUBCASE("an empty one") {
        put_text(directory.file("audit.jsonl"), "");
    }
    CHECK(read_numbers(spool) == Numbers{1, 2, 3, 4, 5, 6});
    CHECK(read_numbers(spool).empty());
    write_events(*trail, 1);
    CHECK(read_numbers(spool) == Numbers{7, 8});
}

TEST_CASE("lines longer than what is read at a time, and a mess in front of the first, are read") {
    const TemporaryDirectory directory;
    put_text(directory.file("audit.jsonl"), std::string(10'000, 'x') + "\n");
    const auto trail = open_trail(directory);
    must(trail->append({{0, R"("event":"admin","why":")" + std::string(700'000, 'y') + '"'}}));
    write_events(*trail, 1);
    Spool spool = spool_in(directory);
    CHECK(read_numbers(spool) == Numbers{1, 2, 3});
}
