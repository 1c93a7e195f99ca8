#include "authz/audit/login_history.h"

#include "authz/audit/events.h"
#include "authz/audit/rows.h"
#include "tests/unit/authz/service/fixture.h"

using namespace gerve;
using namespace gerve::testing;

namespace {

// A table of proofs, the first at 1'000 ms, then one each 1'000 ms.
struct Proofs {
    void add(unsigned key, const ClientContext& client) {
        AuditRow& row = rows.emplace_back();
        row.chain = std::string(16, 'c');
        row.seq = static_cast<std::int64_t>(rows.size());
        row.happened_at = row.seq * 1'000;
        row.gateway = "gw";
        row.kind = "proven";
        const Fingerprint fingerprint = make_key(key).fingerprint();
        row.fingerprint = std::string(fingerprint.bytes());
        const KnownKey known{KeyId{key}, fingerprint, User{AccountId{1}, login("alice")}};
        row.body = "{\"n\":" + std::to_string(row.seq) + "," +
                   fact_of(KeyProven{client, "git", fingerprint.text(), &known}).fields + "}";
    }
    // The numbers of those that are found.
    std::vector<int> found(UnixMillis since = 0) {
        (void)must(insert_audit_rows(store.database(), rows));
        rows.clear();
        std::vector<int> numbers;
        for (const std::string& body : must(read_kinds_of_logins(store.database(), since)))
            numbers.push_back(std::stoi(body.substr(5)));
        return numbers;
    }

    Store store;
    std::vector<AuditRow> rows;
};

ClientContext by(std::string exchange, std::optional<SecurityKeyUse> use = {}, std::string version = "v") {
    ClientContext client{"192.0.2.7", std::move(version), to_hex(random_bytes(8)), Door::gateway};
    client.key_exchange = std::move(exchange);
    client.security_key = use;
    return client;
}

}  // namespace

TEST_CASE("the last login of each kind is found, whatever a client calls itself") {
    Proofs proofs;
    proofs.add(1, by("curve25519-sha256"));
    proofs.add(1, by("curve25519-sha256"));
    proofs.add(1, by("mlkem768x25519-sha256"));
    proofs.add(2, by("curve25519-sha256"));
    proofs.add(1, by("curve25519-sha256", {}, R"(x","connection":"y)"));
    proofs.add(1, by("curve25519-sha256", SecurityKeyUse{1, 7}));
    proofs.add(1, by("curve25519-sha256", SecurityKeyUse{1, 8}));
    proofs.add(1, by("curve25519-sha256", SecurityKeyUse{5, 9}));
    proofs.add(1, by("", {}, ""));
    proofs.add(1, by("", {}, ""));
    CHECK(proofs.found() == std::vector<int>{2, 3, 4, 5, 7, 8, 10});
    CHECK(proofs.found(7'500) == std::vector<int>{8, 10});
}
