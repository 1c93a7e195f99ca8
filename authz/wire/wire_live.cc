#include "authz/base/text.h"
#include "authz/model/messages.h"
#include "authz/wire/wire.h"
#include "authz/wire/wire_fields.h"

namespace gerve {

using namespace wire;

namespace {

Json encode_entry(const LiveEntry& entry) {
    return {{"number", entry.number},
            {"handle", entry.handle},
            {"client", encode_client(entry.client)},
            {"session", cut(entry.id)},
            {"service", cut(entry.service)},
            {"repo", cut(entry.repo)},
            {"server", cut(entry.server)},
            {"since", entry.since}};
}

Result<LiveEntry> parse_entry(const Json& object) {
    Fields fields(object);
    LiveEntry entry;
    entry.number = fields.number<std::uint64_t>("number");
    entry.handle = fields.text("handle", max_handle);
    const Json& context = fields.inner("client");
    entry.id = fields.text("session");
    entry.service = fields.text("service");
    entry.repo = fields.text("repo");
    entry.server = fields.text("server");
    entry.since = fields.number<UnixMillis>("since");
    if (entry.id.empty()) fields.note("session");
    // An operation is one of git's services on a repository; a connection has neither.
    const bool operation = parse_service(entry.service) && RepoPath::parse(entry.repo);
    if (!operation && !(entry.service.empty() && entry.repo.empty())) fields.note("service");
    if (!fields.good()) return fields.error();
    auto client = parse_client(context);
    if (!client) return pass_on(client);
    entry.client = std::move(*client);
    return entry;
}

// The elements of an array that is not too long, each by `parse`.
template <class T, class Parse>
void read_array(Fields& fields, const char* name, std::size_t limit, std::vector<T>& into, Parse parse) {
    const Json& array = fields.inner(name);
    if (!array.is_array() || array.size() > limit) return fields.note(name);
    for (const Json& element : array) {
        auto value = parse(element);
        if (!value) return fields.note(name);
        into.push_back(std::move(*value));
    }
}

std::optional<std::uint64_t> parse_number(const Json& element) {
    if (!element.is_number_unsigned()) return std::nullopt;
    return element.get<std::uint64_t>();
}

std::optional<LiveTraffic> parse_traffic(const Json& element) {
    if (!element.is_array() || element.size() != 3) return std::nullopt;
    for (const Json& number : element) {
        if (!number.is_number_unsigned()) return std::nullopt;
    }
    return LiveTraffic{element[0].get<std::uint64_t>(), element[1].get<std::uint64_t>(),
                       element[2].get<std::uint64_t>()};
}

void encode_choice(Json& message, const LiveChoice& choice) {
    if (const auto* session = std::get_if<std::string>(&choice)) message["session"] = cut(*session);
    if (const auto* key = std::get_if<Fingerprint>(&choice)) message["key"] = key->text();
    if (const auto* user = std::get_if<Login>(&choice)) message["user"] = user->text();
}

std::optional<LiveChoice> parse_choice(Fields& fields) {
    if (fields.has("session")) return LiveChoice(std::string(fields.text("session")));
    if (fields.has("key")) {
        auto key = Fingerprint::parse(fields.text("key"));
        if (key) return LiveChoice(std::move(*key));
        fields.note("key");
    } else if (fields.has("user")) {
        auto user = Login::parse(fields.text("user"));
        if (user) return LiveChoice(std::move(*user));
        fields.note("user");
    }
    return std::nullopt;
}

Json encode_record(const LiveRecord& record) {
    return {{"sequence", record.sequence},
            {"session", record.id},
            {"who", record.who},
            {"deploy_key", record.deploy_key},
            {"key", record.fingerprint},
            {"service", record.service},
            {"repo", record.repo},
            {"server", record.server},
            {"address", record.address},
            {"version", record.version},
            {"connection", record.connection},
            {"door", record.door},
            {"process", record.process},
            {"since", record.since},
            {"bytes_in", record.bytes_in},
            {"bytes_out", record.bytes_out},
            {"rate", record.rate},
            {"ending", record.ending}};
}

std::optional<LiveRecord> parse_record(const Json& object) {
    Fields fields(object);
    LiveRecord record;
    record.sequence = fields.number<std::uint64_t>("sequence");
    record.id = fields.text("session");
    record.who = fields.text("who");
    record.deploy_key = fields.boolean("deploy_key");
    record.fingerprint = fields.text("key");
    record.service = fields.text("service");
    record.repo = fields.text("repo");
    record.server = fields.text("server");
    record.address = fields.text("address");
    record.version = fields.text("version", 4 * max_word);
    record.connection = fields.text("connection");
    record.door = fields.text("door");
    record.process = fields.number<std::uint64_t>("process");
    record.since = fields.number<UnixMillis>("since");
    record.bytes_in = fields.number<std::uint64_t>("bytes_in");
    record.bytes_out = fields.number<std::uint64_t>("bytes_out");
    record.rate = fields.number<std::uint64_t>("rate");
    record.ending = fields.text("ending");
    if (!fields.good()) return std::nullopt;
    return record;
}

std::optional<LiveEnd> parse_live_end(std::string_view name) {
    for (const LiveEnd why : {LiveEnd::killed, LiveEnd::withdrawn}) {
        if (live_end_name(why) == name) return why;
    }
    return std::nullopt;
}

}  // namespace

std::string_view live_end_name(LiveEnd why) {
    switch (why) {
        case LiveEnd::killed: return "killed";
        case LiveEnd::withdrawn: return "withdrawn";
        case LiveEnd::stopped: return "stopped";
    }
    return "";
}
std::string live_end_text(LiveEnd why) {
    switch (why) {
        case LiveEnd::killed: return messages::killed();
        case LiveEnd::withdrawn: return messages::withdrawn();
        case LiveEnd::stopped: return messages::stopped();
    }
    return "";
}

std::string encode_request(const RequestHead& head, const LiveNews& news) {
    Json message = encode_head(head, "live");
    message["client"] = encode_client(news.client);
    Json began = Json::array();
    for (const LiveEntry& entry : news.began) began.push_back(encode_entry(entry));
    Json moved = Json::array();
    for (const LiveTraffic& one : news.moved) {
        moved.push_back(Json::array({one.number, one.bytes_in, one.bytes_out}));
    }
    message["began"] = std::move(began);
    message["moved"] = std::move(moved);
    message["ended"] = news.ended;
    return dump(message);
}

std::string encode_request(const RequestHead& head, const SessionsRequest& request) {
    Json message = encode_head(head, "sessions");
    message["client"] = encode_client(request.client);
    message["after"] = request.after;
    if (request.choice) encode_choice(message, *request.choice);
    return dump(message);
}

std::string encode_request(const RequestHead& head, const KillRequest& request) {
    Json message = encode_head(head, "kill");
    message["client"] = encode_client(request.client);
    encode_choice(message, request.choice);
    return dump(message);
}

std::string encode_sessions_reply(std::uint64_t id, const SessionsPage& page) {
    Json records = Json::array();
    for (const LiveRecord& record : page.records) records.push_back(encode_record(record));
    return dump_reply(id, {{"sessions", std::move(records)}, {"more", page.more}});
}

std::string encode_kill_reply(std::uint64_t id, std::uint64_t killed) {
    return dump_reply(id, {{"killed", killed}});
}

std::string encode_live_order(const LiveOrder& order) {
    return dump_reply(0, {{"end", order.numbers}, {"why", live_end_name(order.why)}});
}

Result<SessionsPage> parse_sessions_reply(std::string_view message) {
    const Json json = parse_json(message);
    if (auto error = error_of_reply(json)) return tl::make_unexpected(std::move(*error));
    Fields fields(json);
    SessionsPage page;
    page.more = fields.boolean("more");
    read_array(fields, "sessions", max_live_records, page.records, parse_record);
    if (!fields.good()) return not_a_reply();
    return page;
}

Result<std::uint64_t> parse_kill_reply(std::string_view message) {
    const Json json = parse_json(message);
    if (auto error = error_of_reply(json)) return tl::make_unexpected(std::move(*error));
    Fields fields(json);
    const auto killed = fields.number<std::uint64_t>("killed");
    if (!fields.good()) return not_a_reply();
    return killed;
}

Result<LiveOrder> parse_live_order(std::string_view message) {
    const Json json = parse_json(message);
    if (auto error = error_of_reply(json)) return tl::make_unexpected(std::move(*error));
    Fields fields(json);
    const auto why = parse_live_end(fields.text("why"));
    if (!why) fields.note("why");
    LiveOrder order{why.value_or(LiveEnd::killed), {}};
    read_array(fields, "end", max_live_numbers, order.numbers, parse_number);
    if (!fields.good()) return not_a_reply();
    return order;
}

namespace wire {

Result<LiveNews> parse_live_news(Fields& fields, ClientContext client) {
    LiveNews news;
    news.client = std::move(client);
    read_array(fields, "began", max_live_began, news.began, parse_entry);
    read_array(fields, "moved", max_live_numbers, news.moved, parse_traffic);
    read_array(fields, "ended", max_live_numbers, news.ended, parse_number);
    if (!fields.good()) return fields.error();
    return news;
}

Result<SessionsRequest> parse_sessions_request(Fields& fields, ClientContext client) {
    const auto after = fields.number<std::uint64_t>("after");
    auto choice = parse_choice(fields);
    if (!fields.good()) return fields.error();
    return SessionsRequest{std::move(client), after, std::move(choice)};
}

Result<KillRequest> parse_kill_request(Fields& fields, ClientContext client) {
    auto choice = parse_choice(fields);
    if (!choice) fields.note("session");
    if (!fields.good()) return fields.error();
    return KillRequest{std::move(client), std::move(*choice)};
}

}  // namespace wire
}  // namespace gerve
