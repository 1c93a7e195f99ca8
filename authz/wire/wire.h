// Messages of protocol.h as JSON text and back: what both ends of the authz socket share.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "authz/base/result.h"
#include "authz/wire/live_protocol.h"
#include "authz/wire/protocol.h"

namespace gerve {

// In front of every request. `deadline` is monotonic_now() of the moment after which nobody waits for the
// answer: authz drops what is older. Replies carry the id of their request and may come in another order.
struct RequestHead {
    std::uint64_t id = 0;
    std::int64_t deadline = 0;
};

[[nodiscard]] std::string encode_request(const RequestHead& head, const KeyRequest& request);
[[nodiscard]] std::string encode_request(const RequestHead& head, const HolderRequest& request);
[[nodiscard]] std::string encode_request(const RequestHead& head, const AuthorizeRequest& request);
[[nodiscard]] std::string encode_request(const RequestHead& head, const AnonymousRequest& request);
[[nodiscard]] std::string encode_request(const RequestHead& head, const SessionReport& report);
[[nodiscard]] std::string encode_request(const RequestHead& head, const ReadyRequest& request);
[[nodiscard]] std::string encode_request(const RequestHead& head, const ProofReport& report);
[[nodiscard]] std::string encode_request(const RequestHead& head, const ChangeReport& report);
[[nodiscard]] std::string encode_request(const RequestHead& head, const SelfRequest& request);
[[nodiscard]] std::string encode_request(const RequestHead& head, const RefusalReport& report);
[[nodiscard]] std::string encode_request(const RequestHead& head, const LiveNews& news);
[[nodiscard]] std::string encode_request(const RequestHead& head, const SessionsRequest& request);
[[nodiscard]] std::string encode_request(const RequestHead& head, const KillRequest& request);

// Client side. parse_reply_id() reads the first few bytes alone. Errors: unavailable (the reply says so, or
// is not a reply), internal (refused as not permitted).
[[nodiscard]] Result<std::uint64_t> parse_reply_id(std::string_view message);
[[nodiscard]] Result<std::optional<KeyFound>> parse_key_reply(std::string_view message);
[[nodiscard]] Result<Authorization> parse_authorize_reply(std::string_view message);
[[nodiscard]] Result<void> parse_done_reply(std::string_view message);
[[nodiscard]] Result<SelfReply> parse_self_reply(std::string_view message);
[[nodiscard]] Result<SessionsPage> parse_sessions_reply(std::string_view message);
[[nodiscard]] Result<std::uint64_t> parse_kill_reply(std::string_view message);
// What comes unasked, with the id 0.
[[nodiscard]] Result<LiveOrder> parse_live_order(std::string_view message);

// Server side. Errors: client, naming the field that is wrong.
using Request = std::variant<KeyRequest, HolderRequest, AuthorizeRequest, SessionReport, ReadyRequest,
                             ProofReport, ChangeReport, SelfRequest, LiveNews, SessionsRequest, KillRequest,
                             AnonymousRequest, RefusalReport>;
struct ReceivedRequest {
    RequestHead head;
    Request request;
};
[[nodiscard]] Result<ReceivedRequest> parse_request(std::string_view message);
// The id to answer a request with that does not parse; 0 when it has none.
[[nodiscard]] std::uint64_t parse_request_id(std::string_view message);
[[nodiscard]] std::string encode_key_reply(std::uint64_t id, const Result<std::optional<KeyFound>>& reply);
[[nodiscard]] std::string encode_authorize_reply(std::uint64_t id, const Result<Authorization>& reply);
[[nodiscard]] std::string encode_done(std::uint64_t id);
[[nodiscard]] std::string encode_self_reply(std::uint64_t id, const Result<SelfReply>& reply);
[[nodiscard]] std::string encode_sessions_reply(std::uint64_t id, const SessionsPage& page);
[[nodiscard]] std::string encode_kill_reply(std::uint64_t id, std::uint64_t killed);
[[nodiscard]] std::string encode_live_order(const LiveOrder& order);
// `reached`: whether the directory is there, and only this question found no answer in it.
[[nodiscard]] std::string encode_error(std::uint64_t id, const Error& error, bool reached = false);

}  // namespace gerve
