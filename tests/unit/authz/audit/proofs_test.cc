#include "authz/audit/audit.h"
#include "tests/unit/authz/audit/files.h"
#include "tests/unit/authz/service/fixture.h"

using namespace gerve;
using namespace gerve::testing;

TEST_CASE("proofs that are told together are an event each, in their order") {
    const TemporaryDirectory directory;
    auto sink = must(AuditSink::open({trail_settings(directory)}));
    const KnownKey alice{KeyId{1}, make_key(1).fingerprint(), User{AccountId{1}, login("Alice")}};
    const ClientContext client = ask_key(1).client;
    const std::vector<KeyProven> proofs{{client, "git", make_key(1).fingerprint().text(), &alice},
                                        {client, "git", make_key(2).fingerprint().text(), nullptr},
                                        {client, "git", make_key(3).fingerprint().text(), nullptr}};
    sink->record(proofs);
    sink->record(std::span<const KeyProven>());
    const auto lines = json_lines(directory.file("audit.jsonl"));
    REQUIRE(lines.size() == 5);
    for (std::size_t i = 0; i < proofs.size(); ++i) {
        CHECK(lines[i + 2]["event"] == "proven");
        CHECK(lines[i + 2]["fingerprint"] == proofs[i].fingerprint);
    }
    sink.reset();
    CHECK(verify(directory, {"audit.jsonl"}).empty());
}

TEST_CASE(
    "a proof tells what a security key attested, the host key that the client accepted and the key "
    "exchange") {
    const TemporaryDirectory directory;
    auto sink = must(AuditSink::open({trail_settings(directory)}));
    const KnownKey alice{KeyId{1}, make_key(1).fingerprint(), User{AccountId{1}, login("Alice")}};
    ClientContext client = ask_key(1).client;
    sink->record(KeyProven{client, "git", "", &alice});
    client.host_key = make_key(2).fingerprint().text();
    client.host_keys_announced = {client.host_key, make_key(3).fingerprint().text()};
    client.key_exchange = "mlkem768x25519-sha256";
    client.security_key = SecurityKeyUse{SecurityKeyUse::user_present, 0xffffffff};
    sink->record(KeyProven{client, "git", "", &alice});
    const auto lines = json_lines(directory.file("audit.jsonl"));
    REQUIRE(lines.size() == 4);
    CHECK_FALSE(lines[2].contains("security_key"));
    CHECK_FALSE(lines[2].contains("host_key"));
    CHECK_FALSE(lines[2].contains("host_keys_announced"));
    CHECK_FALSE(lines[2].contains("key_exchange"));
    CHECK(lines[3]["host_key"] == client.host_key);
    CHECK(lines[3]["host_keys_announced"] == client.host_keys_announced);
    CHECK(lines[3]["key_exchange"] == "mlkem768x25519-sha256");
    CHECK(lines[3]["security_key"]["flags"] == 1);
    CHECK(lines[3]["security_key"]["counter"] == 4294967295);
    CHECK(lines[3]["security_key"]["touched"] == true);
    CHECK(lines[3]["security_key"]["verified"] == false);
}
