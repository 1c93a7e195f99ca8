#include "gerve/cli/key_exchange_report.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

using namespace gerve;

namespace {

AuditJson login_by(const std::string& who, const std::string& exchange, const std::string& client,
                   const std::string& time = "2026-11-30T08:00:00.000000Z") {
    AuditJson event{{"event", "proven"}, {"time", time}, {"fingerprint", "SHA256:x"}, {"key", 1}};
    event[who.find('/') == std::string::npos ? "user" : "deploy_key_of"] = who;
    if (!exchange.empty()) event["key_exchange"] = exchange;
    event["client"] = client;
    return event;
}

}  // namespace

TEST_CASE("whoever logged in without a post-quantum exchange is listed, with the last login of each kind") {
    const auto report = report_key_exchange({
        login_by("bob", "curve25519-sha256", "OpenSSH_8.4", "2026-11-01T08:00:00.000000Z"),
        login_by("alice", "mlkem768x25519-sha256", "OpenSSH_10.0"),
        login_by("alice", "sntrup761x25519-sha512@openssh.com", "OpenSSH_9.2"),
        login_by("bob", "mlkem768x25519-sha256", "OpenSSH_10.0"),
        login_by("acme/site", "ecdh-sha2-nistp256", "libssh2"),
        login_by("carol", "", ""),
        login_by("bob", "curve25519-sha256", "JSCH"),
        login_by("bob", "curve25519-sha256", "OpenSSH_8.4", "2026-11-29T08:00:00.000000Z"),
        login_by("alice", "", ""),
    });
    CHECK(report.holders == 4);
    CHECK(report.without == 2);
    CHECK(report.unrecorded == 1);
    REQUIRE(report.logins.size() == 3);
    CHECK(report.logins[0]["deploy_key_of"] == "acme/site");
    CHECK(report.logins[1]["client"] == "JSCH");
    CHECK(report.logins[2]["time"] == "2026-11-29T08:00:00.000000Z");
}

TEST_CASE("nobody is listed where everybody has a post-quantum exchange, or nobody logged in") {
    CHECK(report_key_exchange({login_by("alice", "mlkem1024nistp384-sha384", "")}).logins.empty());
    CHECK(report_key_exchange({login_by("alice", "mlkem1024nistp384-sha384", "")}).without == 0);
    CHECK(report_key_exchange({}).holders == 0);
}
