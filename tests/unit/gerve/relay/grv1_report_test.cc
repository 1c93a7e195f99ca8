#include "gerve/relay/grv1_report.h"

#include <doctest/doctest.h>

#include "gerve/relay/grv1.h"

namespace gerve {
namespace {

using grv1::FrameReader;
using grv1::Report;

// What a gateway makes of the frames of an agent.
Report there_and_back(const Report& report) {
    const std::string frames = grv1::encode_open_ok(1) + grv1::encode_report(report);
    FrameReader reader(FrameReader::Receiver::gateway);
    std::string_view rest = frames;
    Report got;
    while (true) {
        const auto part = reader.next(rest);
        REQUIRE(part);
        if (!*part) break;
        if ((*part)->type == grv1::FrameType::report) REQUIRE(grv1::parse_report((*part)->payload, got));
    }
    CHECK(reader.at_boundary());
    return got;
}

TEST_CASE("a report comes through as it was, in as many frames as it needs") {
    Report report;
    report.push = PushFacts{3, 2, 1, 7, true};
    report.fetch = FetchFacts{12, true, false, true};
    report.git_said = "fatal: no";
    for (int i = 0; i < 2000; ++i) {
        const std::string digits = i % 2 == 0 ? std::string(40, 'a') : std::string(64, 'c');
        report.changes.push_back({"refs/heads/" + std::to_string(i), digits, std::string(digits.size(), '0'),
                                  static_cast<RefOutcome>(i % 3), static_cast<Forced>(i % 3), i % 5 == 0,
                                  i % 7 == 0 ? "hook declined" : ""});
    }
    const Report got = there_and_back(report);
    CHECK(got.push->taken == 3);
    CHECK(got.push->unknown == 1);
    CHECK(got.push->options == 7);
    CHECK(got.push->is_signed);
    CHECK(got.fetch->wants == 12);
    CHECK(got.fetch->clone);
    CHECK_FALSE(got.fetch->shallow);
    CHECK(got.fetch->partial);
    CHECK(got.git_said == "fatal: no");
    REQUIRE(got.changes.size() == report.changes.size());
    for (std::size_t i = 0; i < got.changes.size(); ++i) {
        const RefChange& was = report.changes[i];
        const RefChange& is = got.changes[i];
        CAPTURE(i);
        CHECK(is.ref == was.ref);
        CHECK(is.old_id == was.old_id);
        CHECK(is.new_id == was.new_id);
        CHECK(is.outcome == was.outcome);
        CHECK(is.forced == was.forced);
        CHECK(is.settled == was.settled);
        CHECK(is.why == was.why);
    }
    CHECK(grv1::encode_report({}).empty());
}

TEST_CASE("names that are no UTF-8 are told with their bytes") {
    Report report;
    report.changes.push_back({"refs/heads/\xe9", std::string(40, 'a'), std::string(40, 'b')});
    report.changes.push_back(
        {"refs/heads/" + std::string(1000, '\xff'), std::string(40, 'a'), std::string(40, 'b')});
    const Report got = there_and_back(report);
    CHECK(got.changes[0].ref == "refs/heads/\\xe9");
    CHECK(got.changes[1].ref.size() <= RefChange::max_ref);
    CHECK(RefChange::parse(got.changes[1].text()));
}

TEST_CASE("a malformed report is refused, what came before it stays, and unknown items are skipped") {
    const std::string fetch("\0\3\0\5\0\0\0\2\1", 9);
    const std::string unknown("\7\7\0\2xx", 6);
    Report report;
    REQUIRE(grv1::parse_report(unknown + fetch, report));
    CHECK(report.fetch->wants == 2);
    const std::string id(20, 'i');
    const auto ref = [&](const std::string& head, const std::string& tail) {
        const std::string value = head + id + id + tail;
        return std::string("\0\1\0", 3) + static_cast<char>(value.size()) + value;
    };
    Report one;
    REQUIRE(grv1::parse_report(ref(std::string("\0\0\0\x14", 4), std::string("\0\1x", 3) + "why"), one));
    CHECK(one.changes[0].why == "why");
    for (const std::string& bad :
         {std::string("\0\1", 2), std::string("\0\1\0\5xx", 6), std::string("\0\1\0\0", 4),
          std::string("\0\2\0\1x", 5), std::string("\0\3\0\6xxxxxx", 10),
          ref(std::string("\3\0\0\x14", 4), std::string("\0\1x", 3)),     // no such outcome
          ref(std::string("\0\3\0\x14", 4), std::string("\0\1x", 3)),     // no such word for forced
          ref(std::string("\0\0\2\x14", 4), std::string("\0\1x", 3)),     // no flag
          ref(std::string("\0\0\0\x13", 4), std::string("\0\1x", 3)),     // no object id
          ref(std::string("\0\0\0\x14", 4), std::string("\0\0", 2)),      // no name
          ref(std::string("\0\0\0\x14", 4), std::string("\0\2x\0", 4)),   // a zero byte in it
          ref(std::string("\0\0\0\x14", 4), std::string("\0\5x", 3))}) {  // a name that is cut off
        CAPTURE(bad);
        Report got;
        CHECK_FALSE(grv1::parse_report(fetch + bad, got));
        CHECK(got.fetch);
        CHECK(got.changes.empty());
    }
}

TEST_CASE("the refs that are taken from a report are limited") {
    const std::string id(20, 'i');
    const std::string value = std::string("\0\0\0\x14", 4) + id + id + std::string("\0\1x", 3);
    std::string items;
    for (int i = 0; i < 100; ++i) items += std::string("\0\1\0", 3) + static_cast<char>(value.size()) + value;
    Report report;
    for (std::size_t i = 0; i < max_ref_changes / 100 + 5; ++i) REQUIRE(grv1::parse_report(items, report));
    CHECK(report.changes.size() == max_ref_changes);
}

}  // namespace
}  // namespace gerve
