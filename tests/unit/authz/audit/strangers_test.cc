#include "authz/audit/strangers.h"

#include "tests/unit/authz/audit/files.h"

using namespace gerve;
using namespace gerve::testing;

namespace {

const std::optional<KnownKey> nobody;

KeyRequest offer_by(const std::string& address, unsigned key = 1) {
    return {make_key(key), "git", false, {address, "scanner", "c", Door::gateway}};
}

RefusalReport refusal_by(const std::string& address, const std::string& reason,
                         const std::string& login = "") {
    return {{address, "scanner", "c", Door::gateway}, reason, "a text", login};
}

nlohmann::json json_of(const AuditFact& fact) {
    return nlohmann::json::parse("{" + fact.fields + "}");
}

std::size_t bytes(const std::vector<AuditFact>& facts) {
    std::size_t sum = 0;
    for (const AuditFact& fact : facts) sum += fact.fields.size();
    return sum;
}

}  // namespace

TEST_CASE("the first refusals of a source are events, the others a number with the names that were tried") {
    Counter left_out;
    Strangers strangers(left_out);
    std::vector<AuditFact> facts;
    for (int i = 0; i < 500; ++i) {
        for (AuditFact& fact :
             strangers.add(refusal_by("192.0.2.1", "login-name", i % 2 == 0 ? "root" : "alice")))
            facts.push_back(std::move(fact));
    }
    REQUIRE(facts.size() == 3);
    const auto first = json_of(facts[0]);
    CHECK(first["event"] == "refused");
    CHECK(first["is"] == "deny");
    CHECK(first["because"] == "login-name");
    CHECK(first["login"] == "root");
    CHECK(first["address"] == "192.0.2.1");
    CHECK(left_out.value() == 497);
    CHECK(strangers.close_due().empty());
    const auto rest = strangers.close_all();
    REQUIRE(rest.size() == 1);
    const auto sum = json_of(rest[0]);
    CHECK(sum["count"] == 497);
    CHECK(sum["reasons"]["login-name"] == 497);
    CHECK(sum["asked_for"] == nlohmann::json{"alice", "root"});
    CHECK(strangers.close_all().empty());
    // What a worker has only counted is only counted here.
    RefusalReport counted = refusal_by("192.0.2.9", "method-password");
    counted.count = 40;
    CHECK(strangers.add(counted).empty());
    CHECK(json_of(strangers.close_all().at(0))["count"] == 40);
}

TEST_CASE("offers and proofs of unknown keys have one ration") {
    Counter left_out;
    Strangers strangers(left_out);
    std::size_t told = 0;
    const ClientContext client{"192.0.2.1", "scanner", "c", Door::gateway};
    for (unsigned key = 0; key < 50; ++key) {
        const std::string fingerprint = make_key(key).fingerprint().text();
        told += strangers.add(KeyProven{client, "git", fingerprint, nullptr}).size();
        told += strangers.add(KeyOffered{offer_by("192.0.2.1", key), nobody}).size();
    }
    CHECK(told == 3);
    const auto rest = strangers.close_all();
    REQUIRE(rest.size() == 1);
    const auto offered = json_of(rest[0]);
    CHECK(offered["event"] == "offered");
    CHECK(offered["count"] == 97);
    CHECK(offered["keys"].size() == Ration::max_samples);
    CHECK(offered["keys"][0]["known"] == false);
    std::uint64_t named = 0;
    for (const auto& key : offered["keys"]) named += key["count"].get<std::uint64_t>();
    CHECK(named + offered["unnamed"].get<std::uint64_t>() == 97);
}

TEST_CASE("a network of IPv6 is one source") {
    Counter left_out;
    Strangers strangers(left_out);
    std::size_t told = 0;
    for (unsigned i = 1; i < 1'000; ++i) {
        told +=
            strangers.add(refusal_by("2001:db8:1:" + std::to_string(i) + "::1", "r" + std::to_string(i % 30)))
                .size();
    }
    CHECK(told <= RationLimits{}.burst);
    CHECK(json_of(strangers.close_all().at(0))["address"] == "2001:db8:1::/48");
}

TEST_CASE("no text of a client's makes an event long") {
    Counter left_out;
    Strangers strangers(left_out);
    RefusalReport report = refusal_by("192.0.2.1", "login-name", std::string(255, '\x01'));
    report.client.version = std::string(255, '\xff');
    CHECK(bytes(strangers.add(report)) < 500);
    for (int i = 0; i < 100; ++i) {
        report.login = std::string(200, static_cast<char>(i % 32));
        (void)strangers.add(report);
    }
    CHECK(bytes(strangers.close_all()) < 1'000);
    CHECK(short_text("OpenSSH_9.2", longest_version) == "OpenSSH_9.2");
    CHECK(short_text(std::string(300, 'x'), longest_version).size() == 128);
}
