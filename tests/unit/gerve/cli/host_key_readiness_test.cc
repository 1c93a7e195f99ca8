#include "gerve/cli/host_key_readiness.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "gerve/cli/gateway_host_keys.h"

using namespace gerve;

namespace {

const Fingerprint serving = Fingerprint::of_blob("serving");
const Fingerprint next = Fingerprint::of_blob("next");
const Fingerprint other = Fingerprint::of_blob("other");

std::string proof(const std::string& who, const std::string& host_key) {
    AuditJson event{{"event", "proven"}, {"fingerprint", who}, {"key", 1}, {"user", who}};
    if (!host_key.empty()) event["host_key"] = host_key;
    return event.dump();
}

std::string session(const std::string& who, const std::vector<std::string>& keys) {
    return AuditJson{{"event", "session"}, {"fingerprint", who}, {"host_keys_learned", keys}}.dump();
}

std::vector<std::string> unprepared(const HostKeyReadiness& readiness) {
    std::vector<std::string> who;
    for (const AuditJson& event : readiness.unprepared) who.push_back(event["fingerprint"]);
    return who;
}

}  // namespace

TEST_CASE("whoever relies on the serving key and has not learned the next one would be warned") {
    const auto readiness = judge_readiness(
        {proof("learned", serving.text()), proof("not", serving.text()),
         proof("learned-another", serving.text()), proof("elsewhere", other.text()), proof("of-old", ""),
         proof("of-old-but-learned", "")},
        {session("learned", {other.text(), next.text()}), session("learned-another", {other.text()}),
         session("of-old-but-learned", {next.text()})},
        serving, next);
    CHECK(readiness.keys == 6);
    CHECK(readiness.elsewhere == 1);
    CHECK(readiness.prepared == 2);
    CHECK(unprepared(readiness) == std::vector<std::string>{"not", "learned-another", "of-old"});
}

TEST_CASE("a key that nobody knows counts for nothing, and one with two events once") {
    const std::string unknown = R"({"event":"proven","fingerprint":"x","host_key":"y"})";
    const auto readiness =
        judge_readiness({unknown, proof("a", serving.text()), proof("a", serving.text()), "{"},
                        {"[]", "nonsense"}, serving, next);
    CHECK(readiness.keys == 1);
    CHECK(unprepared(readiness) == std::vector<std::string>{"a"});
}

TEST_CASE("a gateway whose clients accepted a key that is not listed here is named") {
    const auto by = [](const std::string& gateway, const std::string& host_key) {
        AuditJson event{{"event", "proven"}, {"time", "2026-11-30T08:00:00.000000Z"}, {"gateway", gateway}};
        if (!host_key.empty()) event["host_key"] = host_key;
        return event.dump();
    };
    const std::vector<std::string> own{serving.text(), next.text()};
    const auto well =
        compare_gateways({by("one", serving.text()), by("two", next.text()), by("old", "")}, own);
    REQUIRE(well.size() == 1);
    CHECK(well[0].status == 0);
    CHECK(well[0].told.starts_with("2 used in the last 24 hours"));
    const auto different = compare_gateways({by("one", serving.text()), by("two", other.text())}, own);
    REQUIRE(different.size() == 1);
    CHECK(different[0].status == 1);
    CHECK(different[0].told.starts_with("two served " + other.text() + " at 2026-11-30 08:00:00"));
}
