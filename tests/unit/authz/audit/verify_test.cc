#include "authz/audit/verify.h"

#include "tests/unit/authz/audit/files.h"

using namespace gerve;
using namespace gerve::testing;

namespace {

using Lines = std::vector<std::string>;

// Ten events, in one file.
class TenEvents {
  public:
    TenEvents() {
        const auto trail = open_trail(directory);
        write_events(*trail, 9);
        head = trail->head();
        lines = text_lines(directory.file("audit.jsonl"));
    }
    [[nodiscard]] Lines problems(std::vector<TrailHead> anchors = {}) const {
        std::string text;
        for (const std::string& line : lines) text += line + "\n";
        put_text(directory.file("audit.jsonl"), text);
        return verify(directory, {"audit.jsonl"}, std::move(anchors));
    }

    TemporaryDirectory directory;
    Lines lines;
    TrailHead head;
};

}  // namespace

TEST_CASE("an untouched trail has no problem, and fits its anchor") {
    const TenEvents trail;
    CHECK(trail.problems({trail.head}).empty());
    CHECK(must(parse_anchor(format_anchor(trail.head))) == trail.head);
}

TEST_CASE("every flipped byte is found, on its line") {
    TenEvents trail;
    const std::string before = trail.lines[5];
    for (std::size_t i = 0; i < before.size(); ++i) {
        trail.lines[5] = before;
        trail.lines[5][i] = static_cast<char>(before[i] ^ 1);
        const Lines problems = trail.problems();
        REQUIRE_FALSE(problems.empty());
        CHECK(problems.front().starts_with("audit.jsonl:6: "));
    }
    trail.lines[5] = before;
    trail.lines[5].replace(before.find("started"), 7, "stopped");
    CHECK(trail.problems() == Lines{"audit.jsonl:6: event 6 was altered"});
}

TEST_CASE("the first line is held against what it says as any other") {
    TenEvents trail;
    const std::string before = trail.lines[0];
    for (std::size_t i = 0; i < before.size(); ++i) {
        trail.lines[0] = before;
        trail.lines[0][i] = static_cast<char>(before[i] ^ 1);
        const Lines problems = trail.problems();
        REQUIRE_FALSE(problems.empty());
        CHECK(problems.front().starts_with("audit.jsonl:1: "));
    }
    trail.lines[0] = before;
    trail.lines[0].replace(before.find("gw1"), 3, "gw2");
    CHECK(trail.problems() == Lines{"audit.jsonl:1: event 1 was altered"});
}

TEST_CASE("a beginning that was cut off is found, whatever its new first line says") {
    TenEvents trail;
    trail.lines.erase(trail.lines.begin());
    const std::string cut = "audit.jsonl:1: the beginning is cut off: the trail starts at event ";
    CHECK(trail.problems() == Lines{cut + "2"});
    trail.lines.erase(trail.lines.begin(), trail.lines.begin() + 3);
    trail.lines[0].replace(trail.lines[0].find("gw1"), 3, "gw2");
    CHECK(trail.problems() == Lines{cut + "5"});
}

TEST_CASE("a deleted line is found, wherever it stood") {
    TenEvents trail;
    trail.lines.erase(trail.lines.begin() + 5);
    CHECK(trail.problems() == Lines{"audit.jsonl:6: event 6 is missing before this line"});
    trail.lines.erase(trail.lines.begin() + 5);
    CHECK(trail.problems() == Lines{"audit.jsonl:6: events 6 to 7 are missing before this line"});
}

TEST_CASE("a swapped pair is found") {
    TenEvents trail;
    std::swap(trail.lines[5], trail.lines[6]);
    CHECK(trail.problems() == Lines{"audit.jsonl:7: event 6 comes after event 7: moved"});
}

