#include "gerve/ssh/host_key_messages.h"

#include <doctest/doctest.h>

#include "tests/unit/gerve/ssh/packets.h"

using namespace gerve::ssh;
using namespace packets;

namespace {

std::string proof_request(const std::string& keys, char wants_reply = '\1') {
    return text("hostkeys-prove-00@openssh.com") + std::string(1, wants_reply) + keys;
}

}  // namespace

TEST_CASE("a request for proofs names each key once") {
    CHECK(*parse_proof_request(proof_request(text("a"))) == std::vector<std::string>{"a"});
    CHECK(*parse_proof_request(proof_request(text("a") + text("b"))) == std::vector<std::string>{"a", "b"});
    CHECK_FALSE(parse_proof_request(proof_request("")));
    CHECK_FALSE(parse_proof_request(proof_request(text("a") + text("b") + text("a"))));
    CHECK_FALSE(parse_proof_request(proof_request(text("a"), '\0')));
    CHECK_FALSE(parse_proof_request(text("keepalive@openssh.com") + "\1"));
    const std::string whole = proof_request(text("key one") + text("key two"));
    const std::size_t first = proof_request(text("key one")).size();
    for (std::size_t size = 0; size < whole.size(); ++size) {
        CAPTURE(size);
        CHECK(parse_proof_request(whole.substr(0, size)).has_value() == (size == first));
    }
    std::string many;
    for (int i = 0; i < 64; ++i) many += text(std::to_string(i));
    CHECK(parse_proof_request(proof_request(many))->size() == 64);
    CHECK_FALSE(parse_proof_request(proof_request(many + text("64"))));
}

TEST_CASE("what is signed to prove a key") {
    CHECK(proof_input("session", "key") ==
          text("hostkeys-prove-00@openssh.com") + text("session") + text("key"));
}

TEST_CASE("the reply of a key exchange tells the host key and how it signed") {
    const std::string signature = text(text("rsa-sha2-256") + text("bytes"));
    const auto reply = parse_key_exchange_reply(text("key") + text("point") + signature);
    CHECK(reply->host_key == "key");
    CHECK(reply->signature_algorithm == "rsa-sha2-256");
    CHECK_FALSE(parse_key_exchange_reply(text("p") + text("g")));  // a group, which has the same number
    CHECK_FALSE(parse_key_exchange_reply(text("key") + text("point") + text("")));
    CHECK_FALSE(parse_key_exchange_reply(text("key") + text("point") + signature + "x"));
}
