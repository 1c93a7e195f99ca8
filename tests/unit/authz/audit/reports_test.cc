#include <doctest/doctest.h>

#include "authz/audit/audit.h"
#include "tests/unit/authz/audit/files.h"
#include "tests/unit/authz/audit/sink.h"

using namespace gerve;
using namespace gerve::testing;

TEST_CASE("a session that is reported again, by one who never got the answer, is one event") {
    const TemporaryDirectory directory;
    const SessionReport report = make_report("");
    for (int life = 0; life < 2; ++life) {
        const auto sink = must(AuditSink::open(settings_in(directory)));
        for (int i = 0; i < 2; ++i) sink->record(SessionEnded{report, alice});
    }
    int sessions = 0;
    for (const auto& line : json_lines(directory.file("audit.jsonl")))
        sessions += line["event"] == "session" ? 1 : 0;
    CHECK(sessions == 1);
}

TEST_CASE("a part of a push that is told again is one event, and each of its parts is") {
    const TemporaryDirectory directory;
    PushReport report{"", make_report("").request, from_gateway(), "alice/site", 1, {}};
    report.changes.push_back({"refs/heads/a\n\"x\"", std::string(40, '0'), std::string(40, 'a'),
                              RefOutcome::refused, Forced::no, true, "hook declined"});
    for (int life = 0; life < 2; ++life) {
        const auto sink = must(AuditSink::open(settings_in(directory)));
        for (const std::uint32_t part : {1U, 2U, 12U, 1U, 2U}) {
            report.part = part;
            sink->record(RefsPushed{report, alice});
        }
    }
    std::vector<int> parts;
    for (const auto& line : json_lines(directory.file("audit.jsonl"))) {
        if (line["event"] != "push") continue;
        parts.push_back(line["part"]);
        CHECK(line["user"] == "Alice");
        CHECK(line["refs"][0] == nlohmann::json{{"ref", "refs/heads/a\n\"x\""},
                                                {"kind", "create"},
                                                {"old", std::string(40, '0')},
                                                {"new", std::string(40, 'a')},
                                                {"outcome", "refused"},
                                                {"settled", true},
                                                {"why", "hook declined"}});
    }
    CHECK(parts == std::vector<int>{1, 2, 12});
}
