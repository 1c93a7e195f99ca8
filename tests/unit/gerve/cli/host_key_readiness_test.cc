#include "gerve/cli/host_key_readiness.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "gerve/cli/gateway_host_keys.h"
#include "gerve/cli/host_key_check.h"

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

TEST_CASE(
    "whoever relies on a host key that does not stay and has not learned the next one would be warned") {
    const auto readiness = judge_readiness(
        {proof("learned", serving.text()), proof("not", serving.text()),
         proof("learned-another", serving.text()), proof("elsewhere", other.text()), proof("of-old", ""),
         proof("of-old-but-learned", ""), proof("ahead", next.text())},
        {session("learned", {other.text(), next.text()}), session("learned-another", {other.text()}),
         session("of-old-but-learned", {next.text()})},
        serving, next, {other});
    CHECK(readiness.keys == 7);
    CHECK(readiness.elsewhere == 2);
    CHECK(readiness.prepared == 2);
    CHECK(unprepared(readiness) == std::vector<std::string>{"learned-another", "not", "of-old"});
}

TEST_CASE("whoever last accepted an earlier key of the type would be warned unless the next one is learned") {
    const Fingerprint dropped = Fingerprint::of_blob("dropped");
    const auto readiness =
        judge_readiness({proof("behind", dropped.text()), proof("prepared", dropped.text())},
                        {session("prepared", {next.text()})}, serving, next, {other});
    CHECK(readiness.elsewhere == 0);
    CHECK(readiness.prepared == 1);
    CHECK(unprepared(readiness) == std::vector<std::string>{"behind"});
}

TEST_CASE("of the machines that share a key one that relies on the serving host key counts") {
    const std::vector<std::string> proofs{proof("shared", serving.text()),
                                          proof("shared", "of-old"),
                                          proof("shared", other.text()),
                                          proof("updated", ""),
                                          proof("updated", other.text()),
                                          proof("moved", "of-old"),
                                          proof("moved", other.text()),
                                          proof("back", other.text()),
                                          proof("back", "")};
    const auto readiness = judge_readiness(proofs, {}, serving, next, {other});
    CHECK(readiness.keys == 4);
    CHECK(readiness.elsewhere == 2);
    CHECK(unprepared(readiness) == std::vector<std::string>{"back", "shared"});
    CHECK(readiness.unprepared.back()["host_key"] == serving.text());
}

TEST_CASE("a key that nobody knows counts for nothing, and one with two events once") {
    const std::string unknown = R"({"event":"proven","fingerprint":"x","host_key":"y"})";
    const auto readiness =
        judge_readiness({unknown, proof("a", serving.text()), proof("a", serving.text()), "{"},
                        {"[]", "nonsense"}, serving, next, {other});
    CHECK(readiness.keys == 1);
    CHECK(unprepared(readiness) == std::vector<std::string>{"a"});
}

namespace {

std::string login_through(const std::string& gateway, const std::string& host_key,
                          const std::vector<std::string>& announced = {}) {
    AuditJson event{{"event", "proven"}, {"time", "2026-11-30T08:00:00.000000Z"}, {"gateway", gateway}};
    if (!host_key.empty()) event["host_key"] = host_key;
    if (!announced.empty()) event["host_keys_announced"] = announced;
    return event.dump();
}

const std::vector<OwnHostKey> own_keys{{serving.text(), HostKeyType::ed25519},
                                       {next.text(), HostKeyType::ed25519}};

}  // namespace

TEST_CASE("a gateway whose clients accepted a key that is not listed here is named") {
    const auto well = compare_gateways(
        {login_through("one", serving.text()), login_through("two", next.text()), login_through("old", "")},
        {}, own_keys);
    REQUIRE(well.size() == 1);
    CHECK(well[0].status == 0);
    CHECK(well[0].told == "3 of an earlier version, compared by the host key of the last login");
    const auto different = compare_gateways(
        {login_through("one", serving.text()), login_through("two", other.text())}, {}, own_keys);
    REQUIRE(different.size() == 1);
    CHECK(different[0].status == 1);
    CHECK(different[0].told.starts_with("two, at 2026-11-30 08:00:00, served " + other.text()));
}

TEST_CASE("a gateway that announces other host keys is named, with each key that differs") {
    const auto compare = [](const std::vector<std::string>& announced) {
        std::vector<std::string> told;
        for (const CheckLine& line :
             compare_gateways({login_through("one", serving.text()), login_through("gone", serving.text())},
                              {login_through("one", serving.text(), announced),
                               login_through("gone", serving.text(), {serving.text(), next.text()})},
                              own_keys)) {
            CHECK(line.status == (line.told.starts_with("2 with") ? 0 : 1));
            told.push_back(line.told.substr(0, line.told.find(';')));
        }
        return told;
    };
    using Told = std::vector<std::string>;
    const std::string at = "one, at 2026-11-30 08:00:00, ";
    CHECK(compare({serving.text(), next.text()}) ==
          Told{"2 with logins in the last 24 hours, which announce the same keys"});
    CHECK(compare({serving.text()}) ==
          Told{at + "did not announce " + next.text() + ", which is a host key here"});
    CHECK(compare({serving.text(), next.text(), other.text()}) ==
          Told{at + "announced " + other.text() + ", which is not a host key here"});
    CHECK(compare({other.text(), serving.text()}).size() == 2);
    CHECK(compare({next.text(), serving.text()}) ==
          Told{at + "served " + next.text() + " and announced " + serving.text() + ", which serves here"});
}

TEST_CASE("while a host key cannot be read, no certificate is said to be of none") {
    Config config;
    config.ssh.host_keys = {"/nonexistent/key"};
    config.ssh.host_certificates = {"/nonexistent/key-cert.pub"};
    const HostKeyCheck found = check_host_keys_of(config);
    CHECK_FALSE(found.complete);
    REQUIRE(found.lines.size() == 2);
    CHECK(found.lines[0].status == 2);
    CHECK(found.lines[1].told.starts_with("not checked"));
}
