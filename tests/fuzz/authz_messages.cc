// The messages of the authz socket, in both directions. What is understood must say the same again.
#include "authz/wire/wire.h"
#include "tests/fuzz/fuzz.h"

using namespace gerve;
using fuzz::require;

namespace {

std::string encode(const ReceivedRequest& request) {
    return std::visit([&](const auto& body) { return encode_request(request.head, body); }, request.request);
}

// Read in place, or as a tree: a space in front makes it the library's to read.
void check_both_readers(std::string_view message, const Result<ReceivedRequest>& received) {
    if (message.size() >= max_authz_message) return;
    const auto other = parse_request(" " + std::string(message));
    require(received.has_value() == other.has_value(), "both readers understand it, or neither");
    if (received) require(encode(*received) == encode(*other), "both readers understand the same");
}

void check_request(std::string_view message) {
    const auto received = parse_request(message);
    check_both_readers(message, received);
    if (!received) {
        require(received.error().kind == ErrorKind::client, "a bad request is the peer's fault");
        return fuzz::require_one_clean_line(received.error().told);
    }
    require(parse_request_id(message) == received->head.id, "one id");
    const std::string encoded = encode(*received);
    const auto again = parse_request(encoded);
    require(again && encode(*again) == encoded, "a request says the same again");
    require(encoded.size() <= max_authz_message, "a request fits a message");
}

void check_key_reply(std::string_view message) {
    const auto reply = parse_key_reply(message);
    if (!reply) {
        require(reply.error().kind != ErrorKind::denied, "a bad reply is no answer");
        return require(reply.error().told.empty(), "a bad reply tells nobody anything");
    }
    const std::string encoded = encode_key_reply(7, *reply);
    const auto again = parse_key_reply(encoded);
    require(again && encode_key_reply(7, *again) == encoded, "a key reply says the same again");
    require(parse_reply_id(encoded) == std::uint64_t{7}, "a reply carries its id");
}

void check_authorize_reply(std::string_view message) {
    const auto reply = parse_authorize_reply(message);
    if (!reply) {
        require(reply.error().kind != ErrorKind::denied, "a bad reply is no refusal");
        return require(reply.error().told.empty(), "a bad reply tells nobody anything");
    }
    const auto* granted = std::get_if<Granted>(&*reply);
    require(granted == nullptr || !granted->destinations.empty(), "what is granted has a place to go");
    const std::string encoded = encode_authorize_reply(7, *reply);
    const auto again = parse_authorize_reply(encoded);
    require(again && encode_authorize_reply(7, *again) == encoded, "a decision says the same again");
}

template <class Reply, class Encode>
void check_reply(const Result<Reply>& reply, std::string_view message, Encode encode,
                 Result<Reply> (*parse)(std::string_view)) {
    if (!reply) {
        require(reply.error().kind != ErrorKind::denied, "a bad reply is no refusal");
        return require(reply.error().told.empty(), "a bad reply tells nobody anything");
    }
    require(!message.empty(), "silence is no answer");
    const std::string encoded = encode(*reply);
    const auto again = parse(encoded);
    require(again && encode(*again) == encoded, "a reply says the same again");
}

void check_live_replies(std::string_view message) {
    check_reply(
        parse_sessions_reply(message), message,
        [](const SessionsPage& page) { return encode_sessions_reply(7, page); }, parse_sessions_reply);
    check_reply(
        parse_kill_reply(message), message, [](std::uint64_t count) { return encode_kill_reply(7, count); },
        parse_kill_reply);
    check_reply(
        parse_live_order(message), message, [](const LiveOrder& order) { return encode_live_order(order); },
        parse_live_order);
    check_reply(
        parse_self_reply(message), message,
        [](const SelfReply& reply) { return encode_self_reply(7, reply); }, parse_self_reply);
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view message = fuzz::text_of(data, size);
    check_request(message);
    check_key_reply(message);
    check_authorize_reply(message);
    check_live_replies(message);
    if (const auto id = parse_reply_id(message))
        require(message.starts_with('{'), "an id stands in an object");
    if (const auto done = parse_done_reply(message)) require(!message.empty(), "silence is not consent");
    return 0;
}
