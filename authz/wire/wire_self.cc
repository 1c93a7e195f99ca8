#include "authz/base/text.h"
#include "authz/wire/wire.h"
#include "authz/wire/wire_fields.h"

namespace gerve {

using namespace wire;

namespace {

constexpr std::size_t max_answer = 64 * 1024;  // bytes, of each stream

using Kind = SelfQuestion::Kind;

std::optional<Kind> parse_kind(std::string_view name) {
    for (const Kind kind : {Kind::whoami, Kind::keys, Kind::why}) {
        if (SelfQuestion{kind, std::nullopt, false}.name() == name) return kind;
    }
    return std::nullopt;
}

}  // namespace

std::string encode_request(const RequestHead& head, const SelfRequest& request) {
    Json message = encode_head(head, "self");
    message["handle"] = request.handle;
    message["what"] = request.question.name();
    if (request.question.repo) message["repo"] = request.question.repo->text();
    message["push"] = request.question.push;
    message["request"] = request.request.text();
    message["client"] = encode_client(request.client);
    return dump(message);
}

std::string encode_self_reply(std::uint64_t id, const Result<SelfReply>& reply) {
    if (!reply) return encode_error(id, reply.error());
    const auto* answer = std::get_if<SelfAnswer>(&*reply);
    if (answer == nullptr) return dump_reply(id, {{"self", nullptr}});
    const Json body{{"out", answer->out.substr(0, max_answer)},
                    {"err", answer->err.substr(0, max_answer)},
                    {"exit", answer->exit}};
    return dump_reply(id, {{"self", body}});
}

Result<SelfReply> parse_self_reply(std::string_view message) {
    const Json json = parse_json(message);
    if (auto error = error_of_reply(json)) return tl::make_unexpected(std::move(*error));
    Fields outer(json);
    if (!outer.has("self")) return not_a_reply();
    const Json& body = outer.inner("self");
    if (body.is_null()) return StaleHandle{};
    Fields fields(body);
    std::string out(fields.text("out", max_answer));
    std::string err(fields.text("err", max_answer));
    const auto exit = fields.number<int>("exit");
    if (exit > 255) fields.note("exit");
    if (!fields.good()) return not_a_reply();
    return SelfAnswer{std::move(out), std::move(err), exit};
}

namespace wire {

Result<SelfRequest> parse_self_request(Fields& fields, ClientContext client) {
    std::string handle(fields.text("handle", max_handle));
    const auto kind = parse_kind(fields.text("what"));
    const bool push = fields.boolean("push");
    auto request = RequestId::parse(fields.text("request"));
    if (!kind) fields.note("what");
    if (!request) fields.note("request");
    std::optional<RepoPath> repo;
    if (fields.has("repo")) {
        auto parsed = RepoPath::parse(fields.text("repo"));
        if (parsed) repo = std::move(*parsed);
        if (!parsed) fields.note("repo");
    }
    if (repo.has_value() != (kind == Kind::why) || (push && !repo)) fields.note("repo");
    if (!fields.good()) return fields.error();
    return SelfRequest{std::move(handle), SelfQuestion{*kind, std::move(repo), push}, std::move(*request),
                       std::move(client)};
}

}  // namespace wire
}  // namespace gerve
