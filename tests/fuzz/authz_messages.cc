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

template <class Reply>
void check_reply(std::string_view message) {
    const auto reply = parse_reply<Reply>(message);
    if (!reply) {
        require(reply.error().kind != ErrorKind::denied, "a bad reply is no refusal");
        return require(reply.error().told.empty(), "a bad reply tells nobody anything");
    }
    require(!message.empty(), "silence is no answer");
    if constexpr (std::is_same_v<Reply, Authorization>) {
        const auto* granted = std::get_if<Granted>(&*reply);
        require(granted == nullptr || !granted->destinations.empty(), "what is granted has a place to go");
    }
    const std::string encoded = encode_reply(7, *reply);
    const auto again = parse_reply<Reply>(encoded);
    require(again && encode_reply(7, *again) == encoded, "a reply says the same again");
    require(parse_reply_id(encoded) == std::uint64_t{7}, "a reply carries its id");
}

// Of every request that there is.
template <class... R>
void check_replies(std::string_view message, const std::variant<R...>* /*all*/) {
    (check_reply<typename R::Reply>(message), ...);
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view message = fuzz::text_of(data, size);
    check_request(message);
    check_replies(message, static_cast<Request*>(nullptr));
    check_reply<LiveOrder>(message);
    if (const auto id = parse_reply_id(message))
        require(message.starts_with('{'), "an id stands in an object");
    return 0;
}
