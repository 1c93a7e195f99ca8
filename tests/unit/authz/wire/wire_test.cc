#include "authz/wire/wire.h"

#include <doctest/doctest.h>

#include "authz/base/text.h"
#include "tests/unit/authz/wire/wire_samples.h"

using namespace gerve;
using namespace gerve::testing;

namespace {

template <class Body>
Body there_and_back(const RequestHead& head, const Body& body) {
    const auto received = parse_request(encode_request(head, body));
    REQUIRE(received.has_value());
    CHECK(received->head.id == head.id);
    CHECK(received->head.deadline == head.deadline);
    REQUIRE(std::holds_alternative<Body>(received->request));
    return std::get<Body>(received->request);
}

}  // namespace

TEST_CASE("no byte of a client makes a request too long to be read") {
    KeyRequest request{sample_key(), std::string(300, '\xff'), false, sample_client()};
    request.client.version = "v" + std::string(254, '\xe4');
    const auto got = there_and_back({1, 2}, request);
    CHECK(got.login.size() == 255);
    CHECK(got.client.version.size() <= 255);
    CHECK(got.client.version.starts_with("v\xef\xbf\xbd"));
}

TEST_CASE("a key request says the same on the other side") {
    const auto got =
        there_and_back({~0ULL, 1'234'567}, KeyRequest{sample_key(), "git", true, sample_client()});
    CHECK(got.key == sample_key());
    CHECK(got.login == "git");
    CHECK(got.proven);
    CHECK(got.client.address == "192.0.2.7");
    CHECK(got.client.version == "SSH-2.0-OpenSSH_9.2");
    CHECK(got.client.connection == "c1");
    CHECK(got.client.door == Door::gateway);
}

TEST_CASE("a question for a handle's holder says the same on the other side") {
    const auto got = there_and_back({1, 2}, HolderRequest{"aGFuZGxl", sample_client()});
    CHECK(got.handle == "aGFuZGxl");
    CHECK(got.client.address == "192.0.2.7");
    CHECK_FALSE(
        parse_request(encode_request({1, 2}, HolderRequest{std::string(1025, 'a'), sample_client()})));
}

TEST_CASE("an authorize request says the same on the other side, with and without GIT_PROTOCOL") {
    AuthorizeRequest request = sample_authorize();
    AuthorizeRequest got = there_and_back({1, 2}, request);
    CHECK(got.handle == "aGFuZGxl");
    CHECK(got.service == Service::receive_pack);
    CHECK(got.repo.text() == "Alice/Site");
    REQUIRE(got.git_protocol.has_value());
    CHECK(got.git_protocol->text() == "version=2");
    CHECK(got.request.text() == "00112233445566778899aabbccddeeff");
    request.git_protocol.reset();
    CHECK_FALSE(there_and_back({1, 2}, request).git_protocol.has_value());
}

TEST_CASE("an anonymous request has a repository, and no handle and no service to ask more by") {
    const AuthorizeRequest like = sample_authorize();
    ClientContext client = sample_client();
    client.door = Door::git;
    const AnonymousRequest request{like.repo, like.git_protocol, like.request, client};
    const auto got = there_and_back({1, 2}, request);
    CHECK(got.repo.text() == "Alice/Site");
    CHECK(got.git_protocol->text() == "version=2");
    CHECK(got.request.text() == like.request.text());
    CHECK(got.client.door == Door::git);
}

TEST_CASE("what a login was proven by, and which host key it relied on, say the same on the other side") {
    ProofReport report{"aGFuZGxl", "git", sample_client()};
    const std::string before = encode_request({1, 2}, report);
    CHECK(before.find("security_key") == std::string::npos);
    CHECK(before.find("host_key") == std::string::npos);
    CHECK_FALSE(there_and_back({1, 2}, report).client.security_key);
    report.client.security_key = SecurityKeyUse{0xff, 0xffffffff};
    report.client.host_key = sample_key().fingerprint().text();
    report.client.host_keys_announced = {"SHA256:a", "SHA256:b"};
    const auto got = there_and_back({1, 2}, report);
    CHECK(got.client.host_keys_announced == report.client.host_keys_announced);
    CHECK(got.client.security_key == report.client.security_key);
    CHECK(got.client.host_key == report.client.host_key);
    SessionReport session = sample_report();
    CHECK(there_and_back({1, 2}, session).host_keys_learned.empty());
    session.host_keys_learned = {"SHA256:a", "SHA256:b"};
    CHECK(there_and_back({1, 2}, session).host_keys_learned == session.host_keys_learned);
}

