#include "authz/base/text.h"
#include "authz/wire/wire.h"
#include "authz/wire/wire_fields.h"

namespace gerve {

using namespace wire;

namespace wire {

Json encode_client(const ClientContext& client) {
    return {{"address", cut(client.address)},
            {"version", cut(client.version)},
            {"connection", cut(client.connection)},
            {"door", client.door}};
}

Json encode_head(const RequestHead& head, const char* ask) {
    return {{"id", head.id}, {"deadline", head.deadline}, {"ask", ask}};
}

Result<ClientContext> parse_client(Fields& fields) {
    ClientContext client;
    client.address = fields.text("address");
    client.version = fields.text("version");
    client.connection = fields.text("connection");
    client.door = fields.text("door");
    if (client.door != "gateway" && client.door != "sshd" && client.door != "git") fields.note("door");
    if (!fields.good()) return fields.error();
    return client;
}

}  // namespace wire

namespace {

Result<Request> parse_key_request(Fields& fields, ClientContext client) {
    const auto blob = from_base64(fields.text("blob", 2 * PublicKey::max_blob));
    std::string login(fields.text("login"));
    const bool proven = fields.boolean("proven");
    if (!blob) fields.note("blob");
    if (!fields.good()) return fields.error();
    auto key = PublicKey::parse_blob(*blob);
    if (!key) return pass_on(key);
    const bool again = fields.has("again") && fields.boolean("again");
    if (!fields.good()) return fields.error();
    return KeyRequest{std::move(*key), std::move(login), proven, std::move(client), again};
}

Result<std::optional<GitProtocol>> parse_protocol(Fields& fields) {
    if (!fields.has("git_protocol")) return std::nullopt;
    auto protocol = GitProtocol::parse(fields.text("git_protocol"));
    if (!protocol) return pass_on(protocol);
    return std::move(*protocol);
}

Result<Request> parse_holder_request(Fields& fields, ClientContext client) {
    std::string handle(fields.text("handle", max_handle));
    if (!fields.good()) return fields.error();
    return HolderRequest{std::move(handle), std::move(client)};
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
    std::string proven_as(fields.has("proven_as") ? fields.text("proven_as") : "");
    if (!fields.good()) return fields.error();
    return AuthorizeRequest{std::move(handle),   *service,          std::move(*repo),    std::move(*protocol),
                            std::move(*request), std::move(client), std::move(proven_as)};
}

Result<Request> parse_proof(Fields& fields, ClientContext client) {
    std::string handle(fields.text("handle", max_handle));
    std::string login(fields.text("login"));
    if (!fields.good()) return fields.error();
    return ProofReport{std::move(handle), std::move(login), std::move(client)};
}

Result<Request> parse_change(Fields& fields, ClientContext client) {
    ChangeReport report;
    report.command = fields.text("command");
    report.failed = fields.text("failed", max_change_text);
    report.facts = fields.text("facts", max_change_text);
    const Json& arguments = fields.inner("arguments");
    if (!arguments.is_array() || arguments.size() > max_arguments) fields.note("arguments");
    if (!report.facts.empty()) {
        const Json facts = parse_json(report.facts);
        if (!facts.is_object()) fields.note("facts");
        report.facts = dump(facts);  // one line, whatever came
    }
    if (!fields.good()) return fields.error();
    for (const Json& one : arguments) {
        const auto* text = one.get_ptr<const std::string*>();
        if (text == nullptr || text->size() > max_change_text) return client_error("bad field: arguments");
        report.arguments.push_back(*text);
    }
    report.client = std::move(client);
    return report;
}

Result<Request> parse_anonymous_request(Fields& fields, ClientContext client) {
    auto repo = RepoPath::parse(fields.text("repo"));
    auto protocol = parse_protocol(fields);
    auto request = RequestId::parse(fields.text("request"));
    if (!repo) fields.note("repo");
    if (!protocol) fields.note("git_protocol");
    if (!request) fields.note("request");
    if (!fields.good()) return fields.error();
    return AnonymousRequest{std::move(*repo), std::move(*protocol), std::move(*request), std::move(client)};
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

bool is_reason(std::string_view text) {
    return !text.empty() && text.size() <= 64 &&
           text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == std::string_view::npos;
}

Result<Request> parse_refusal(Fields& fields, ClientContext client) {
    RefusalReport report;
    report.client = std::move(client);
    report.reason = fields.text("reason");
    report.text = fields.text("text");
    report.login = fields.text("login");
    report.count = fields.number<std::uint64_t>("count");
    report.handle = fields.text("handle", max_handle);
    if (!is_reason(report.reason)) fields.note("reason");
    if (report.count == 0) fields.note("count");
    if (!fields.good()) return fields.error();
    return report;
}

template <class T>
Result<Request> as_request(Result<T> parsed) {
    if (!parsed) return pass_on(parsed);
    return std::move(*parsed);
}

Result<Request> parse_body(Fields& fields, std::string_view ask, ClientContext client) {
    if (ask == "key") return parse_key_request(fields, std::move(client));
    if (ask == "holder") return parse_holder_request(fields, std::move(client));
    if (ask == "authorize") return parse_authorize_request(fields, std::move(client));
    if (ask == "report") return parse_report(fields, std::move(client));
    if (ask == "anonymous") return parse_anonymous_request(fields, std::move(client));
    if (ask == "ready") return ReadyRequest{std::move(client)};
    if (ask == "proof") return parse_proof(fields, std::move(client));
    if (ask == "change") return parse_change(fields, std::move(client));
    if (ask == "self") return as_request(parse_self_request(fields, std::move(client)));
    if (ask == "live") return as_request(parse_live_news(fields, std::move(client)));
    if (ask == "sessions") return as_request(parse_sessions_request(fields, std::move(client)));
    if (ask == "kill") return as_request(parse_kill_request(fields, std::move(client)));
    if (ask == "refusal") return parse_refusal(fields, std::move(client));
    fields.note("ask");
    return fields.error();
}

Result<ReceivedRequest> read_request(Fields& fields, Fields& context) {
    RequestHead head;
    head.id = fields.number<std::uint64_t>("id");
    head.deadline = fields.number<std::int64_t>("deadline");
    const std::string_view ask = fields.text("ask");
    if (!fields.good()) return fields.error();
    auto client = parse_client(context);
    if (!client) return pass_on(client);
    auto request = parse_body(fields, ask, std::move(*client));
    if (!request) return pass_on(request);
    return ReceivedRequest{head, std::move(*request)};
}

}  // namespace

std::string encode_request(const RequestHead& head, const KeyRequest& request) {
    Json message = encode_head(head, "key");
    message["blob"] = to_base64(request.key.blob());
    message["login"] = cut(request.login);
    message["proven"] = request.proven;
    if (request.again) message["again"] = true;
    message["client"] = encode_client(request.client);
    return dump(message);
}

std::string encode_request(const RequestHead& head, const HolderRequest& request) {
    Json message = encode_head(head, "holder");
    message["handle"] = request.handle;
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
    if (!request.proven_as.empty()) message["proven_as"] = cut(request.proven_as);
    message["client"] = encode_client(request.client);
    return dump(message);
}

std::string encode_request(const RequestHead& head, const ProofReport& report) {
    Json message = encode_head(head, "proof");
    message["handle"] = report.handle;
    message["login"] = cut(report.login);
    message["client"] = encode_client(report.client);
    return dump(message);
}

std::string encode_request(const RequestHead& head, const ChangeReport& report) {
    Json message = encode_head(head, "change");
    message["command"] = cut(report.command);
    message["arguments"] = Json::array();
    for (const std::string& one : report.arguments) {
        if (message["arguments"].size() < max_arguments)
            message["arguments"].push_back(one.substr(0, max_change_text));
    }
    message["failed"] = report.failed.substr(0, max_change_text);
    message["facts"] = report.facts.size() > max_change_text ? "" : report.facts;
    message["client"] = encode_client(report.client);
    return dump(message);
}

std::string encode_request(const RequestHead& head, const AnonymousRequest& request) {
    Json message = encode_head(head, "anonymous");
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

std::string encode_request(const RequestHead& head, const RefusalReport& report) {
    Json message = encode_head(head, "refusal");
    message["reason"] = report.reason;
    message["text"] = cut(report.text);
    message["login"] = cut(report.login);
    message["count"] = report.count;
    message["handle"] = report.handle;
    message["client"] = encode_client(report.client);
    return dump(message);
}

std::string encode_request(const RequestHead& head, const ReadyRequest& request) {
    Json message = encode_head(head, "ready");
    message["client"] = encode_client(request.client);
    return dump(message);
}

Result<ReceivedRequest> parse_request(std::string_view message) {
    if (PlainMessage plain; message.size() <= max_authz_message && plain.parse(message)) {
        Fields fields(plain.outer);
        Fields context(plain.client);
        return read_request(fields, context);
    }
    const Json json = parse_json(message);
    Fields fields(json);
    Fields context(fields.inner("client"));
    return read_request(fields, context);
}

std::uint64_t parse_request_id(std::string_view message) {
    const Json json = parse_json(message);
    Fields fields(json);
    return fields.number<std::uint64_t>("id");
}

}  // namespace gerve
