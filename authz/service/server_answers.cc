#include <algorithm>
#include <limits>

#include "authz/audit/operator.h"
#include "authz/base/clock.h"
#include "authz/base/rationed_log.h"
#include "authz/service/server_desk.h"

namespace gerve {
namespace {

Question question_of(const Request& request) {
    if (std::holds_alternative<KeyRequest>(request)) return Question::key;
    if (std::holds_alternative<HolderRequest>(request)) return Question::holder;
    if (std::holds_alternative<AuthorizeRequest>(request)) return Question::authorize;
    if (std::holds_alternative<ProofReport>(request)) return Question::proof;
    if (std::holds_alternative<ChangeReport>(request)) return Question::change;
    if (std::holds_alternative<SelfRequest>(request)) return Question::self;
    if (std::holds_alternative<LiveNews>(request)) return Question::live;
    if (std::holds_alternative<SessionsRequest>(request)) return Question::sessions;
    if (std::holds_alternative<KillRequest>(request)) return Question::kill;
    if (std::holds_alternative<AnonymousRequest>(request)) return Question::anonymous;
    if (std::holds_alternative<RefusalReport>(request)) return Question::refusal;
    return std::holds_alternative<SessionReport>(request) ? Question::report : Question::ready;
}

const ClientContext& client_of(const Request& request) {
    return std::visit([](const auto& kind) -> const ClientContext& { return kind.client; }, request);
}

std::string request_id_of(const Request& request) {
    if (const auto* authorize = std::get_if<AuthorizeRequest>(&request)) return authorize->request.text();
    if (const auto* self = std::get_if<SelfRequest>(&request)) return self->request.text();
    if (const auto* anonymous = std::get_if<AnonymousRequest>(&request)) return anonymous->request.text();
    if (const auto* report = std::get_if<SessionReport>(&request)) return report->request.text();
    return client_of(request).connection;
}

void log_failure(const Error& error, const Peer& peer, const Request& request) {
    const ClientContext& client = client_of(request);
    const std::string source = client.address.empty() ? "uid " + std::to_string(peer.uid) : client.address;
    const auto level = error.kind == ErrorKind::denied ? log::Level::warn : log::Level::error;
    rationed_log().write(level, "question not answered", source,
                         {{"request", request_id_of(request)},
                          {"why", describe(error)},
                          {"addr", client.address},
                          {"uid", peer.uid},
                          {"pid", peer.pid}});
}

// What is answered by nothing but that it is done.
Result<void> do_other(Authorizer& authorizer, const Request& request, const Asker& asker) {
    if (const auto* report = std::get_if<SessionReport>(&request)) return authorizer.report(*report, asker);
    if (const auto* proof = std::get_if<ProofReport>(&request)) return authorizer.proof(*proof, asker);
    if (const auto* change = std::get_if<ChangeReport>(&request)) return authorizer.change(*change, asker);
    if (const auto* refusal = std::get_if<RefusalReport>(&request)) {
        authorizer.refusal(*refusal, asker);
        return {};
    }
    return authorizer.ready();
}

std::string text_of(const LiveChoice& choice) {
    if (const auto* key = std::get_if<Fingerprint>(&choice)) return key->text();
    if (const auto* user = std::get_if<Login>(&choice)) return user->text();
    return std::get<std::string>(choice);
}

// How many an order would end now.
std::size_t count_live(LiveSessions& live, const LiveChoice& choice) {
    std::size_t count = 0;
    SessionsPage page;
    do {
        const std::uint64_t last = page.records.empty() ? 0 : page.records.back().sequence;
        page = live.list(last, choice);
        count += static_cast<std::size_t>(std::count_if(page.records.begin(), page.records.end(),
                                                        [](const auto& one) { return one.ending.empty(); }));
    } while (page.more && !page.records.empty());
    return count;
}

AdminChange change_of(const KillRequest& kill, std::size_t killed, const Peer& peer) {
    std::vector<std::string> arguments{text_of(kill.choice)};
    if (std::holds_alternative<Fingerprint>(kill.choice)) arguments.insert(arguments.begin(), "--key");
    if (std::holds_alternative<Login>(kill.choice)) arguments.insert(arguments.begin(), "--user");
    return {peer.user.empty() ? name_of_user(peer.uid) : peer.user,
            login_of(peer.pid),
            "kill",
            std::move(arguments),
            killed == 0 ? "no matching session is live" : "",
            "{\"sessions\":" + std::to_string(killed) + "}"};
}

}  // namespace

void log_trouble(std::string_view event, const Peer& peer, const std::string& why) {
    rationed_log().write(log::Level::warn, event, "uid " + std::to_string(peer.uid),
                         {{"uid", peer.uid}, {"pid", peer.pid}, {"user", peer.user}, {"why", why}});
}

void log_trouble(std::string_view event, const std::string& why) {
    rationed_log().write(log::Level::error, event, "authz", {{"why", why}});
}

void AuthzServer::count(Question question, const Error* failure) {
    const auto kind = failure == nullptr                        ? AnswerKind::answered
                      : failure->kind == ErrorKind::unavailable ? AnswerKind::unavailable
                                                                : AnswerKind::denied;
    metrics_.questions[static_cast<std::size_t>(question)][static_cast<std::size_t>(kind)].add();
}

void AuthzServer::count_authorization(const Authorization& answer) {
    if (std::holds_alternative<StaleHandle>(answer)) metrics_.stale_handles.add();
    if (const auto* refused = std::get_if<Refused>(&answer)) {
        metrics_.denials[static_cast<std::size_t>(refused->because)].add();
    }
}

void AuthzServer::reply(const Connection& connection, std::string_view message) {
    if (!send_authz_message(connection.socket.get(), message)) forget(connection);
}

void AuthzServer::refuse(const Taken& taken, const Error& error) {
    const Connection& connection = *taken.connection;
    count(question_of(taken.question.request), &error);
    log_failure(error, connection.peer, taken.question.request);
    reply(connection, encode_error(taken.question.head.id, error, true));
}

void AuthzServer::receive(Desk& desk, const std::shared_ptr<Connection>& connection,
                          std::string_view message) {
    auto received = parse_request(message);
    if (!received) {
        metrics_.malformed.add();
        log_trouble("a question does not parse", connection->peer, describe(received.error()));
        return reply(*connection, encode_error(parse_request_id(message), received.error()));
    }
    if (received->head.deadline <= monotonic_now()) return metrics_.expired.add();
    const auto* key = std::get_if<KeyRequest>(&received->request);
    const bool with_others =
        key != nullptr && may_ask(connection->peer, Question::key, key->client.door).has_value();
    (with_others ? desk.keys : desk.other)
        .push_back({connection, std::move(*received), monotonic_now() + parts_.deadline.count()});
}

// Once the watchdog has answered in this thread's place, it has answered all of it.
void AuthzServer::answer_taken(Desk& desk) {
    AnswerPromise made{{}, std::numeric_limits<std::int64_t>::max()};
    for (const auto* taken : {&desk.keys, &desk.other}) {
        for (const auto& [connection, question, due] : *taken) {
            made.awaited.push_back({connection, connection->socket.get(), question.head.id});
            made.due = std::min(made.due, due);
        }
    }
    if (made.awaited.empty()) return;
    desk.promise(std::move(made));
    if (!desk.keys.empty()) answer_keys(desk);
    for (Taken& taken : desk.other) {
        if (desk.abandoned) break;
        desk.awaits.reset();
        const std::string answer = answer_to(desk, *taken.connection, taken.question);
        if (!desk.keep_promise(1)) continue;
        if (desk.awaits)
            park(*desk.awaits, std::move(taken));
        else
            reply(*taken.connection, answer);
    }
    desk.keys.clear();
    desk.other.clear();
}

void AuthzServer::answer_keys(Desk& desk) {
    const auto start = std::chrono::steady_clock::now();
    std::vector<KeyAsked> asked;
    for (const auto& [connection, question, due] : desk.keys) {
        const Peer& peer = connection->peer;
        const auto& request = std::get<KeyRequest>(question.request);
        const auto kind = may_ask(peer, Question::key, request.client.door);
        asked.push_back({&request, Asker{*kind, peer.user, peer.pid, peer.uid}});
    }
    Authorizer authorizer(desk.directory.get(), parts_.signer, *parts_.audit);
    const auto found = authorizer.keys(asked);
    std::vector<std::string> answers(found.size());
    for (std::size_t i = 0; i < found.size(); ++i) {
        if (!found[i] && waits_for_turn(found[i].error())) continue;
        const auto& [connection, question, due] = desk.keys[i];
        count(Question::key, found[i] ? nullptr : &found[i].error());
        if (!found[i]) log_failure(found[i].error(), connection->peer, question.request);
        answers[i] = found[i] ? encode_key_reply(question.head.id, found[i])
                              : encode_error(question.head.id, found[i].error(), desk.reaches_directory());
        metrics_.question_times[static_cast<std::size_t>(Question::key)].observe(
            std::chrono::steady_clock::now() - start);
    }
    if (!desk.keep_promise(answers.size())) return;
    for (std::size_t i = 0; i < answers.size(); ++i) {
        if (answers[i].empty())
            park(*waits_for_turn(found[i].error()), std::move(desk.keys[i]));
        else
            reply(*desk.keys[i].connection, answers[i]);
    }
}

std::string AuthzServer::answer_to(Desk& desk, const Connection& connection,
                                   const ReceivedRequest& received) {
    const Peer& peer = connection.peer;
    const std::uint64_t id = received.head.id;
    const Request& request = received.request;
    const Question question = question_of(request);
    const Stopwatch watch(metrics_.question_times[static_cast<std::size_t>(question)]);
    // Counts and logs how it went.
    const auto noted = [&](auto result) {
        if (!result) desk.awaits = waits_for_turn(result.error());
        if (desk.awaits) return result;
        count(question, result ? nullptr : &result.error());
        if (!result) log_failure(result.error(), peer, request);
        return result;
    };
    const auto kind = may_ask(peer, question, client_of(request).door);
    if (!kind) {
        const Error denied{ErrorKind::denied, "", ""};
        count(question, &denied);
        log_trouble("a question was not permitted", peer, "the table of peers has no such row");
        return encode_error(id, denied);
    }
    Authorizer authorizer(desk.directory.get(), parts_.signer, *parts_.audit);
    const Asker asker{*kind, peer.user, peer.pid, peer.uid};
    const auto encoded = [&](auto result, auto encode) {
        if (!result) return encode_error(id, result.error(), desk.reaches_directory());
        return encode(id, result);
    };
    if (const auto* holder = std::get_if<HolderRequest>(&request)) {
        return encoded(noted(authorizer.holder(*holder, asker)), encode_key_reply);
    }
    const auto authorized = [&](Result<Authorization> answer) {
        if (answer) count_authorization(*answer);
        return encoded(noted(std::move(answer)), encode_authorize_reply);
    };
    if (const auto* authorize = std::get_if<AuthorizeRequest>(&request)) {
        return authorized(authorizer.authorize(*authorize, asker));
    }
    if (const auto* anonymous = std::get_if<AnonymousRequest>(&request)) {
        return authorized(authorizer.anonymous(*anonymous));
    }
    if (const auto* self = std::get_if<SelfRequest>(&request)) {
        return encoded(noted(authorizer.self(*self, asker)), encode_self_reply);
    }
    if (question == Question::live || question == Question::sessions || question == Question::kill) {
        count(question, nullptr);
        return answer_about_live(connection, authorizer, asker, received);
    }
    const auto done = noted(do_other(authorizer, request, asker));
    return done ? encode_done(id) : encode_error(id, done.error());
}

std::string AuthzServer::answer_about_live(const Connection& connection, Authorizer& authorizer,
                                           const Asker& asker, const ReceivedRequest& received) {
    const std::uint64_t id = received.head.id;
    if (const auto* sessions = std::get_if<SessionsRequest>(&received.request)) {
        return encode_sessions_reply(id, live_.list(sessions->after, sessions->choice));
    }
    if (const auto* kill = std::get_if<KillRequest>(&received.request)) {
        const std::size_t found = count_live(live_, kill->choice);
        if (auto noted = parts_.audit->insist(change_of(*kill, found, connection.peer)); !noted) {
            log_trouble("nothing is ended that is not on record", describe(noted.error()));
            return encode_error(id, noted.error());
        }
        const std::size_t killed = live_.end(kill->choice, LiveEnd::killed);
        log::info("sessions ended by an administrator",
                  {{"by", asker.user}, {"chosen", text_of(kill->choice)}, {"sessions", killed}});
        return encode_kill_reply(id, killed);
    }
    const auto& news = std::get<LiveNews>(received.request);
    live_.take(connection.id, static_cast<std::uint64_t>(asker.process), news,
               authorizer.principals_of(news, asker));
    if (find(connection.id) == nullptr) live_.forget(connection.id);  // it has gone meanwhile
    metrics_.live.sessions.set(static_cast<std::int64_t>(live_.size()));
    return encode_done(id);
}

}  // namespace gerve
