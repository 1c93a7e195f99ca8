#include "authz/service/permits.h"

#include <algorithm>
#include <array>

#include "authz/audit/operator.h"
#include "authz/base/log.h"
#include "authz/os/system_user.h"

namespace gerve {
namespace {

// ---- handlers

Result<std::optional<KeyFound>> answer_holder(Visit& visit, const HolderRequest& request) {
    return visit.authorizer.holder(request, visit.asker);
}

Result<CertificateReply> answer_certificate(Visit& visit, const CertificateRequest& request) {
    return visit.authorizer.certificate(request, visit.asker);
}

Result<Authorization> answer_authorize(Visit& visit, const AuthorizeRequest& request) {
    return visit.authorizer.authorize(request, visit.asker);
}

Result<Authorization> answer_anonymous(Visit& visit, const AnonymousRequest& request) {
    return visit.authorizer.anonymous(request);
}

Result<SelfReply> answer_self(Visit& visit, const SelfRequest& request) {
    return visit.authorizer.self(request, visit.asker);
}

Result<Done> done_if(const Result<void>& result) {
    if (!result) return pass_on(result);
    return Done();
}

Result<Done> take_report(Visit& visit, const SessionReport& report) {
    return done_if(visit.authorizer.report(report, visit.asker));
}

Result<Done> take_push(Visit& visit, const PushReport& report) {
    return done_if(visit.authorizer.pushed(report, visit.asker));
}

Result<Done> take_proof(Visit& visit, const ProofReport& report) {
    return done_if(visit.authorizer.proof(report, visit.asker));
}

Result<Done> take_refusal(Visit& visit, const RefusalReport& report) {
    visit.authorizer.refusal(report, visit.asker);
    return Done();
}

Result<Done> take_change(Visit& visit, const ChangeReport& report) {
    return done_if(visit.authorizer.change(report, visit.asker));
}

Result<Done> answer_ready(Visit& visit, const ReadyRequest& /*request*/) {
    return done_if(visit.authorizer.ready());
}

Result<Done> take_news(Visit& visit, const LiveNews& news) {
    visit.live.take(visit.connection, static_cast<std::uint64_t>(visit.asker.process), news,
                    visit.authorizer.principals_of(news, visit.asker));
    visit.live_changed = true;
    return Done();
}

Result<SessionsPage> list_sessions(Visit& visit, const SessionsRequest& request) {
    return visit.live.list(request.after, request.choice);
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
    return {peer.user.empty() ? system_user_text(peer.uid) : peer.user,
            login_of(peer.pid),
            "kill",
            std::move(arguments),
            killed == 0 ? "no matching session is live" : "",
            "{\"sessions\":" + std::to_string(killed) + "}"};
}

// Nothing is ended that is not on record.
Result<Killed> end_sessions(Visit& visit, const KillRequest& kill) {
    const std::size_t found = count_live(visit.live, kill.choice);
    if (auto noted = visit.audit.insist(change_of(kill, found, visit.peer)); !noted)
        return internal_error("no session was ended, since this could not be recorded: " +
                              describe(noted.error()));
    const std::size_t killed = visit.live.end(kill.choice, LiveEnd::killed);
    log::info("sessions ended by an administrator",
              {{"by", visit.asker.user}, {"chosen", text_of(kill.choice)}, {"sessions", killed}});
    return Killed{killed};
}

// ---- the table

void note_decision(const Authorization& reply, Answered& outcome) {
    outcome.stale = std::holds_alternative<StaleHandle>(reply);
    if (const auto* refused = std::get_if<Refused>(&reply)) outcome.denial = refused->because;
}

template <class Reply>
Answered outcome_of(std::uint64_t id, const Result<Reply>& reply) {
    Answered outcome;
    if (!reply) {
        outcome.error = reply.error();
        return outcome;
    }
    if constexpr (std::is_same_v<Reply, Authorization>) note_decision(*reply, outcome);
    outcome.reply = encode_reply(id, *reply);
    return outcome;
}

template <auto handler>
struct Handled;
template <class R, Result<typename R::Reply> (*handler)(Visit&, const R&)>
struct Handled<handler> {
    static Answered answer(Visit& visit, const Request& request) {
        return outcome_of(visit.id, handler(visit, std::get<R>(request)));
    }
    static constexpr Permit permit(PeerKind kind, Door door) {
        return {kind, door, index_of_request<R>(), answer};
    }
};
template <auto handler>
constexpr Permit permit(PeerKind kind, Door door) {
    return Handled<handler>::permit(kind, door);
}

constexpr Permit permit_keys(PeerKind kind, Door door) {
    return {kind, door, index_of_request<KeyRequest>(), nullptr};
}

using enum PeerKind;
using enum Door;

// What is not in this table is not answered.
constexpr std::array permits{
    permit_keys(worker, gateway),
    permit<answer_certificate>(worker, gateway),
    permit<answer_authorize>(worker, gateway),
    permit<answer_self>(worker, gateway),
    permit<take_push>(worker, gateway),
    permit<take_report>(worker, gateway),
    permit<take_proof>(worker, gateway),
    permit<take_refusal>(worker, gateway),
    permit<take_news>(worker, gateway),
    permit<answer_ready>(worker, gateway),
    permit<answer_anonymous>(worker, git),
    permit<take_report>(worker, git),
    permit<take_refusal>(worker, git),
    permit_keys(authorized_keys, sshd),
    permit<answer_certificate>(authorized_keys, sshd),
    permit<answer_holder>(forced_command, sshd),
    permit<answer_authorize>(forced_command, sshd),
    permit<answer_self>(forced_command, sshd),
    permit<take_push>(forced_command, sshd),
    permit<take_report>(forced_command, sshd),
    permit<take_news>(forced_command, sshd),
    permit<answer_ready>(administrator, gateway),
    permit<take_change>(administrator, gateway),
    permit<list_sessions>(administrator, gateway),
    permit<end_sessions>(administrator, gateway),
};

}  // namespace

const Permit* find_permit(const Peer& peer, std::size_t request, Door door) {
    for (const Permit& permit : permits) {
        if (permit.request == request && permit.door == door && peer.kinds.has(permit.kind)) return &permit;
    }
    return nullptr;
}

const ClientContext& client_of(const Request& request) {
    return std::visit([](const auto& kind) -> const ClientContext& { return kind.client; }, request);
}

std::string request_id_of(const Request& request) {
    const auto id = [](const auto& kind) {
        if constexpr (requires { kind.request.text(); })
            return kind.request.text();
        else
            return kind.client.connection;
    };
    return std::visit(id, request);
}

}  // namespace gerve
