#include <algorithm>
#include <limits>

#include "authz/base/clock.h"
#include "authz/base/rationed_log.h"
#include "authz/service/permits.h"
#include "authz/service/server_desk.h"

namespace gerve {
namespace {

void log_failure(const Error& error, const Peer& peer, const Request& request) {
    const ClientContext& client = client_of(request);
    const std::string source = client.address.empty() ? "uid " + std::to_string(peer.uid) : client.address;
    const auto level = error.kind == ErrorKind::denied ? log::Level::warn : log::Level::error;
    rationed_log().write(level, "request not answered", source,
                         {{"request", request_id_of(request)},
                          {"why", describe(error)},
                          {"addr", client.address},
                          {"uid", peer.uid},
                          {"pid", peer.pid}});
}

}  // namespace

void log_trouble(std::string_view event, const Peer& peer, const std::string& why) {
    rationed_log().write(log::Level::warn, event, "uid " + std::to_string(peer.uid),
                         {{"uid", peer.uid}, {"pid", peer.pid}, {"user", peer.user}, {"why", why}});
}

void log_trouble(std::string_view event, const std::string& why) {
    rationed_log().write(log::Level::error, event, "authz", {{"why", why}});
}

void AuthzServer::count(const Request& request, const Error* failure) {
    const auto kind = failure == nullptr                        ? AnswerKind::answered
                      : failure->kind == ErrorKind::unavailable ? AnswerKind::unavailable
                                                                : AnswerKind::denied;
    metrics_.questions[request.index()][static_cast<std::size_t>(kind)].add();
}

void AuthzServer::reply(const Connection& connection, std::string_view message) {
    if (!send_authz_message(connection.socket.get(), message)) forget(connection);
}

void AuthzServer::refuse(const Taken& taken, const Error& error) {
    const Connection& connection = *taken.connection;
    count(taken.question.request, &error);
    log_failure(error, connection.peer, taken.question.request);
    reply(connection, encode_error(taken.question.head.id, error, true));
}

void AuthzServer::receive(Desk& desk, const std::shared_ptr<Connection>& connection,
                          std::string_view message) {
    auto received = parse_request(message);
    if (!received) {
        metrics_.malformed.add();
        log_trouble("malformed request", connection->peer, describe(received.error()));
        return reply(*connection, encode_error(parse_request_id(message), received.error()));
    }
    if (received->head.deadline <= monotonic_now()) return metrics_.expired.add();
    const Request& request = received->request;
    const Permit* permit = find_permit(connection->peer, request.index(), client_of(request).door);
    const bool with_others = permit != nullptr && permit->answer == nullptr;
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
        const Permit* permit = find_permit(peer, question.request.index(), request.client.door);
        asked.push_back({&request, Asker{permit->kind, peer.user, peer.pid, peer.uid}});
    }
    Authorizer authorizer(desk.directory.get(), parts_.signer, *parts_.audit, parts_.shadow);
    const auto found = authorizer.keys(asked);
    std::vector<std::string> answers(found.size());
    for (std::size_t i = 0; i < found.size(); ++i) {
        if (!found[i] && waits_for_turn(found[i].error())) continue;
        const auto& [connection, question, due] = desk.keys[i];
        count(question.request, found[i] ? nullptr : &found[i].error());
        if (!found[i]) log_failure(found[i].error(), connection->peer, question.request);
        answers[i] = found[i] ? encode_reply(question.head.id, *found[i])
                              : encode_error(question.head.id, found[i].error(), desk.reaches_directory());
        metrics_.question_times[question.request.index()].observe(std::chrono::steady_clock::now() - start);
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
    const Stopwatch watch(metrics_.question_times[request.index()]);
    const Permit* permit = find_permit(peer, request.index(), client_of(request).door);
    if (permit == nullptr) {
        const Error denied{ErrorKind::denied, "", ""};
        count(request, &denied);
        log_trouble("a request was not permitted", peer, "this peer may not make it");
        return encode_error(id, denied);
    }
    Authorizer authorizer(desk.directory.get(), parts_.signer, *parts_.audit, parts_.shadow);
    const Asker asker{permit->kind, peer.user, peer.pid, peer.uid};
    Visit visit{id, authorizer, asker, peer, connection.id, live_, *parts_.audit};
    Answered outcome = permit->answer(visit, request);
    if (visit.live_changed) settle_live(connection);
    if (outcome.error) desk.awaits = waits_for_turn(*outcome.error);
    if (desk.awaits) return {};
    count(request, outcome.error ? &*outcome.error : nullptr);
    if (outcome.stale) metrics_.stale_handles.add();
    if (outcome.denial) metrics_.denials[static_cast<std::size_t>(*outcome.denial)].add();
    if (!outcome.error) return std::move(outcome.reply);
    log_failure(*outcome.error, peer, request);
    return encode_error(id, *outcome.error, desk.reaches_directory());
}

// A peer that has gone meanwhile runs nothing.
void AuthzServer::settle_live(const Connection& connection) {
    if (find(connection.id) == nullptr) live_.forget(connection.id);
    metrics_.live.sessions.set(static_cast<std::int64_t>(live_.size()));
}

}  // namespace gerve