TEST_CASE("a session report says the same on the other side") {
    const SessionReport got = there_and_back({1, 2}, sample_report());
    CHECK(got.service == "git-upload-pack");
    CHECK(got.repo == "alice/site");
    CHECK(got.server == "fs1");
    CHECK(got.bytes_in == 17);
    CHECK(got.bytes_out == 1ULL << 40);
    CHECK(got.duration_ms == 99);
    CHECK(got.exit == 128);
    CHECK(got.ended == OperationEnd::upstream_lost);
}

TEST_CASE("a refusal says the same on the other side") {
    const RefusalReport report{
        {"192.0.2.7", "SSH\x01", "c1", Door::gateway}, "login-name", "a\x1b", "al\"ice", 7, "aA=="};
    const auto got = there_and_back({1, 2}, report);
    CHECK(got.reason == "login-name");
    CHECK(got.text == "a\x1b");
    CHECK(got.login == "al\"ice");
    CHECK(got.count == 7);
    CHECK(got.handle == "aA==");
    CHECK(got.client.version == "SSH\x01");
    for (const std::string reason : {"", "Login", "a b", "a=b"}) {
        RefusalReport wrong = report;
        wrong.reason = reason;
        CHECK_FALSE(parse_request(encode_request({1, 2}, wrong)).has_value());
    }
    RefusalReport none = report;
    none.count = 0;
    CHECK_FALSE(parse_request(encode_request({1, 2}, none)).has_value());
}

