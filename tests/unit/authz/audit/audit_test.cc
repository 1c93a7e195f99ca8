#include "authz/audit/audit.h"

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

#include "tests/unit/authz/service/fixture.h"

using namespace gerve;
using namespace gerve::testing;

namespace {

std::vector<nlohmann::json> lines_of(const std::string& file) {
    std::ifstream in(file);
    std::vector<nlohmann::json> lines;
    for (std::string line; std::getline(in, line);) lines.push_back(nlohmann::json::parse(line));
    return lines;
}

const std::optional<KnownKey> alice =
    KnownKey{KeyId{1}, make_key(1).fingerprint(), User{AccountId{1}, login("Alice")}};

void record_session(AuditSink& sink) {
    sink.record(SessionEnded{make_report(""), alice});
}

}  // namespace

TEST_CASE("each event is one numbered line of JSON, whatever bytes a client sent") {
    const TemporaryDirectory directory;
    const auto sink = must(AuditSink::open(directory.file("audit.jsonl")));
    KeyRequest proven = ask_key(1);
    proven.client.version = std::string("SSH\n{\"seq\":9}\x1b[2J\xff", 18);
    sink->record(KeySeen{proven, alice});
    KeyRequest offered = proven;
    offered.proven = false;
    sink->record(KeySeen{offered, alice});
    const std::optional<KnownKey> nobody;
    sink->record(KeySeen{ask_key(9), nobody});
    const AuthorizeRequest request = ask_access("");
    sink->record(Decided{request, *alice, Deny{"ERROR: x\n", Rule::archived}});
    record_session(*sink);

    const auto lines = lines_of(directory.file("audit.jsonl"));
    REQUIRE(lines.size() == 4);
    for (std::size_t i = 0; i < lines.size(); ++i) CHECK(lines[i]["seq"] == i + 1);
    CHECK(lines[0]["event"] == "proven");
    CHECK(lines[0]["user"] == "Alice");
    CHECK(lines[0]["fingerprint"] == make_key(1).fingerprint().text());
    CHECK(lines[0]["address"] == "192.0.2.7");
    CHECK_FALSE(lines[1].contains("user"));
    CHECK(lines[2]["event"] == "decision");
    CHECK(lines[2]["is"] == "deny");
    CHECK(lines[2]["because"] == "archived");
    CHECK(lines[2]["request"] == request.request.text());
    CHECK(lines[3]["event"] == "session");
    CHECK(lines[3]["ended"] == "exit");
}

TEST_CASE("the numbers go on after a restart, and behind a line that a crash cut short") {
    const TemporaryDirectory directory;
    const std::string file = directory.file("audit.jsonl");
    for (int round = 0; round < 3; ++round) record_session(*must(AuditSink::open(file)));
    std::ofstream(file, std::ios::app) << "{\"seq\":4,\"eve";
    record_session(*must(AuditSink::open(file)));
    std::ifstream in(file);
    std::vector<std::string> lines;
    for (std::string line; std::getline(in, line);) lines.push_back(line);
    REQUIRE(lines.size() == 5);
    CHECK(lines[2].starts_with("{\"seq\":3,"));
    CHECK(lines[4].starts_with("{\"seq\":4,"));
}

TEST_CASE("many threads write whole lines without a gap") {
    const TemporaryDirectory directory;
    const auto sink = must(AuditSink::open(directory.file("audit.jsonl")));
    std::vector<std::thread> threads;
    for (int i = 0; i < 8; ++i) {
        threads.emplace_back([&] {
            for (int round = 0; round < 50; ++round) record_session(*sink);
        });
    }
    for (std::thread& thread : threads) thread.join();
    const auto lines = lines_of(directory.file("audit.jsonl"));
    REQUIRE(lines.size() == 400);
    for (std::size_t i = 0; i < lines.size(); ++i) CHECK(lines[i]["seq"] == i + 1);
}

TEST_CASE("after a rotation it goes on in a new file, and the numbers with it") {
    const TemporaryDirectory directory;
    const auto sink = must(AuditSink::open(directory.file("audit.jsonl")));
    record_session(*sink);
    std::filesystem::rename(directory.file("audit.jsonl"), directory.file("audit.1"));
    must(sink->reopen());
    record_session(*sink);
    CHECK(lines_of(directory.file("audit.jsonl")).at(0)["seq"] == 2);
}

TEST_CASE("a place where no file can be is an error at the start, and a sink without one writes nothing") {
    CHECK_FALSE(AuditSink::open("/no/such/place/audit.jsonl").has_value());
    AuditSink nowhere;
    record_session(nowhere);
    CHECK(nowhere.reopen().has_value());
}
