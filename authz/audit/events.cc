#include "authz/audit/events.h"

#include <unistd.h>

#include "authz/base/version.h"

namespace gerve {
namespace {

constexpr std::size_t longest_key_id = 255;  // as JSON

void put_security_key(JsonMembers& members, const SecurityKeyUse& use,
                      const std::optional<std::int64_t>& connected_at) {
    JsonMembers attested;
    attested.add("flags", use.flags);
    attested.add("counter", use.counter);
    attested.add_flag("touched", use.touched());
    attested.add_flag("verified", use.verified());
    if (connected_at) attested.add("connected_ms", *connected_at);
    members.add_json("security_key", attested.take_object());
}

}  // namespace

std::string short_text(std::string_view text, std::size_t most) {
    std::size_t size = 0;
    std::size_t length = 0;
    while (length < text.size()) {
        const char c = text[length];
        const bool plain = c >= ' ' && c <= '~' && c != '"' && c != '\\';
        size += plain ? 1 : 6;
        if (size > most) break;
        ++length;
    }
    return std::string(text.substr(0, length));
}

void put_client(JsonMembers& members, const ClientContext& client) {
    members.add("address", client.address);
    members.add("client", short_text(client.version, longest_version));
    members.add("connection", client.connection);
    members.add("door", door_name(client.door));
}

void put_key(JsonMembers& members, const KnownKey& key) {
    members.add("fingerprint", key.fingerprint.text());
    put_holder(members, key);
}

// A serial is a string: programs that read JSON round numbers above 2^53.
void put_holder(JsonMembers& members, const KnownKey& key) {
    members.add("key", number_of(key.id));
    if (const CertificateFacts* certificate = certificate_of(key.holder)) {
        members.add("authority", certificate->authority_key.text());
        members.add("serial", std::to_string(certificate->serial));
        members.add("key_id", short_text(certificate->key_id, longest_key_id));
    }
    members.add(audit_member_of(key.holder), name_of(key.holder));
}

AuditFact fact_of(const KeyProven& event) {
    JsonMembers members(EventKind::proven);
    members.add("login", event.login);
    if (event.known != nullptr)
        put_key(members, *event.known);
    else
        members.add("fingerprint", event.fingerprint);
    if (event.client.security_key)
        put_security_key(members, *event.client.security_key, event.client.connected_at);
    const auto& announced = event.client.host_keys_announced;
    if (!announced.empty()) members.add_texts("host_keys_announced", announced);
    if (!event.client.host_key.empty()) members.add("host_key", event.client.host_key);
    if (!event.client.key_exchange.empty()) members.add("key_exchange", event.client.key_exchange);
    put_client(members, event.client);
    return {audit_now(), members.take()};
}

namespace {

void put_decision(JsonMembers& members, const RequestId& request, const Decision& decision, Service service,
                  const RepoPath& asked_for, const RepoPath* found) {
    const std::string repo = found != nullptr ? found->text() : asked_for.text();
    members.add("request", request.text());
    members.add("is", allowed(decision) ? "allow" : "deny");
    members.add("because", rule_name(std::visit([](const auto& is) { return is.because; }, decision)));
    members.add("service", service_name(service));
    members.add("repo", repo);
    if (repo != asked_for.text()) members.add("asked_for", asked_for.text());
}

}  // namespace

AuditFact fact_of(const Decided& event) {
    JsonMembers members(EventKind::decision);
    put_decision(members, event.request.request, event.decision, event.request.service, event.request.repo,
                 event.found);
    if (event.request.wants_token) members.add_flag("token", true);
    put_key(members, event.key);
    put_client(members, event.request.client);
    return {audit_now(), members.take()};
}

AuditFact fact_of(const DecidedAnonymously& event) {
    JsonMembers members(EventKind::decision);
    put_decision(members, event.request.request, event.decision, Service::upload_pack, event.request.repo,
                 event.found);
    put_client(members, event.request.client);
    return {audit_now(), members.take()};
}

namespace {

std::string change_object(const RefChange& change) {
    JsonMembers members;
    members.add("ref", change.ref);
    members.add("kind", kind_of(change));
    members.add("old", change.old_id);
    members.add("new", change.new_id);
    members.add("outcome", name_in(ref_outcome_names, change.outcome));
    if (change.forced == Forced::unknown) members.add("forced", "unknown");
    if (change.settled) members.add_flag("settled", true);
    if (!change.why.empty()) members.add("why", change.why);
    return members.take_object();
}

void put_push(JsonMembers& members, const PushFacts& push) {
    members.add("push", name_in(push_outcome_names, outcome_of(push)));
    members.add("refs_taken", push.taken);
    members.add("refs_refused", push.refused);
    if (push.unknown > 0) members.add("refs_unknown", push.unknown);
    if (push.options > 0) members.add("push_options", push.options);
    if (push.is_signed) members.add_flag("signed", true);
}

void put_fetch(JsonMembers& members, const FetchFacts& fetch) {
    members.add("wants", fetch.wants);
    if (fetch.clone) members.add_flag("clone", true);
    if (fetch.shallow) members.add_flag("shallow", true);
    if (fetch.partial) members.add_flag("partial", true);
}

}  // namespace

AuditFact fact_of(const RefsPushed& event) {
    const PushReport& report = event.report;
    JsonMembers members(EventKind::push);
    members.add("request", report.request.text());
    members.add("part", report.part);
    members.add("repo", report.repo);
    std::string refs = "[";
    for (const RefChange& change : report.changes)
        refs += (refs.size() > 1 ? "," : "") + change_object(change);
    members.add_json("refs", refs + "]");
    if (event.key) put_key(members, *event.key);
    put_client(members, report.client);
    return {audit_now(), members.take()};
}

AuditFact fact_of(const SessionEnded& event) {
    const SessionReport& report = event.report;
    JsonMembers members(EventKind::session);
    members.add("request", report.request.text());
    members.add("service", report.service);
    members.add("repo", report.repo);
    members.add("server", report.server);
    members.add("git_protocol", report.git_protocol);
    members.add("bytes_in", report.bytes_in);
    members.add("bytes_out", report.bytes_out);
    members.add("duration_ms", report.duration_ms);
    members.add("exit", report.exit);
    members.add("ended", operation_end_name(report.ended));
    if (report.push) put_push(members, *report.push);
    if (report.fetch) put_fetch(members, *report.fetch);
    if (!report.git_said.empty()) members.add("git_said", report.git_said);
    if (!report.host_keys_learned.empty()) members.add_texts("host_keys_learned", report.host_keys_learned);
    if (event.key) put_key(members, *event.key);
    put_client(members, report.client);
    return {audit_now(), members.take()};
}

AuditFact fact_of(const AdminChange& event) {
    JsonMembers members(EventKind::admin);
    members.add("operator", event.user);
    if (!event.login.empty()) members.add("operator_login", event.login);
    members.add("command", event.command);
    members.add_texts("arguments", event.arguments);
    members.add_flag("done", event.failed.empty());
    if (!event.failed.empty()) members.add("why", event.failed);
    if (!event.facts.empty()) members.add_json("details", event.facts);
    return {audit_now(), members.take()};
}

AuditFact fact_of(const RefusalReport& report, const KnownKey& key) {
    JsonMembers members(EventKind::ended);
    members.add("because", report.reason);
    members.add("login", report.login);
    put_key(members, key);
    put_client(members, report.client);
    return {audit_now(), members.take()};
}

AuditFact fact_of(const CounterFell& event) {
    JsonMembers members(EventKind::counter_fell);
    members.add("counter", event.counter);
    members.add("before", event.before);
    members.add("fingerprint", event.fingerprint);
    for (const auto& [name, json] : event.members) members.add_json(name, json);
    return {audit_now(), members.take()};
}

namespace {

constexpr std::size_t longest_fact = 512;  // as JSON

std::string answer_object(const PolicyAnswer& answer) {
    JsonMembers members;
    members.add("is", name_in(policy_answer_names, answer.is));
    if (!answer.because.empty()) members.add("because", answer.because);
    if (answer.is == PolicyAnswer::Is::deny) members.add("told", name_in(policy_told_names, answer.told));
    if (answer.writes) members.add_flag("writes", true);
    if (!answer.user.empty()) members.add("user", answer.user);
    if (!answer.repo.empty()) members.add("repo", answer.repo);
    std::vector<std::string> facts;
    for (const std::string& fact : answer.facts) facts.push_back(short_text(fact, longest_fact));
    members.add_texts("facts", facts);
    return members.take_object();
}

}  // namespace

AuditFact fact_of(const PoliciesDiffer& event) {
    JsonMembers members(EventKind::differed);
    members.add("request", event.request.text());
    members.add("service", service_name(event.service));
    members.add("repo", event.repo.text());
    const auto in = differences(event.served, event.shadow);
    members.add_texts("in", {in.begin(), in.end()});
    members.add_json("served", answer_object(event.served));
    members.add_json("shadow", answer_object(event.shadow));
    if (event.key) put_key(members, *event.key);
    return {audit_now(), members.take()};
}

AuditFact fact_of(const PoliciesCompared& event) {
    JsonMembers members(EventKind::compared);
    for (std::size_t i = 0; i < compared_count; ++i) members.add(compared_names[i], event.sums[i]);
    return {audit_now(), members.take()};
}

AuditFact service_fact(std::string_view is) {
    JsonMembers members(EventKind::service);
    members.add("is", is);
    members.add("version", version());
    members.add("pid", ::getpid());
    return {audit_now(), members.take()};
}

AuditFact lost_fact(std::uint64_t count, std::int64_t since) {
    JsonMembers members(EventKind::lost);
    members.add("count", count);
    members.add("since_ms", since / 1000);
    return {audit_now(), members.take()};
}

}  // namespace gerve
