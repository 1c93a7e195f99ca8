#include "gerve/ssh/negotiation.h"

#include <doctest/doctest.h>

#include "gerve/ssh/packet_fields.h"

using namespace gerve;
using namespace gerve::ssh;

TEST_CASE("a list without a common algorithm is named, with what the server offers") {
    const Ending ending = failed_negotiation(
        "kex error : no match for method server host key algo: server [ssh-ed25519,rsa-sha2-512], client "
        "[ssh-dss\x1b]");
    CHECK(ending.reason == EndReason::no_host_key);
    CHECK(ending.text.find("host key algorithm") != std::string::npos);
    CHECK(ending.text.find("ssh-ed25519,rsa-sha2-512") != std::string::npos);
    CHECK(ending.text.find("ssh-dss") == std::string::npos);
    const auto reason = [](const std::string& list) {
        return failed_negotiation("kex error : no match for method " + list + ": server [a], client [b]")
            .reason;
    };
    CHECK(reason("kex algos") == EndReason::no_key_exchange);
    CHECK(reason("encryption client->server") == EndReason::no_cipher);
    CHECK(reason("mac algo server->client") == EndReason::no_mac);
    CHECK(reason("compression algo client->server") == EndReason::no_compression);
}

TEST_CASE("other errors are no failed negotiation") {
    for (const char* error :
         {"", "HMAC error", "no match for method ", "no match for method kex algos: server [a"})
        CHECK(failed_negotiation(error).reason == EndReason::open);
}

TEST_CASE("a plain disconnect is one packet of RFC 4253") {
    for (const std::size_t size : {0U, 1U, 7U, 8U, 100U}) {
        const std::string packet = plain_disconnect(std::string(size, 't'));
        CHECK(packet.size() % 8 == 0);
        gerve::FieldReader fields(packet);
        CHECK(fields.number() == packet.size() - 4);
        const auto padding = fields.byte();
        CHECK(*padding >= 4);
        CHECK(fields.byte() == message::disconnect);
        CHECK(fields.number() == 3);
        CHECK(fields.string()->size() == size);
        CHECK(fields.string() == "");
    }
}
