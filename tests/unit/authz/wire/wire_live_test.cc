#include <doctest/doctest.h>

#include "authz/wire/wire.h"
#include "tests/unit/authz/wire/wire_samples.h"

using namespace gerve;
using namespace gerve::testing;

namespace {

ClientContext gateway() {
    return {"192.0.2.7", "SSH-2.0-OpenSSH_9.2", "c1", Door::gateway};
}

template <class Body>
Body there_and_back(const Body& body) {
    const auto received = parse_request(encode_request({7, 1'000}, body));
    REQUIRE_MESSAGE(received.has_value(), describe(received.error()));
    REQUIRE(std::holds_alternative<Body>(received->request));
    return std::get<Body>(received->request);
}

bool is_refused(const LiveEntry& entry) {
    LiveNews news;
    news.client = gateway();
    news.began = {entry};
    return !parse_request(encode_request({1, 1}, news)).has_value();
}

}  // namespace

TEST_CASE("news of live sessions say the same on the other side") {
    LiveNews news;
    news.client = gateway();
    news.began = {sample_entry(), LiveEntry{.number = 2, .handle = "aA", .client = gateway(), .id = "c1"}};
    news.moved = {{1, 2, 3}, {4, 5, ~0ULL}};
    news.ended = {6, 7};
    const LiveNews got = there_and_back(news);
    REQUIRE(got.began.size() == 2);
    const LiveEntry& entry = got.began[0];
    CHECK(entry.number == 1ULL << 60);
    CHECK(entry.handle == "aGFuZGxl");
    CHECK(entry.client.connection == "c1");
    CHECK(entry.id == "00112233445566778899aabbccddeeff");
    CHECK(entry.service == "git-receive-pack");
    CHECK(entry.repo == "alice/site");
    CHECK(entry.server == "fs1");
    CHECK(entry.since == 1'700'000'000'000);
    CHECK(got.began[1].service.empty());
    REQUIRE(got.moved.size() == 2);
    CHECK(got.moved[1].number == 4);
    CHECK(got.moved[1].bytes_in == 5);
    CHECK(got.moved[1].bytes_out == ~0ULL);
    CHECK(got.ended == std::vector<std::uint64_t>{6, 7});
}

TEST_CASE("what runs is an operation of git's on a repository, or a connection") {
    CHECK_FALSE(is_refused(sample_entry()));
    for (const auto& [service, path] :
         {std::pair{"git-upload-pack", ""}, std::pair{"", "alice/site"}, std::pair{"admin", "alice/site"},
          std::pair{"sh", "alice/site"}, std::pair{"git-upload-pack", "../x"}}) {
        LiveEntry entry = sample_entry();
        entry.service = service;
        entry.repo = path;
        CAPTURE(service);
        CHECK(is_refused(entry));
    }
    LiveEntry nameless = sample_entry();
    nameless.id.clear();
    CHECK(is_refused(nameless));
}

TEST_CASE("more news than a message may have are refused") {
    LiveNews news;
    news.client = gateway();
    news.began.assign(max_live_began, sample_entry());
    news.moved.assign(max_live_numbers, {~0ULL, ~0ULL, ~0ULL});
    news.ended.assign(max_live_numbers, ~0ULL);
    const std::string message = encode_request({1, 1}, news);
    CHECK(message.size() <= max_authz_message);
    CHECK(parse_request(message).has_value());
    news.began.push_back(sample_entry());
    CHECK_FALSE(parse_request(encode_request({1, 1}, news)).has_value());
}

TEST_CASE("an administrator's questions name a session, a key, a user, or for a list nothing") {
    const auto key = *Fingerprint::parse_bytes(std::string(32, 'k'));
    for (const LiveChoice& choice :
         {LiveChoice(std::string("c1")), LiveChoice(key), LiveChoice(*Login::parse("Alice"))}) {
        CHECK(there_and_back(KillRequest{gateway(), choice}).choice == choice);
        const SessionsRequest got = there_and_back(SessionsRequest{gateway(), 17, choice});
        CHECK(got.after == 17);
        CHECK(got.choice == choice);
    }
    CHECK_FALSE(there_and_back(SessionsRequest{gateway(), 0, std::nullopt}).choice.has_value());
    const std::string kill = encode_request({1, 1}, KillRequest{gateway(), std::string("c1")});
    std::string nothing = kill;
    nothing.replace(nothing.find("\"session\""), 9, "\"nothing\"");
    CHECK_FALSE(parse_request(nothing).has_value());
}

TEST_CASE("a page of sessions, a count and an order say the same on the other side") {
    LiveRecord record{.sequence = 9,
                      .id = "c1",
                      .who = "alice",
                      .deploy_key = true,
                      .fingerprint = "SHA256:a",
                      .service = "git-upload-pack",
                      .repo = "alice/site",
                      .server = "fs1",
                      .address = "192.0.2.7",
                      .version = std::string(323, 'v'),  // 80 characters, escaped
                      .connection = "c2",
                      .door = Door::sshd,
                      .process = 11,
                      .since = 12,
                      .bytes_in = 13,
                      .bytes_out = 14,
                      .rate = 1'000,
                      .ending = "killed"};
    const std::string told = encode_reply(3, SessionsPage{{record, record}, true});
    const auto page = parse_reply<SessionsPage>(told);
    REQUIRE(page.has_value());
    REQUIRE(page->records.size() == 2);
    CHECK(page->more);
    CHECK(page->records[1].sequence == 9);
    CHECK(page->records[1].deploy_key);
    CHECK(page->records[1].ending == "killed");
    CHECK(page->records[1].version == record.version);
    CHECK(encode_reply(3, *page) == told);
    CHECK(parse_reply<Killed>(encode_reply(3, Killed{12}))->killed == 12);
    CHECK_FALSE(parse_reply<Killed>(encode_reply(3, Done())).has_value());

    const std::string message = encode_reply(0, LiveOrder{LiveEnd::withdrawn, {1, 2}});
    CHECK(parse_reply_id(message) == std::uint64_t{0});
    const auto order = parse_reply<LiveOrder>(message);
    REQUIRE(order.has_value());
    CHECK(order->why == LiveEnd::withdrawn);
    CHECK(order->numbers == std::vector<std::uint64_t>{1, 2});
    CHECK_FALSE(parse_reply<LiveOrder>(encode_error(0, Error{ErrorKind::denied, "", ""})).has_value());
    CHECK_FALSE(parse_reply<LiveOrder>(R"({"id":0,"end":[1],"why":"whim"})").has_value());
    CHECK_FALSE(parse_reply<LiveOrder>(R"({"id":0,"end":[-1],"why":"killed"})").has_value());
}

TEST_CASE("questions about the key itself and their answers say the same on the other side") {
    const RequestId id = RequestId::make();
    const auto why = *parse_self_question("why alice/site push");
    const SelfRequest got = there_and_back(SelfRequest{"aGFuZGxl", *why, id, gateway()});
    CHECK(got.question.kind == SelfQuestion::Kind::why);
    CHECK(got.question.repo->text() == "alice/site");
    CHECK(got.question.push);
    CHECK(got.request.text() == id.text());
    const auto who = *parse_self_question("whoami");
    CHECK_FALSE(there_and_back(SelfRequest{"aGFuZGxl", *who, id, gateway()}).question.repo.has_value());
    std::string mixed = encode_request({1, 1}, SelfRequest{"aGFuZGxl", *why, id, gateway()});
    mixed.replace(mixed.find("\"why\""), 5, "\"keys\"");
    CHECK_FALSE(parse_request(mixed).has_value());

    const auto answer = parse_reply<SelfReply>(encode_reply(4, SelfReply(SelfAnswer{"out\n", "err\n", 1})));
    REQUIRE(answer.has_value());
    CHECK(std::get<SelfAnswer>(*answer).out == "out\n");
    CHECK(std::get<SelfAnswer>(*answer).err == "err\n");
    CHECK(std::get<SelfAnswer>(*answer).exit == 1);
    const auto stale = parse_reply<SelfReply>(encode_reply(4, SelfReply(StaleHandle{})));
    CHECK(std::holds_alternative<StaleHandle>(*stale));
    CHECK_FALSE(parse_reply<SelfReply>(encode_reply(4, Done())).has_value());
}
