#include "authz/audit/strangers.h"

#include <algorithm>

#include "authz/base/log.h"

namespace gerve {
namespace {

// Reasons of the ration that are not refusals by a worker.
constexpr std::string_view offered = "offered";          // a known key
constexpr std::string_view unknown_key = "unknown-key";  // offered or proven
constexpr std::string_view git_fetch = "git-fetch";
constexpr std::string_view git_session = "git-session";

constexpr std::size_t longest_login = 64;  // as JSON
constexpr std::size_t longest_why = 160;
constexpr std::size_t most_names = 8;  // of one kind, in one summary

bool is_of_key(const LeftOut::Reason& reason) {
    return reason.name == offered || reason.name == unknown_key;
}

bool is_allowed(const LeftOut::Reason& reason) {
    return reason.name == git_fetch || reason.name == git_session;
}

// The members of a key in an offer but for its count, as JSON.
std::string members_of(const KeyOffered& offer) {
    JsonMembers members;
    members.add("fingerprint", offer.request.key.fingerprint().text());
    members.add_flag("known", offer.known.has_value());
    if (!offer.known) return members.take();
    put_holder(members, *offer.known);
    return members.take();
}

std::string with_count(const std::string& members, std::uint64_t count) {
    return "{" + members + R"(,"count":)" + std::to_string(count) + "}";
}

void log_unknown_key(const ClientContext& client, const std::string& login, const std::string& fingerprint) {
    log::info("refused", {{"because", unknown_key},
                          {"key", fingerprint},
                          {"login", short_text(login, longest_login)},
                          {"addr", client.address},
                          {"client", short_text(client.version, longest_version)},
                          {"door", door_name(client.door)}});
}

// Limits that were met are the operator's to look at.
log::Level level_of(const std::string& reason) {
    const bool of_operator = reason.starts_with("limit-") || reason.starts_with("proxy-header");
    return of_operator ? log::Level::warn : log::Level::info;
}

void log_refusal(const RefusalReport& refusal) {
    log::write(level_of(refusal.reason), "refused",
               {{"because", refusal.reason},
                {"why", short_text(refusal.text, longest_why)},
                {"login", short_text(refusal.login, longest_login)},
                {"addr", refusal.client.address},
                {"client", short_text(refusal.client.version, longest_version)},
                {"door", door_name(refusal.client.door)}});
}

void put_source(JsonMembers& members, const LeftOut& left_out, std::uint64_t count) {
    members.add("address", left_out.source);
    if (left_out.sources > 1) members.add("sources", left_out.sources);
    members.add("count", count);
    members.add("seconds", left_out.seconds);
}

// The offers among what was left out.
void add_offers(std::vector<AuditFact>& facts, const LeftOut& left_out) {
    std::uint64_t count = 0;
    std::uint64_t unnamed = 0;
    std::string keys;
    for (const LeftOut::Reason& reason : left_out.reasons) {
        if (!is_of_key(reason)) continue;
        count += reason.count;
        unnamed += reason.unnamed;
        for (const auto& [members, times] : reason.samples)
            keys += (keys.empty() ? "" : ",") + with_count(members, times);
    }
    if (count == 0) return;
    JsonMembers members(EventKind::offered);
    put_source(members, left_out, count);
    members.add_json("keys", "[" + keys + "]");
    if (unnamed > 0) members.add("unnamed", unnamed);
    facts.push_back({audit_now(), members.take()});
}

// The others: those that were refused, or those that were served by git://.
void add_others(std::vector<AuditFact>& facts, const LeftOut& left_out, bool allowed) {
    std::uint64_t count = 0;
    JsonMembers reasons;
    std::string samples;
    std::size_t named = 0;
    for (const LeftOut::Reason& reason : left_out.reasons) {
        if (is_of_key(reason) || is_allowed(reason) != allowed) continue;
        count += reason.count;
        reasons.add(reason.name, reason.count);
        for (const auto& [sample, times] : reason.samples) {
            if (named++ >= most_names) break;
            if (!samples.empty()) samples += ',';
            append_json_text(samples, sample);
        }
    }
    if (count == 0) return;
    JsonMembers members(allowed ? EventKind::left_out : EventKind::refused);
    if (!allowed) members.add("is", "deny");
    put_source(members, left_out, count);
    members.add_json("reasons", reasons.take_object());
    if (!samples.empty()) members.add_json("asked_for", "[" + samples + "]");
    facts.push_back({audit_now(), members.take()});
}

}  // namespace

bool Strangers::take(const std::string& address, std::string_view reason, std::string_view sample) {
    if (ration_.take(address, reason, sample)) return true;
    left_out_->add();
    return false;
}

std::vector<AuditFact> Strangers::add(const KeyOffered& offer) {
    const KeyRequest& request = offer.request;
    const ClientContext& client = request.client;
    const std::string members = members_of(offer);
    if (!take(client.address, offer.known ? offered : unknown_key, members)) return {};
    if (!offer.known) log_unknown_key(client, request.login, request.key.fingerprint().text());
    JsonMembers fact(EventKind::offered);
    fact.add("count", 1);
    fact.add_json("keys", "[" + with_count(members, 1) + "]");
    fact.add("login", short_text(request.login, longest_login));
    put_client(fact, client);
    return {{audit_now(), fact.take()}};
}

std::vector<AuditFact> Strangers::add(const KeyProven& proof) {
    JsonMembers sample;
    sample.add("fingerprint", proof.fingerprint);
    sample.add_flag("known", false);
    if (!take(proof.client.address, unknown_key, sample.take())) return {};
    log_unknown_key(proof.client, proof.login, proof.fingerprint);
    return {fact_of(proof)};
}

std::vector<AuditFact> Strangers::add(const RefusalReport& refusal) {
    const std::string login = short_text(refusal.login, longest_login);
    if (refusal.count > 1) {
        left_out_->add(refusal.count);
        ration_.leave_out(refusal.client.address, refusal.reason, login, refusal.count);
        return {};
    }
    if (!take(refusal.client.address, refusal.reason, login)) return {};
    log_refusal(refusal);
    JsonMembers members(EventKind::refused);
    members.add("is", "deny");
    members.add("because", refusal.reason);
    members.add("count", 1);
    if (!refusal.login.empty()) members.add("login", login);
    put_client(members, refusal.client);
    return {{audit_now(), members.take()}};
}

bool Strangers::take(const DecidedAnonymously& event) {
    const bool is_fetch = allowed(event.decision);
    const std::string_view reason = is_fetch ? git_fetch : rule_name(std::get<Deny>(event.decision).because);
    return take(event.request.client.address, reason, event.request.repo.text());
}

bool Strangers::take(const SessionReport& report) {
    return take(report.client.address, git_session, report.repo);
}

std::vector<AuditFact> Strangers::close(const std::vector<LeftOut>& left_out) {
    std::vector<AuditFact> facts;
    for (const LeftOut& one : left_out) {
        log::info("suppressed", {{"addr", one.source},
                                 {"sources", one.sources},
                                 {"count", one.count()},
                                 {"reasons", one.text()},
                                 {"seconds", one.seconds}});
        add_offers(facts, one);
        add_others(facts, one, false);
        add_others(facts, one, true);
    }
    return facts;
}

}  // namespace gerve