TEST_CASE("bytes of a client travel as one field, whatever they are") {
    KeyRequest request{sample_key(), "git\",\"proven\":true,\"x\":\"", false, sample_client()};
    request.client.version = std::string("\xff\x1b[2J\r\n\0\"\\ SSH", 14);
    const KeyRequest got = there_and_back({1, 2}, request);
    CHECK(got.login == request.login);
    CHECK_FALSE(got.proven);
    CHECK(got.client.version == std::string("\xef\xbf\xbd\x1b[2J\r\n\0\"\\ SSH", 16));
    request.client.version = std::string(100'000, 'v');
    CHECK(there_and_back({1, 2}, request).client.version.size() == 255);
}

TEST_CASE("key replies: found for a user and for a repository, missing, unavailable") {
    auto got =
        parse_reply<std::optional<KeyFound>>(encode_reply(9, std::optional(KeyFound{user_key, "c2VhbGVk"})));
    REQUIRE((got.has_value() && got->has_value()));
    CHECK((*got)->handle == "c2VhbGVk");
    CHECK((*got)->key.id == KeyId{7});
    CHECK((*got)->key.fingerprint == user_key.fingerprint);
    const auto& user = std::get<User>((*got)->key.holder);
    CHECK(user.id == AccountId{3});
    CHECK(user.login.text() == "Alice");
    CHECK(user.suspended);

    got = parse_reply<std::optional<KeyFound>>(
        encode_reply(9, std::optional(KeyFound{deploy_key, "c2VhbGVk"})));
    REQUIRE((got.has_value() && got->has_value()));
    const auto& bound = std::get<DeployKey>((*got)->key.holder);
    CHECK(bound.repo_id == RepoId{5});
    CHECK(bound.repo.text() == "alice/site");
    CHECK(bound.can_write);

    got = parse_reply<std::optional<KeyFound>>(encode_reply(9, std::optional<KeyFound>()));
    REQUIRE(got.has_value());
    CHECK_FALSE(got->has_value());

    got = parse_reply<std::optional<KeyFound>>(
        encode_error(9, Error{ErrorKind::unavailable, "", "database is gone: secret detail"}));
    REQUIRE_FALSE(got.has_value());
    CHECK(got.error().kind == ErrorKind::unavailable);
    CHECK(describe(got.error()).find("secret detail") == std::string::npos);
}

TEST_CASE("authorize replies: granted, refused, stale, unavailable") {
    Granted granted{*RepoPath::parse("Alice/Site"), "remote: a has moved to b\n", Rule::owner, {}};
    granted.destinations.push_back(
        {*ServerName::parse("fs1"), *Endpoint::parse("[::1]:9419"), std::string("\0\xff", 2)});
    granted.destinations.push_back({*ServerName::parse("fs1"), *Endpoint::parse("git://h:9418"), ""});
    auto got = parse_reply<Authorization>(encode_reply(9, Authorization(granted)));
    REQUIRE(got.has_value());
    const auto& back = std::get<Granted>(*got);
    CHECK(back.repo.text() == "Alice/Site");
    CHECK(back.notice == granted.notice);
    CHECK(back.because == Rule::owner);
    REQUIRE(back.destinations.size() == 2);
    CHECK(back.destinations[0].server.text() == "fs1");
    CHECK(back.destinations[0].endpoint.text() == "[::1]:9419");
    CHECK(back.destinations[0].open == std::string("\0\xff", 2));
    CHECK(back.destinations[1].open.empty());

    got = parse_reply<Authorization>(
        encode_reply(9, Authorization(Refused{messages::repository_not_found(), ExitStatus::refused,
                                              Rule::read_only_deploy_key})));
    REQUIRE(got.has_value());
    CHECK(std::get<Refused>(*got).told == messages::repository_not_found());
    CHECK(std::get<Refused>(*got).exit == ExitStatus::refused);
    CHECK(std::get<Refused>(*got).because == Rule::read_only_deploy_key);

    got = parse_reply<Authorization>(encode_reply(9, Authorization(StaleHandle())));
    REQUIRE(got.has_value());
    CHECK(std::holds_alternative<StaleHandle>(*got));
    got = parse_reply<Authorization>(encode_error(9, Error{ErrorKind::internal, "", "x"}));
    REQUIRE_FALSE(got.has_value());
    CHECK(got.error().kind == ErrorKind::internal);
}

TEST_CASE("every rule survives the way") {
    for (int i = 0; rule_name(static_cast<Rule>(i)) != "unknown"; ++i) {
        const auto got = parse_reply<Authorization>(
            encode_reply(1, Authorization(Refused{"ERROR: x\n", ExitStatus::refused, static_cast<Rule>(i)})));
        REQUIRE(got.has_value());
        CHECK(std::get<Refused>(*got).because == static_cast<Rule>(i));
    }
}

TEST_CASE("a reply carries the id of its request in its first bytes") {
    CHECK(parse_reply_id(encode_reply(~0ULL, Done())) == ~0ULL);
    CHECK(parse_reply_id(encode_reply(5, std::optional<KeyFound>())) == 5);
    CHECK(parse_reply_id(encode_reply(6, Authorization(StaleHandle()))) == 6);
    CHECK(parse_reply_id(encode_error(0, Error{ErrorKind::client, "", ""})) == 0);
    CHECK(parse_reply<Done>(encode_reply(1, Done())).has_value());
    for (const char* bad :
         {"", "{", "{}", "{\"id\":}", "{\"id\":-1,\"done\":true}", "{\"id\":\"1\"}", "[1]"}) {
        CHECK_FALSE(parse_reply_id(bad).has_value());
    }
}

TEST_CASE("what is not a reply is unavailable, never missing, granted or refused") {
    const std::string nested(100'000, '[');
    const std::vector<std::string> hostile{"",
                                           "null",
                                           "true",
                                           "[]",
                                           "{}",
                                           "{\"id\":1}",
                                           "{\"id\":1,\"key\":{}}",
                                           "{\"id\":1,\"key\":[]}",
                                           "{\"id\":1,\"authorization\":null}",
                                           "{\"id\":1,\"authorization\":{\"is\":\"granted\"}}",
                                           "{\"id\":1,\"done\":false}",
                                           nested,
                                           std::string(max_authz_message + 1, ' ') + "{}",
                                           "\xff\xfe"};
    for (const std::string& message : hostile) {
        CAPTURE(message.substr(0, 80));
        const auto key = parse_reply<std::optional<KeyFound>>(message);
        REQUIRE_FALSE(key.has_value());
        CHECK(key.error().kind == ErrorKind::unavailable);
        CHECK_FALSE(parse_reply<Authorization>(message).has_value());
        CHECK_FALSE(parse_reply<Done>(message).has_value());
    }
}

TEST_CASE("a damaged reply does not become another answer") {
    const std::string key = encode_reply(9, std::optional(KeyFound{user_key, "c2VhbGVk"}));
    for (const auto& [from, to] : std::vector<std::pair<std::string_view, std::string_view>>{
             {"\"suspended\":true", "\"suspended\":1"},
             {"\"suspended\":true", "\"suspending\":true"},
             {"\"Alice\"", "\"../alice\""},
             {"\"user\":3", "\"user\":-3"},
             {"\"user\":3", "\"user\":9223372036854775808"},
             {"\"user\":3", "\"user\":3.0"},
             {"SHA256:", "MD5:"},
             {"c2VhbGVk", ""}}) {
        CAPTURE(to);
        CHECK_FALSE(parse_reply<std::optional<KeyFound>>(replaced(key, from, to)).has_value());
    }
    const std::string refused =
        encode_reply(9, Authorization(Refused{"ERROR: x\n", ExitStatus::refused, Rule::archived}));
    CHECK_FALSE(parse_reply<Authorization>(replaced(refused, "\"exit\":1", "\"exit\":0")).has_value());
    CHECK_FALSE(parse_reply<Authorization>(replaced(refused, "archived", "because")).has_value());
}

TEST_CASE("a request with a field missing or of another form is refused by the field's name") {
    const std::string key = encode_request({1, 2}, KeyRequest{sample_key(), "git", true, sample_client()});
    const std::string authorize = encode_request({1, 2}, sample_authorize());
    const std::string report = encode_request({1, 2}, sample_report());
    struct Case {
        const std::string& message;
        std::string_view from;
        std::string_view to;
        std::string_view wrong;
    };
    const std::vector<Case> cases{
        {key, "\"id\":1", "\"id\":-1", "id"},
        {key, "\"deadline\":2", "\"deadline\":\"2\"", "deadline"},
        {key, "\"ask\":\"key\"", "\"ask\":\"shutdown\"", "ask"},
        {key, "\"proven\":true", "\"proven\":\"true\"", "proven"},
        {key, "\"gateway\"", "\"window\"", "door"},
        {key, "\"client\"", "\"clinet\"", "client"},
        {key, "\"blob\":\"A", "\"blob\":\"*", "blob"},
        {authorize, "receive-pack", "shell", "service"},
        {authorize, "git-receive-pack", "admin", "service"},
        {authorize, "Alice/Site", "Alice/../Site", "repo"},
        {authorize, "version=2", "version=2\\n", "git_protocol"},
        {authorize, "0011", "001", "request"},
        {report, "\"exit\":128", "\"exit\":99999999999", "exit"},
        {report, "\"bytes_in\":17", "\"bytes_in\":-17", "bytes_in"},
    };
    for (const Case& one : cases) {
        CAPTURE(one.to);
        const auto got = parse_request(replaced(one.message, one.from, one.to));
        REQUIRE_FALSE(got.has_value());
        CHECK(got.error().kind == ErrorKind::client);
        CHECK(got.error().told.find(one.wrong) != std::string::npos);
    }
}

TEST_CASE("no cut and no flipped bit of a request does harm") {
    const std::string message = encode_request({77, 2}, sample_authorize());
    CHECK(parse_request_id(message) == 77);
    CHECK(parse_request_id("{\"id\":") == 0);
    for (std::size_t i = 0; i < message.size(); ++i) {
        CHECK_FALSE(parse_request(message.substr(0, i)).has_value());
        std::string altered = message;
        altered[i] = static_cast<char>(altered[i] ^ 0x80);
        (void)parse_request(altered);
    }
    CHECK_FALSE(parse_request(std::string(max_authz_message, '{')).has_value());
    CHECK_FALSE(parse_request(message + std::string(max_authz_message, ' ')).has_value());
}

TEST_CASE("an oversized handle is refused") {
    AuthorizeRequest request = sample_authorize();
    request.handle = std::string(1025, 'A');
    CHECK_FALSE(parse_request(encode_request({1, 2}, request)).has_value());
}
