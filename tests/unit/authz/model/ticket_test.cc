#include "authz/model/ticket.h"

#include <doctest/doctest.h>

#include "authz/base/big_endian.h"

using namespace gerve;

namespace {

Open sample() {
    Open open;
    open.service = Service::receive_pack;
    open.owner = "mojombo";
    open.storage_path = "mojombo/bert.git";
    open.git_protocol = "version=2";
    open.request_id = std::string(16, '\x01');
    open.time = 1'700'000'000'123;
    open.nonce = std::string("\x00\x01", 2) + std::string(14, 'n');
    open.audience = "fs1";
    open.env = {{"GERVE_USER", "alice"}, {"GERVE_REPO", "a=b\nc"}};
    open.config = {{"receive.maxInputSize", "1"}};
    open.repo_id = 7;
    open.max_object = 1000;
    open.write_refusal = "ERROR: No.";
    open.connection = std::string(16, '\0');
    open.requires_objects = true;
    REQUIRE(open.hooks.add("GITEA_PUSHER_ID", "5").has_value());
    REQUIRE(open.hooks.add("GITEA_PUSHER_EMAIL", "").has_value());
    return open;
}

}  // namespace

TEST_CASE("an OPEN says the same on the other side") {
    const TicketKey key = TicketKey::make();
    const std::string message = encode_open(sample(), &key);
    REQUIRE(open_size(std::string_view(message).substr(0, 12)) == message.size());
    const auto received = parse_open(message);
    REQUIRE(received.has_value());
    CHECK(is_signed_by(*received, key));
    CHECK_FALSE(is_signed_by(*received, TicketKey::make()));
    CHECK(received->key_id == key.id());
    CHECK(received->open.service == Service::receive_pack);
    CHECK(received->open.storage_path == "mojombo/bert.git");
    CHECK(received->open.git_protocol == "version=2");
    CHECK(received->open.time == 1'700'000'000'123);
    CHECK(received->open.nonce == sample().nonce);
    CHECK(received->open.env == sample().env);
    CHECK(received->open.config == sample().config);
    CHECK(received->open.repo_id == 7);
    CHECK(received->open.max_object == 1000);
    CHECK(received->open.write_refusal == "ERROR: No.");
    CHECK(received->open.connection == std::string(16, '\0'));
    CHECK(received->open.requires_objects);
    CHECK(received->open.hooks == sample().hooks);
}

TEST_CASE("no byte of an OPEN can be altered") {
    const TicketKey key = TicketKey::make();
    const std::string message = encode_open(sample(), &key);
    for (std::size_t i = 0; i < message.size(); ++i) {
        std::string altered = message;
        altered[i] = static_cast<char>(altered[i] ^ 0x20);
        const auto received = parse_open(altered);
        CHECK_FALSE((received.has_value() && is_signed_by(*received, key)));
        CHECK_FALSE(parse_open(message.substr(0, i)).has_value());
    }
}

TEST_CASE("unknown TLVs: skipped, unless marked critical; a second owner is refused") {
    const TicketKey key = TicketKey::make();
    const std::string message = encode_open(sample(), &key);
    const auto with = [&](std::string tlv) {
        std::string changed = message;
        changed.insert(changed.size() - 32, tlv);
        const std::size_t size = changed.size() - 32 - 12;
        changed[10] = static_cast<char>(size >> 8);
        changed[11] = static_cast<char>(size);
        return parse_open(changed);
    };
    CHECK(with(std::string("\x00\x63\x00\x01x", 5)).has_value());
    CHECK_FALSE(with(std::string("\x80\x63\x00\x01x", 5)).has_value());
    CHECK_FALSE(with(std::string("\x00\x02\x00\x01x", 5)).has_value());
    CHECK_FALSE(with(std::string("\x00\x63\x00\x09x", 5)).has_value());
    // The object format is critical, and stands once as others do.
    const std::string format("\x80\x0f\x00\x06sha256", 10);
    REQUIRE(with(format).has_value());
    CHECK(with(format)->open.object_format == "sha256");
    CHECK_FALSE(with(format + format).has_value());
    CHECK_FALSE(with(std::string("\x80\x0f\x00\x00", 4)).has_value());
}

TEST_CASE("a ticket key survives its file, and nothing else is one") {
    const TicketKey key = TicketKey::make();
    const auto again = TicketKey::parse(key.file_content());
    REQUIRE(again.has_value());
    CHECK(again->sign("x") == key.sign("x"));
    for (const char* text : {"", "gerve-ticket-key-v1 00 00", "gerve-ticket-key-v2 0011223344556677 aa"}) {
        CHECK_FALSE(TicketKey::parse(text).has_value());
    }
}

TEST_CASE("a push says how long what it takes away is kept, and how much it may bring") {
    Open open = sample();
    open.service = Service::receive_pack;
    open.keep_lost = std::chrono::days(30);
    open.sizes = {1, 2, std::uint64_t{1} << 62};
    const auto push = parse_open(encode_open(open, nullptr));
    REQUIRE(push);
    CHECK(push->open.keep_lost == std::chrono::days(30));
    CHECK(push->open.sizes == open.sizes);
    open.sizes.push = (std::uint64_t{1} << 62) + 1;  // git reads signed numbers
    CHECK_FALSE(parse_open(encode_open(open, nullptr)));
    open.sizes = {};
    open.keep_lost = std::chrono::days(36'601);
    CHECK_FALSE(parse_open(encode_open(open, nullptr)));
    open.service = Service::upload_pack;
    CHECK(parse_open(encode_open(open, nullptr))->open.keep_lost == std::chrono::days(90));
}

TEST_CASE(
    "variables of hooks are critical to an agent that does not know them, and are none that it must not "
    "set") {
    const auto variable = [](std::string_view value, std::uint16_t type = 0x8019) {
        std::string message = encode_open(sample(), nullptr);
        message.resize(message.size() - grv1_mac_size);
        for (const unsigned number : {unsigned{type}, static_cast<unsigned>(value.size())}) {
            message += static_cast<char>(number >> 8);
            message += static_cast<char>(number & 0xff);
        }
        message += value;
        std::string size;
        put_number(size, static_cast<std::uint32_t>(message.size() - grv1_open_header_size));
        message.replace(8, 4, size);
        return parse_open(message + std::string(grv1_mac_size, '\0'));
    };
    const auto more = variable("HOST_KEY=a=b");
    REQUIRE(more.has_value());
    CHECK(*more->open.hooks.find("HOST_KEY") == "a=b");
    for (const char* wrong : {"HOST_KEY", "=1", "PATH=/tmp", "GITEA_INTERNAL_PUSH=true", "GITEA_PUSHER_ID=6",
                              "LD_PRELOAD=x", "host=1", "HOST_KEY=a\nb"}) {
        CAPTURE(wrong);
        CHECK_FALSE(variable(wrong).has_value());
    }
    CHECK_FALSE(variable("X=1", 0x801a).has_value());  // as an agent reads this one that is older
    CHECK(encode_open(sample(), nullptr).find(std::string("\x80\x19\0\x11", 4)) != std::string::npos);
}
