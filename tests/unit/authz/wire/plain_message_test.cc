#include "authz/wire/plain_message.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "tests/unit/authz/wire/wire_samples.h"

using namespace gerve;
using namespace gerve::testing;

TEST_CASE("what every login asks is read without a tree, and says the same as with one") {
    KeyRequest again{sample_key(), "git", true, sample_client()};
    again.again = true;
    AuthorizeRequest with_proof = sample_authorize();
    with_proof.proven_as = "git";
    with_proof.client.host_key = sample_key().fingerprint().text();
    for (const std::string& message :
         {encode_request({1, 2}, again), encode_request({1, 2}, sample_authorize()),
          encode_request({1, 2}, with_proof), encode_request({~0ULL, 2}, sample_report()),
          encode_request({1, 2}, HolderRequest{"aGFuZGxl", sample_client()}),
          encode_request({1, 2}, ProofReport{"aGFuZGxl", "git", sample_client()}),
          encode_request({1, 2}, ReadyRequest{sample_client()})}) {
        CAPTURE(message);
        wire::PlainMessage plain;
        REQUIRE(plain.parse(message));
        const auto one = parse_request(message);
        const auto other = parse_request(" " + message);
        REQUIRE((one && other));
        CHECK_FALSE(wire::PlainMessage{}.parse(" " + message));
        CHECK(one->head.id == other->head.id);
        CHECK(one->request.index() == other->request.index());
        const auto encoded = [](const ReceivedRequest& received) {
            return std::visit([&](const auto& request) { return encode_request(received.head, request); },
                              received.request);
        };
        CHECK(encoded(*one) == message);
        CHECK(encoded(*other) == message);
    }
}

TEST_CASE("what could mean something else to the library is left to it") {
    const std::string good = R"({"client":{"a":"x"},"id":1,"yes":true})";
    wire::PlainMessage plain;
    REQUIRE(plain.parse(good));
    CHECK(plain.client.find("a")->text == "x");
    CHECK(plain.outer.find("id")->number == 1);
    CHECK(plain.outer.find("yes")->number == 1);
    CHECK(plain.outer.find("no") == nullptr);
    CHECK(plain.outer.find("client") == nullptr);
    for (const auto& [from, to] :
         std::vector<std::pair<std::string_view, std::string_view>>{{"1", "01"},
                                                                    {"1", "-1"},
                                                                    {"1", "1.0"},
                                                                    {"1", "1e0"},
                                                                    {"1", "18446744073709551616"},
                                                                    {"1", ""},
                                                                    {"1", "null"},
                                                                    {"1", "[1]"},
                                                                    {"1", "{}"},
                                                                    {"1", "1,"},
                                                                    {"\"x\"", "\"\\u0041\""},
                                                                    {"\"x\"", "\"\x7f\""},
                                                                    {"\"x\"", "\"\xc3\xa4\""},
                                                                    {"\"x\"", "\"\t\""},
                                                                    {"\"x\"", "{}"},
                                                                    {"{\"a\":\"x\"}", "{}"},
                                                                    {"{\"a\":\"x\"}", "\"x\""},
                                                                    {"\"id\":1", "\"client\":{\"a\":\"y\"}"},
                                                                    {"\"id\":1", "\"client\":1"},
                                                                    {"\"id\":1", "\"other\":{\"a\":\"y\"}"},
                                                                    {"\"id\":", "\"id\" :"},
                                                                    {"\"client\"", "\"clinet\""},
                                                                    {"true", "True"},
                                                                    {"true}", "true}}"},
                                                                    {"true}", "true"},
                                                                    {"true}", "true}\n"}}) {
        CAPTURE(to);
        CHECK_FALSE(wire::PlainMessage{}.parse(replaced(good, from, to)));
    }
    std::string many = R"({"client":{"a":"x"})";
    for (std::size_t i = 0; i <= wire::PlainObject::max_members; ++i) many += ",\"n\":1";
    CHECK_FALSE(wire::PlainMessage{}.parse(many + "}"));
    CHECK_FALSE(wire::PlainMessage{}.parse(""));
}

TEST_CASE("of a member that is given twice the last one counts, as in the library") {
    const std::string twice =
        replaced(encode_request({1, 2}, KeyRequest{sample_key(), "git", false, sample_client()}),
                 "\"proven\":false", "\"proven\":true,\"proven\":false");
    for (const std::string& message : {twice, " " + twice}) {
        const auto got = parse_request(message);
        REQUIRE(got.has_value());
        CHECK_FALSE(std::get<KeyRequest>(got->request).proven);
    }
}

TEST_CASE("replies are JSON that opens with the id") {
    Granted granted{*RepoPath::parse("Alice/Site"), "remote: \"a\" has moved\n", Rule::owner, {}};
    granted.destinations.push_back({*ServerName::parse("fs1"), *Endpoint::parse("[::1]:9419"), "\xff"});
    granted.destinations.push_back({*ServerName::parse("fs2"), *Endpoint::parse("git://h:9418"), ""});
    const auto read = [](const std::string& reply) { return nlohmann::json::parse(reply, nullptr, false); };
    using nlohmann::json;
    CHECK(read(encode_reply(9, std::optional(KeyFound{user_key, "c2VhbGVk"}))) ==
          json{{"id", 9},
               {"handle", "c2VhbGVk"},
               {"key",
                {{"id", 7},
                 {"fingerprint", user_key.fingerprint.text()},
                 {"owner", {{"user", 3}, {"login", "Alice"}, {"suspended", true}}}}}});
    CHECK(read(encode_reply(9, std::optional(KeyFound{deploy_key, "c2VhbGVk"})))["key"]["owner"] ==
          json{{"repository", 5}, {"name", "alice/site"}, {"can_write", true}});
    CHECK(read(encode_reply(9, std::optional<KeyFound>())) == json{{"id", 9}, {"key", nullptr}});
    CHECK(read(encode_reply(9, Authorization(granted))) ==
          json{{"id", 9},
               {"authorization",
                {{"is", "granted"},
                 {"repo", "Alice/Site"},
                 {"notice", granted.notice},
                 {"because", "owner"},
                 {"destinations",
                  {{{"server", "fs1"}, {"endpoint", "[::1]:9419"}, {"open", "/w=="}},
                   {{"server", "fs2"}, {"endpoint", "git://h:9418"}, {"open", ""}}}}}}});
    CHECK(read(encode_reply(9, Authorization(Refused{"ERROR: x\n", ExitStatus::refused, Rule::archived}))) ==
          json{{"id", 9},
               {"authorization",
                {{"is", "refused"}, {"told", "ERROR: x\n"}, {"exit", 1}, {"because", "archived"}}}});
    CHECK(read(encode_reply(9, Authorization(StaleHandle()))) ==
          json{{"id", 9}, {"authorization", {{"is", "stale"}}}});
    CHECK(read(encode_reply(9, Done())) == json{{"id", 9}, {"done", true}});
    CHECK(read(encode_reply(9, SelfReply(SelfAnswer{"out", "err", 1}))) ==
          json{{"id", 9}, {"self", {{"out", "out"}, {"err", "err"}, {"exit", 1}}}});
    CHECK(read(encode_reply(9, SelfReply(StaleHandle()))) == json{{"id", 9}, {"self", nullptr}});
    CHECK(encode_reply(9, Killed{2}) == R"({"id":9,"killed":2})");
    CHECK(encode_error(9, Error{ErrorKind::unavailable, "", "x"}, true) ==
          R"({"id":9,"error":"unavailable","reached":true})");
}
