#include "authz/base/text.h"
#include "authz/wire/wire.h"
#include "authz/wire/wire_fields.h"

namespace gerve {

using namespace wire;

namespace {
// A reply opens with its id, so that whoever waits for many can sort them without parsing each twice.
constexpr std::string_view reply_opening = "{\"id\":";

std::string begin_reply(std::uint64_t id) {
    constexpr std::size_t usual = 1024;
    std::string message;
    message.reserve(usual);
    message += reply_opening;
    message += std::to_string(id);
    return message += ',';
}
}  // namespace

namespace wire {

std::string dump_reply(std::uint64_t id, const Json& body) {
    return begin_reply(id) += dump(body).substr(1);
}

tl::unexpected<Error> not_a_reply() {
    return unavailable("invalid reply from authz");
}

std::optional<Error> error_of_reply(const Json& message) {
    Fields fields(message);
    if (!fields.has("error")) return std::nullopt;
    const std::string_view word = fields.text("error");
    if (word == "malformed" || word == "refused") {
        return Error{ErrorKind::internal, "", "authz answers that the request is " + std::string(word)};
    }
    if (fields.has("reached"))
        return Error{ErrorKind::unavailable, "",
                     "authz gets no usable answer from its directory: see authz's log"};
    return Error{ErrorKind::unavailable, "", "authz cannot reach its directory"};
}

}  // namespace wire

namespace {

// Replies that every login gets are written by hand, their members in the order that dump() gives them.
void put_owner(PlainWriter& writer, const User& user) {
    writer.text("login", user.login.text());
    writer.flag("suspended", user.suspended);
    writer.number("user", number_of(user.id));
}
void put_owner(PlainWriter& writer, const DeployKey& key) {
    writer.flag("can_write", key.can_write);
    writer.text("name", key.repo.text());
    writer.number("repository", number_of(key.repo_id));
}

void put_key(PlainWriter& writer, const KnownKey& key) {
    writer.begin("key", '{');
    writer.text("fingerprint", key.fingerprint.text());
    writer.number("id", number_of(key.id));
    writer.begin("owner", '{');
    std::visit([&](const auto& owner) { put_owner(writer, owner); }, key.owner);
    writer.end('}').end('}');
}

void put_authorization(PlainWriter& writer, const Granted& granted) {
    writer.text("because", rule_name(granted.because));
    writer.begin("destinations", '[');
    for (const Destination& destination : granted.destinations) {
        writer.begin();
        writer.text("endpoint", destination.endpoint.text());
        writer.text("open", to_base64(destination.open));
        writer.text("server", destination.server.text());
        writer.end('}');
    }
    writer.end(']');
    writer.text("is", "granted");
    writer.text("notice", std::string_view(granted.notice).substr(0, max_notice));
    writer.text("repo", granted.repo.text());
}
void put_authorization(PlainWriter& writer, const Refused& refused) {
    writer.text("because", rule_name(refused.because));
    writer.number("exit", static_cast<int>(refused.exit));
    writer.text("is", "refused");
    writer.text("told", refused.told);
}
void put_authorization(PlainWriter& writer, const StaleHandle&) {
    writer.text("is", "stale");
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

Result<KeyOwner> parse_owner(const Json& object) {
    Fields fields(object);
    if (fields.has("user")) {
        const auto id = fields.number<std::int64_t>("user");
        auto login = Login::parse(fields.text("login"));
        const bool suspended = fields.boolean("suspended");
        if (!login || !fields.good()) return not_a_reply();
        return User{AccountId{id}, std::move(*login), suspended};
    }
    const auto id = fields.number<std::int64_t>("repository");
    auto repo = RepoPath::parse(fields.text("name"));
    const bool can_write = fields.boolean("can_write");
    if (!repo || !fields.good()) return not_a_reply();
    return DeployKey{RepoId{id}, std::move(*repo), can_write};
}

Result<KnownKey> parse_key(const Json& object) {
    Fields fields(object);
    const auto id = fields.number<std::int64_t>("id");
    auto fingerprint = Fingerprint::parse(fields.text("fingerprint"));
    auto owner = parse_owner(fields.inner("owner"));
    if (!fingerprint || !owner || !fields.good()) return not_a_reply();
    return KnownKey{KeyId{id}, std::move(*fingerprint), std::move(*owner)};
}

std::optional<Rule> parse_rule(std::string_view name) {
    for (std::size_t i = 0; i < rule_count; ++i) {
        if (rule_name(static_cast<Rule>(i)) == name) return static_cast<Rule>(i);
    }
    return std::nullopt;
}

Result<Destination> parse_destination(const Json& object) {
    Fields fields(object);
    auto server = ServerName::parse(fields.text("server"));
    auto endpoint = Endpoint::parse(fields.text("endpoint", 300));
    auto open = from_base64(fields.text("open", max_authz_message));
    if (!server || !endpoint || !open || !fields.good()) return not_a_reply();
    return Destination{std::move(*server), std::move(*endpoint), std::move(*open)};
}

Result<Authorization> parse_granted(Fields& fields) {
    auto repo = RepoPath::parse(fields.text("repo"));
    std::string notice(fields.text("notice", max_notice));
    const auto because = parse_rule(fields.text("because"));
    const Json& destinations = fields.inner("destinations");
    if (!repo || !because || !fields.good() || !destinations.is_array()) return not_a_reply();
    if (destinations.empty() || destinations.size() > max_destinations) return not_a_reply();
    Granted granted{std::move(*repo), std::move(notice), *because, {}};
    for (const Json& object : destinations) {
        auto destination = parse_destination(object);
        if (!destination) return pass_on(destination);
        granted.destinations.push_back(std::move(*destination));
    }
    return granted;
}

std::optional<ExitStatus> parse_exit(int number) {
    for (const ExitStatus exit : {ExitStatus::refused, ExitStatus::unavailable, ExitStatus::failed}) {
        if (static_cast<int>(exit) == number) return exit;
    }
    return std::nullopt;
}

Result<Authorization> parse_refused(Fields& fields) {
    std::string told(fields.text("told", max_notice));
    const auto exit = parse_exit(fields.number<int>("exit"));
    const auto because = parse_rule(fields.text("because"));
    if (!exit || !because || told.empty() || !fields.good()) return not_a_reply();
    return Refused{std::move(told), *exit, *because};
}

}  // namespace

std::string encode_error(std::uint64_t id, const Error& error, bool reached) {
    Json body{{"error", error_word(error.kind)}};
    if (reached && error.kind == ErrorKind::unavailable) body["reached"] = true;
    return dump_reply(id, body);
}

std::string encode_key_reply(std::uint64_t id, const Result<std::optional<KeyFound>>& reply) {
    if (!reply) return encode_error(id, reply.error());
    if (!*reply) return dump_reply(id, {{"key", nullptr}});
    std::string message = begin_reply(id);
    PlainWriter writer(message);
    writer.text("handle", (*reply)->handle);
    put_key(writer, (*reply)->key);
    writer.end('}');
    return message;
}

std::string encode_authorize_reply(std::uint64_t id, const Result<Authorization>& reply) {
    if (!reply) return encode_error(id, reply.error());
    std::string message = begin_reply(id);
    PlainWriter writer(message);
    writer.begin("authorization", '{');
    std::visit([&](const auto& kind) { put_authorization(writer, kind); }, *reply);
    writer.end('}').end('}');
    return message;
}

std::string encode_done(std::uint64_t id) {
    return dump_reply(id, {{"done", true}});
}

Result<std::uint64_t> parse_reply_id(std::string_view message) {
    if (!message.starts_with(reply_opening)) return not_a_reply();
    message.remove_prefix(reply_opening.size());
    const auto id = parse_decimal(message.substr(0, message.find(',')));
    if (!id) return not_a_reply();
    return *id;
}

Result<std::optional<KeyFound>> parse_key_reply(std::string_view message) {
    const Json json = parse_json(message);
    if (auto error = error_of_reply(json)) return tl::make_unexpected(std::move(*error));
    Fields fields(json);
    if (!fields.has("key")) return not_a_reply();
    const Json& object = fields.inner("key");
    if (object.is_null()) return std::nullopt;
    auto key = parse_key(object);
    if (!key) return pass_on(key);
    std::string handle(fields.text("handle", max_handle));
    if (handle.empty() || !fields.good()) return not_a_reply();
    return KeyFound{std::move(*key), std::move(handle)};
}

Result<Authorization> parse_authorize_reply(std::string_view message) {
    const Json json = parse_json(message);
    if (auto error = error_of_reply(json)) return tl::make_unexpected(std::move(*error));
    Fields outer(json);
    Fields fields(outer.inner("authorization"));
    const std::string_view is = fields.text("is");
    if (is == "granted") return parse_granted(fields);
    if (is == "refused") return parse_refused(fields);
    if (is == "stale") return StaleHandle{};
    return not_a_reply();
}

Result<void> parse_done_reply(std::string_view message) {
    const Json json = parse_json(message);
    if (auto error = error_of_reply(json)) return tl::make_unexpected(std::move(*error));
    Fields fields(json);
    if (!fields.boolean("done")) return not_a_reply();
    return {};
}

}  // namespace gerve