TEST_CASE("a line put in twice is found, and one put in by somebody without the key") {
    TenEvents trail;
    trail.lines.insert(trail.lines.begin() + 6, trail.lines[5]);
    CHECK(trail.problems() == Lines{"audit.jsonl:7: event 6 comes after event 6: a copy, or out of order"});
    trail.lines[6] = "{}";
    CHECK(trail.problems() ==
          Lines{"audit.jsonl:7: this is not a line of the trail: it was altered or inserted"});
}

TEST_CASE("a cut tail is found by the anchor") {
    TenEvents trail;
    trail.lines.resize(7);
    CHECK(trail.problems().empty());
    CHECK(trail.problems({trail.head}) ==
          Lines{"audit.jsonl:7: cut off: the trail ends at event 7, but the anchor is event 10"});
}

TEST_CASE("an anchor in a file that is gone is not met, but for its very end") {
    const TenEvents trail;
    const TrailHead earlier = parse_line(trail.lines[6])->head;
    rename_file(trail.directory, "audit.jsonl", "audit.jsonl.1");
    write_events(*open_trail(trail.directory), 1);
    CHECK(verify(trail.directory, {"audit.jsonl.1", "audit.jsonl"}, {earlier, trail.head}).empty());
    CHECK(verify(trail.directory, {"audit.jsonl"}, {trail.head}).empty());
    CHECK(verify(trail.directory, {"audit.jsonl"}, {earlier}) ==
          Lines{"audit.jsonl:2: the anchored event 7 is not in these files"});
    TrailHead other = trail.head;
    other.mac = first_mac();
    CHECK(verify(trail.directory, {"audit.jsonl"}, {other}) ==
          Lines{"audit.jsonl:2: the anchored event 10 is not in these files"});
}

TEST_CASE("a trail written anew by somebody who has the key does not fit the anchor") {
    const TenEvents trail;
    const ChainKey key = must(load_chain_key(trail.directory.file("audit.key")));
    TrailHead head{trail.head.chain, 0, first_mac()};
    std::string text = make_line(key, "gw1", fact_of(TrailNote{"begins", {}, {}}), head);
    while (head.seq < 10) text += make_line(key, "gw1", service_fact("stopped"), head);
    put_text(trail.directory.file("audit.jsonl"), text);
    CHECK(verify(trail.directory, {"audit.jsonl"}).empty());
    CHECK(verify(trail.directory, {"audit.jsonl"}, {trail.head}) ==
          Lines{"audit.jsonl:10: event 10 is not the event that was anchored"});
}

TEST_CASE("a trail that was begun anew is told, and that the anchored one is not there") {
    const TenEvents trail;
    rename_file(trail.directory, "audit.jsonl", "old");
    std::filesystem::remove(trail.directory.file("audit.jsonl.head"));
    write_events(*open_trail(trail.directory), 1);
    CHECK(verify(trail.directory, {"old", "audit.jsonl"}) ==
          Lines{"audit.jsonl:1: another trail begins here: nothing links it to the lines before"});
    CHECK(verify(trail.directory, {"audit.jsonl"}, {trail.head}) ==
          Lines{"audit.jsonl:2: the anchored trail " + trail.head.chain + " is not in these files"});
}

TEST_CASE("a file left out between two others is found") {
    const TenEvents trail;
    rename_file(trail.directory, "audit.jsonl", "audit.jsonl.2");
    write_events(*open_trail(trail.directory), 2);
    rename_file(trail.directory, "audit.jsonl", "audit.jsonl.1");
    write_events(*open_trail(trail.directory), 2);
    CHECK(verify(trail.directory, {"audit.jsonl.2", "audit.jsonl.1", "audit.jsonl"}).empty());
    CHECK(verify(trail.directory, {"audit.jsonl.2", "audit.jsonl"}) ==
          Lines{"audit.jsonl:1: events 11 to 13 are missing before this line"});
}

TEST_CASE("what is no anchor is refused") {
    for (const char* text : {"", "x", "a:1:b", "00112233445566778899aabbccddeeff:x:00"})
        CHECK_FALSE(parse_anchor(text));
}
