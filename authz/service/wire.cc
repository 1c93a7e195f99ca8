#include "authz/service/wire.h"

#include <array>
#include <limits>
#include <nlohmann/json.hpp>

#include "authz/base/text.h"

namespace gerve {
namespace {

using Json = nlohmann::json;

// Untrusted text is cut to these many bytes when sent and refused beyond them when received.
constexpr std::size_t max_word = 255;     // a login, an address, an SSH version string
constexpr std::size_t max_handle = 1024;  // base64
constexpr std::size_t max_notice = 4096;
constexpr std::size_t max_destinations = 64;

// ---- writing

// Bytes that are not UTF-8 (a client's version string may hold any) become U+FFFD.
std::string dump(const Json& message) {
    return message.dump(-1, ' ', false, Json::error_handler_t::replace);
}

// A reply opens with its id, so that whoever waits for many can sort them without parsing each twice.
constexpr std::string_view reply_opening = "{\"id\":";

std::string dump_reply(std::uint64_t id, const Json& body) {
    std::string message(reply_opening);
    message += std::to_string(id);
    message += ',';
    return message += dump(body).substr(1);
}

std::string cut(const std::string& text) {
    return text.substr(0, max_word);
}

Json encode_client(const ClientContext& client) {
    return {{"address", cut(client.address)},
            {"version", cut(client.version)},
            {"connection", cut(client.connection)},
            {"door", client.door}};
}

Json encode_head(const RequestHead& head, const char* ask) {
    return {{"id", head.id}, {"deadline", head.deadline}, {"ask", ask}};
}

Json encode_owner(const User& user) {
    return {{"user", number_of(user.id)}, {"login", user.login.text()}, {"suspended", user.suspended}};
}
Json encode_owner(const DeployKey& key) {
    return {{"repository", number_of(key.repo_id)}, {"name", key.repo.text()}, {"can_write", key.can_write}};
}

Json encode_key(const KnownKey& key) {
    return {{"id", number_of(key.id)},
            {"fingerprint", key.fingerprint.text()},
            {"owner", std::visit([](const auto& owner) { return encode_owner(owner); }, key.owner)}};
}

Json encode_authorization(const Granted& granted) {
    Json destinations = Json::array();
    for (const Destination& destination : granted.destinations) {
        destinations.push_back({{"server", destination.server.text()},
                                {"endpoint", destination.endpoint.text()},
                                {"open", to_base64(destination.open)}});
    }
    return {{"is", "granted"},
            {"repo", granted.repo.text()},
            {"notice", granted.notice.substr(0, max_notice)},
            {"because", rule_name(granted.because)},
            {"destinations", std::move(destinations)}};
}
Json encode_authorization(const Refused& refused) {
    return {{"is", "refused"},
            {"told", refused.told},
            {"exit", static_cast<int>(refused.exit)},
            {"because", rule_name(refused.because)}};
}
Json encode_authorization(const StaleHandle&) {
    return {{"is", "stale"}};
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

// ---- reading

// Takes fields out of one JSON object and remembers the first that is missing or of the wrong form, so that
// a parser below can read all it needs and ask once.
class Fields {
  public:
    explicit Fields(const Json& object) : object_(object) {
        if (!object.is_object()) note("object");
    }

    std::string_view text(const char* name, std::size_t limit = max_word) {
        const Json* value = get(name);
        const auto* text = value == nullptr ? nullptr : value->get_ptr<const std::string*>();
        if (text != nullptr && text->size() <= limit) return *text;
        note(name);
        return {};
    }
    bool boolean(const char* name) {
        const Json* value = get(name);
        if (value != nullptr && value->is_boolean()) return value->get<bool>();
        note(name);
        return false;
    }
    template <class Number>
    Number number(const char* name) {
        const Json* value = get(name);
        const auto* number = value == nullptr ? nullptr : value->get_ptr<const Json::number_unsigned_t*>();
        if (number != nullptr && *number <= static_cast<std::uint64_t>(std::numeric_limits<Number>::max()))
            return static_cast<Number>(*number);
        note(name);
        return 0;
    }
    bool has(const char* name) const { return object_.is_object() && object_.contains(name); }
    const Json& inner(const char* name) {
        static const Json nothing;
        const Json* value = get(name);
        if (value == nullptr) note(name);
        return value == nullptr ? nothing : *value;
    }

    void note(const char* name) {
        if (wrong_.empty()) wrong_ = name;
    }
    [[nodiscard]] bool good() const { return wrong_.empty(); }
    [[nodiscard]] tl::unexpected<Error> error() const { return client_error("bad field: " + wrong_); }

  private:
    const Json* get(const char* name) const {
        if (!object_.is_object()) return nullptr;
        const auto found = object_.find(name);
        return found == object_.end() ? nullptr : &*found;
    }
    const Json& object_;
    std::string wrong_;
};

Json parse_json(std::string_view message) {
    if (message.size() > max_authz_message) return {};
    return Json::parse(message, nullptr, false);
}

Result<ClientContext> parse_client(const Json& object) {
    Fields fields(object);
    ClientContext client;
    client.address = fields.text("address");
    client.version = fields.text("version");
    client.connection = fields.text("connection");
    client.door = fields.text("door");
    if (client.door != "gateway" && client.door != "sshd") fields.note("door");
    if (!fields.good()) return fields.error();
    return client;
}

Result<Request> parse_key_request(Fields& fields, ClientContext client) {
    const auto blob = from_base64(fields.text("blob", 2 * PublicKey::max_blob));
    std::string login(fields.text("login"));
    const bool proven = fields.boolean("proven");
    if (!blob) fields.note("blob");
    if (!fields.good()) return fields.error();
    auto key = PublicKey::parse_blob(*blob);
    if (!key) return pass_on(key);
    return KeyRequest{std::move(*key), std::move(login), proven, std::move(client)};
}

Result<std::optional<GitProtocol>> parse_protocol(Fields& fields) {
    if (!fields.has("git_protocol")) return std::nullopt;
    auto protocol = GitProtocol::parse(fields.text("git_protocol"));
    if (!protocol) return pass_on(protocol);
    return std::move(*protocol);
}

Result<Request> parse_authorize_request(Fields& fields, ClientContext client) {
    std::string handle(fields.text("handle", max_handle));
    const auto service = parse_service(fields.text("service"));
    auto repo = RepoPath::parse(fields.text("repo"));
    auto protocol = parse_protocol(fields);
    auto request = RequestId::parse(fields.text("request"));
    if (!service || *service == Service::admin) fields.note("service");
    if (!repo) fields.note("repo");
    if (!protocol) fields.note("git_protocol");
    if (!request) fields.note("request");
    if (!fields.good()) return fields.error();
    return AuthorizeRequest{std::move(handle),   *service,         std::move(*repo), std::move(*protocol),
                            std::move(*request), std::move(client)};
}

Result<Request> parse_report(Fields& fields, ClientContext client) {
    auto request = RequestId::parse(fields.text("request"));
    if (!request) fields.note("request");
    std::string handle(fields.text("handle", max_handle));
    std::string service(fields.text("service"));
    std::string repo(fields.text("repo"));
    std::string server(fields.text("server"));
    std::string protocol(fields.text("git_protocol"));
    const auto bytes_in = fields.number<std::uint64_t>("bytes_in");
    const auto bytes_out = fields.number<std::uint64_t>("bytes_out");
    const auto duration = fields.number<std::uint64_t>("duration_ms");
    const auto exit = fields.number<int>("exit");
    std::string ended(fields.text("ended"));
    if (!fields.good()) return fields.error();
    return SessionReport{std::move(handle),
                         std::move(*request),
                         std::move(client),
                         std::move(service),
                         std::move(repo),
                         std::move(server),
                         std::move(protocol),
                         bytes_in,
                         bytes_out,
                         duration,
                         exit,
                         std::move(ended)};
}

Result<Request> parse_body(Fields& fields, std::string_view ask, ClientContext client) {
    if (ask == "key") return parse_key_request(fields, std::move(client));
    if (ask == "authorize") return parse_authorize_request(fields, std::move(client));
    if (ask == "report") return parse_report(fields, std::move(client));
    fields.note("ask");
    return fields.error();
}

tl::unexpected<Error> not_a_reply() {
    return unavailable("authz sent what is not a reply");
}

// The error that a reply stands for, if it is one.
std::optional<Error> error_of_reply(const Json& message) {
    Fields fields(message);
    if (!fields.has("error")) return std::nullopt;
    const std::string_view word = fields.text("error");
    if (word == "malformed" || word == "refused") {
        return Error{ErrorKind::internal, "", "authz answers that the request is " + std::string(word)};
    }
    return Error{ErrorKind::unavailable, "", "authz cannot reach its directory"};
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
    for (int i = 0; i <= static_cast<int>(Rule::read_only_deploy_key); ++i) {
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

std::string encode_request(const RequestHead& head, const KeyRequest& request) {
    Json message = encode_head(head, "key");
    message["blob"] = to_base64(request.key.blob());
    message["login"] = cut(request.login);
    message["proven"] = request.proven;
    message["client"] = encode_client(request.client);
    return dump(message);
}

std::string encode_request(const RequestHead& head, const AuthorizeRequest& request) {
    Json message = encode_head(head, "authorize");
    message["handle"] = request.handle;
    message["service"] = service_name(request.service);
    message["repo"] = request.repo.text();
    if (request.git_protocol) message["git_protocol"] = request.git_protocol->text();
    message["request"] = request.request.text();
    message["client"] = encode_client(request.client);
    return dump(message);
}

std::string encode_request(const RequestHead& head, const SessionReport& report) {
    Json message = encode_head(head, "report");
    message["handle"] = report.handle;
    message["request"] = report.request.text();
    message["service"] = cut(report.service);
    message["repo"] = cut(report.repo);
    message["server"] = cut(report.server);
    message["git_protocol"] = cut(report.git_protocol);
    message["bytes_in"] = report.bytes_in;
    message["bytes_out"] = report.bytes_out;
    message["duration_ms"] = report.duration_ms;
    message["exit"] = report.exit;
    message["ended"] = cut(report.ended);
    message["client"] = encode_client(report.client);
    return dump(message);
}

Result<ReceivedRequest> parse_request(std::string_view message) {
    const Json json = parse_json(message);
    Fields fields(json);
    RequestHead head;
    head.id = fields.number<std::uint64_t>("id");
    head.deadline = fields.number<std::int64_t>("deadline");
    const std::string_view ask = fields.text("ask");
    const Json& context = fields.inner("client");
    if (!fields.good()) return fields.error();
    auto client = parse_client(context);
    if (!client) return pass_on(client);
    auto request = parse_body(fields, ask, std::move(*client));
    if (!request) return pass_on(request);
    return ReceivedRequest{head, std::move(*request)};
}

std::uint64_t parse_request_id(std::string_view message) {
    const Json json = parse_json(message);
    Fields fields(json);
    return fields.number<std::uint64_t>("id");
}

std::string encode_error(std::uint64_t id, const Error& error) {
    return dump_reply(id, {{"error", error_word(error.kind)}});
}

std::string encode_key_reply(std::uint64_t id, const Result<std::optional<KeyFound>>& reply) {
    if (!reply) return encode_error(id, reply.error());
    Json message{{"key", nullptr}};
    if (*reply) {
        message["key"] = encode_key((*reply)->key);
        message["handle"] = (*reply)->handle;
    }
    return dump_reply(id, message);
}

std::string encode_authorize_reply(std::uint64_t id, const Result<Authorization>& reply) {
    if (!reply) return encode_error(id, reply.error());
    return std::visit(
        [id](const auto& kind) {
            return dump_reply(id, {{"authorization", encode_authorization(kind)}});
        },
        *reply);
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
