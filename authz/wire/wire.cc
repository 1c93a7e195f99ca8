#include "authz/wire/wire.h"

namespace gerve {
namespace wire {
namespace {

// A reply opens with its id, so that whoever waits for many can sort them without parsing each twice.
constexpr std::string_view opening = "{\"id\":";

std::string begin(std::uint64_t id) {
    constexpr std::size_t usual = 1024;
    std::string message;
    message.reserve(usual);
    message += opening;
    message += std::to_string(id);
    return message;
}

template <class... R>
std::optional<Request> read_request(std::string_view name, const Value& value, Wrong& wrong,
                                    const std::variant<R...>* /*all*/) {
    std::optional<Request> request;
    const auto read = [&]<class One>(std::type_identity<One>) {
        if (auto one = read_fields<One>(value, wrong)) request.emplace(std::move(*one));
        return true;
    };
    const bool known = ((name == R::name && read(std::type_identity<R>())) || ...);
    if (!known) wrong.note("ask");
    return request;
}

// Only whether to try again later leaves authz; the reason is in its log.
const char* error_word(ErrorKind kind) {
    switch (kind) {
        case ErrorKind::unavailable: return "unavailable";
        case ErrorKind::client: return "malformed";
        case ErrorKind::denied:
        case ErrorKind::internal: break;
    }
    return "refused";
}

}  // namespace

std::string begin_request(const RequestHead& head, std::string_view name) {
    std::string message = begin(head.id);
    Writer writer(message);
    writer.name("deadline");
    writer.number(head.deadline);
    writer.name("ask");
    writer.text(name, max_word);
    return message;
}

std::string begin_reply(std::uint64_t id) {
    return begin(id);
}

tl::unexpected<Error> not_a_reply() {
    return unavailable("invalid reply from authz");
}

std::optional<Error> error_of_reply(const Value& reply) {
    const Value error = reply.member("error");
    if (!error.exists()) return std::nullopt;
    const std::string_view word = error.text().value_or("");
    if (word == "malformed" || word == "refused") {
        return Error{ErrorKind::internal, "", "authz answers that the request is " + std::string(word)};
    }
    if (reply.member("reached").exists())
        return Error{ErrorKind::unavailable, "",
                     "authz gets no usable answer from its directory: see authz's log"};
    return Error{ErrorKind::unavailable, "", "authz cannot reach its directory"};
}

std::optional<ExitStatus> Codec<ExitStatus, Usual>::read(const Value& value, Wrong& wrong) {
    const auto number = Codec<int, Usual>::read(value, wrong);
    for (const ExitStatus exit :
         {ExitStatus::refused, ExitStatus::unavailable, ExitStatus::not_found, ExitStatus::failed}) {
        if (static_cast<int>(exit) == number) return exit;
    }
    return std::nullopt;
}

void InlineCodec<LiveChoice>::write(Writer& writer, const LiveChoice& choice) {
    const auto put = [&]<class T>(std::string_view name, const T& value) {
        writer.name(name);
        Codec<T, Usual>::write(writer, value);
    };
    struct Names {
        decltype(put)& put_;
        void operator()(const std::string& session) const { put_("session", session); }
        void operator()(const Fingerprint& key) const { put_("key", key); }
        void operator()(const Login& user) const { put_("user", user); }
    };
    std::visit(Names{put}, choice);
}

std::optional<LiveChoice> InlineCodec<LiveChoice>::read(const Value& object, Wrong& wrong) {
    auto choice = InlineCodec<std::optional<LiveChoice>>::read(object, wrong);
    if (choice && *choice) return std::move(*choice);
    wrong.note("session");
    return std::nullopt;
}

void InlineCodec<std::optional<LiveChoice>>::write(Writer& writer, const std::optional<LiveChoice>& choice) {
    if (choice) InlineCodec<LiveChoice>::write(writer, *choice);
}

std::optional<std::optional<LiveChoice>> InlineCodec<std::optional<LiveChoice>>::read(const Value& object,
                                                                                      Wrong& wrong) {
    std::optional<std::optional<LiveChoice>> choice(std::in_place);
    const auto read = [&]<class T>(std::string_view name, std::type_identity<T>) {
        const Value value = object.member(name);
        if (!value.exists()) return false;
        auto one = Codec<T, Usual>::read(value, wrong);
        if (one)
            choice->emplace(std::move(*one));
        else
            choice.reset();
        if (!one) wrong.note(name);
        return true;
    };
    (void)(read("session", std::type_identity<std::string>()) ||
           read("key", std::type_identity<Fingerprint>()) || read("user", std::type_identity<Login>()));
    return choice;
}

void ReplyCodec<std::optional<KeyFound>>::write(Writer& writer, const std::optional<KeyFound>& reply) {
    if (reply) return write_fields(writer, *reply);
    writer.name("key");
    writer.null();
}

std::optional<std::optional<KeyFound>> ReplyCodec<std::optional<KeyFound>>::read(const Value& reply,
                                                                                 Wrong& wrong) {
    if (reply.member("key").is_null()) return std::optional<KeyFound>();
    auto found = read_fields<KeyFound>(reply, wrong);
    if (!found) return std::nullopt;
    return std::optional<std::optional<KeyFound>>(std::in_place, std::move(*found));
}

void ReplyCodec<Authorization>::write(Writer& writer, const Authorization& reply) {
    writer.name("authorization");
    Codec<Authorization, Usual>::write(writer, reply);
}

std::optional<Authorization> ReplyCodec<Authorization>::read(const Value& reply, Wrong& wrong) {
    return Codec<Authorization, Usual>::read(reply.member("authorization"), wrong);
}

void ReplyCodec<CertificateReply>::write(Writer& writer, const CertificateReply& reply) {
    writer.name("certificate");
    Codec<CertificateReply, Usual>::write(writer, reply);
}

std::optional<CertificateReply> ReplyCodec<CertificateReply>::read(const Value& reply, Wrong& wrong) {
    return Codec<CertificateReply, Usual>::read(reply.member("certificate"), wrong);
}

void ReplyCodec<SelfReply>::write(Writer& writer, const SelfReply& reply) {
    writer.name("self");
    if (const auto* answer = std::get_if<SelfAnswer>(&reply))
        Codec<SelfAnswer, Usual>::write(writer, *answer);
    else
        writer.null();
}

std::optional<SelfReply> ReplyCodec<SelfReply>::read(const Value& reply, Wrong& wrong) {
    const Value self = reply.member("self");
    if (self.is_null()) return StaleHandle();
    auto answer = Codec<SelfAnswer, Usual>::read(self, wrong);
    return answer ? std::optional<SelfReply>(std::move(*answer)) : std::nullopt;
}

}  // namespace wire

using namespace wire;

Result<ReceivedRequest> parse_request(std::string_view message) {
    const ReceivedMessage received(message);
    const Value value = received.value();
    Wrong wrong;
    if (!value.is_object()) wrong.note("object");
    const auto id = Codec<std::uint64_t, Usual>::read(value.member("id"), wrong);
    const auto deadline = Codec<std::int64_t, Usual>::read(value.member("deadline"), wrong);
    const auto name = value.member("ask").text();
    if (!id) wrong.note("id");
    if (!deadline) wrong.note("deadline");
    if (!name) wrong.note("ask");
    std::optional<Request> request;
    if (wrong.field.empty()) request = read_request(*name, value, wrong, static_cast<Request*>(nullptr));
    if (!request) return client_error("bad field: " + std::string(wrong.field));
    return ReceivedRequest{{*id, *deadline}, std::move(*request)};
}

std::uint64_t parse_request_id(std::string_view message) {
    const ReceivedMessage received(message);
    return received.value().member("id").number().value_or(0);
}

std::string encode_error(std::uint64_t id, const Error& error, bool reached) {
    std::string message = begin_reply(id);
    Writer writer(message);
    writer.name("error");
    writer.text(error_word(error.kind), max_word);
    if (reached && error.kind == ErrorKind::unavailable) {
        writer.name("reached");
        writer.flag(true);
    }
    writer.end('}');
    return message;
}

Result<std::uint64_t> parse_reply_id(std::string_view message) {
    if (!message.starts_with(opening)) return not_a_reply();
    message.remove_prefix(opening.size());
    const auto id = parse_decimal(message.substr(0, message.find(',')));
    if (!id) return not_a_reply();
    return *id;
}

}  // namespace gerve
