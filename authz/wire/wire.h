// Requests and replies as JSON text and back: what both ends of the authz socket share.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "authz/base/result.h"
#include "authz/wire/message_codec.h"
#include "authz/wire/model_fields.h"
#include "authz/wire/requests.h"

namespace gerve {

// In front of every request. `deadline` is monotonic_now() of the moment after which nobody waits for the
// answer: authz drops what is older. Replies carry the id of their request and may come in another order.
struct RequestHead {
    std::uint64_t id = 0;
    std::int64_t deadline = 0;
};

struct ReceivedRequest {
    RequestHead head;
    Request request;
};

namespace wire {

[[nodiscard]] std::string begin_request(const RequestHead& head, std::string_view name);
[[nodiscard]] std::string begin_reply(std::uint64_t id);
[[nodiscard]] tl::unexpected<Error> not_a_reply();
// The error that a reply stands for, if it is one.
[[nodiscard]] std::optional<Error> error_of_reply(const Value& reply);

template <>
struct Codec<ExitStatus, Usual> {
    static void write(Writer& writer, ExitStatus exit) { writer.number(static_cast<int>(exit)); }
    static std::optional<ExitStatus> read(const Value& value, Wrong& wrong);
};

// A choice is the one member that names it.
template <>
struct InlineCodec<LiveChoice> {
    static void write(Writer& writer, const LiveChoice& choice);
    static std::optional<LiveChoice> read(const Value& object, Wrong& wrong);
};
template <>
struct InlineCodec<std::optional<LiveChoice>> {
    static void write(Writer& writer, const std::optional<LiveChoice>& choice);
    static std::optional<std::optional<LiveChoice>> read(const Value& object, Wrong& wrong);
};

// How each type of reply stands behind the id: by its fields, unless it is said here.
template <class Reply>
struct ReplyCodec : InlineCodec<Reply> {};
template <>
struct ReplyCodec<std::optional<KeyFound>> {
    static void write(Writer& writer, const std::optional<KeyFound>& reply);
    static std::optional<std::optional<KeyFound>> read(const Value& reply, Wrong& wrong);
};
template <>
struct ReplyCodec<Authorization> {
    static void write(Writer& writer, const Authorization& reply);
    static std::optional<Authorization> read(const Value& reply, Wrong& wrong);
};
template <>
struct ReplyCodec<CertificateReply> {
    static void write(Writer& writer, const CertificateReply& reply);
    static std::optional<CertificateReply> read(const Value& reply, Wrong& wrong);
};
template <>
struct ReplyCodec<SelfReply> {
    static void write(Writer& writer, const SelfReply& reply);
    static std::optional<SelfReply> read(const Value& reply, Wrong& wrong);
};

}  // namespace wire

template <class R>
[[nodiscard]] std::string encode_request(const RequestHead& head, const R& request) {
    std::string message = wire::begin_request(head, R::name);
    wire::Writer writer(message);
    wire::write_fields(writer, request);
    writer.end('}');
    return message;
}

// Error: client, naming the field that is wrong.
[[nodiscard]] Result<ReceivedRequest> parse_request(std::string_view message);
// The id to answer a request with that does not parse; 0 when it has none.
[[nodiscard]] std::uint64_t parse_request_id(std::string_view message);

// `reached`: whether the directory is there, and only this question found no answer in it.
[[nodiscard]] std::string encode_error(std::uint64_t id, const Error& error, bool reached = false);

template <class Reply>
[[nodiscard]] std::string encode_reply(std::uint64_t id, const Reply& reply) {
    std::string message = wire::begin_reply(id);
    wire::Writer writer(message);
    wire::ReplyCodec<Reply>::write(writer, reply);
    writer.end('}');
    return message;
}

// Reads the first few bytes alone.
[[nodiscard]] Result<std::uint64_t> parse_reply_id(std::string_view message);

// Errors: unavailable (the reply says so, or is not a reply), internal (refused as not permitted).
template <class Reply>
[[nodiscard]] Result<Reply> parse_reply(std::string_view message) {
    const wire::ReceivedMessage received(message);
    if (auto error = wire::error_of_reply(received.value())) return tl::make_unexpected(std::move(*error));
    wire::Wrong wrong;
    auto reply = wire::ReplyCodec<Reply>::read(received.value(), wrong);
    if (!reply) return wire::not_a_reply();
    return std::move(*reply);
}

}  // namespace gerve
