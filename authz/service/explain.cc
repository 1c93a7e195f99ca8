#include "authz/service/explain.h"

#include <cstdlib>

#include "authz/base/log.h"
#include "authz/base/text.h"
#include "authz/service/certificate_inquiry.h"
#include "authz/store/registry.h"

namespace gerve {
namespace {

// What OpenSSH's client prints when no key of it was accepted.
constexpr const char* key_refused = "Permission denied (publickey).\n";

std::string describe_holder(const KeyHolder& holder) {
    return match(
        holder, [](const SomeUser auto& user) { return "of " + as_user(user).login.text(); },
        [](const SharedDeployKey& key) { return "deploy key \"" + printable(key.title, 100) + "\""; },
        [](const DeployKey& key) {
            return (key.can_write ? "deploy key (may write) of " : "deploy key (read-only) of ") +
                   key.repo.text();
        });
}

std::string describe_key(const KeyRecord& key, UnixMillis now) {
    return "key " + std::to_string(number_of(key.id)) + ", \"" + key.title + "\", " +
           std::string(key.state(now)) + ", " + describe_holder(key.holder);
}

std::string describe_known(const KnownKey& key) {
    return "key " + std::to_string(number_of(key.id)) + ", " + describe_holder(key.holder) +
           (is_suspended(key.holder) ? ", suspended" : "");
}

// Somebody to decide for; or, in `told`, why the key does not even log in.
struct Subject {
    std::optional<Principal> principal;
    Explanation so_far;
    LoginFacts login{};  // what is sure of every login by it
};

Explanation refuse_key(Explanation so_far, std::string rule) {
    so_far.rule = std::move(rule);
    so_far.told = key_refused;
    so_far.exit = 255;
    return so_far;
}

Result<Subject> subject_of(const ExplainSources& sources, const Login& login, UnixMillis) {
    if (sources.accounts_elsewhere) {
        return client_error(
            "accounts are in another program's tables, which Gerve queries only for keys: instead of '" +
            login.text() + "' give a key of that account, SHA256:… as `ssh-keygen -lf id_….pub` prints it");
    }
    const auto account = Registry(sources.database).show_account(login);
    if (!account) return pass_on(account);
    if (account->kind != AccountKind::user) {
        return client_error(account->login.text() + " is an organisation: give one of its users");
    }
    // Any key of his would do; policy looks at the account alone.
    const Fingerprint any = Fingerprint::of_blob("");
    Subject subject{
        Principal::make(
            Proof::from_administrator(any),
            KnownKey{KeyId{0}, any, User{account->id, account->login, account->suspended.has_value()}}),
        {}};
    subject.so_far.facts.emplace_back(
        "account " + login.text(), account->login.text() + (account->suspended ? ", suspended" : ", active"));
    return subject;
}

struct KeyFact {
    std::string text;
    std::string state;
    bool is_security_key = true;  // or it is not known what it is
};

// Why there is no such key to log in with, Gerve's own tables know; a statement answers with live keys alone.
Result<KeyFact> key_fact(const ExplainSources& sources, const Fingerprint& key,
                         const std::optional<KnownKey>& known, UnixMillis now) {
    if (sources.accounts_elsewhere) {
        return known ? KeyFact{describe_known(*known), "live"} : KeyFact{"missing", "unknown"};
    }
    const auto record = Registry(sources.database).show_key(key);
    if (record) {
        return KeyFact{describe_key(*record, now), std::string(record->state(now)),
                       record->algorithm.starts_with("sk-")};
    }
    if (record.error().kind != ErrorKind::client) return pass_on(record);
    return KeyFact{"missing", "unknown"};
}

Result<Subject> subject_of(const ExplainSources& sources, const Fingerprint& key, UnixMillis now) {
    QueryCounters counters;
    auto known = Directory(sources.database, counters, sources.local).find_key(key, now);
    if (!known) return pass_on(known);
    auto fact = key_fact(sources, key, *known, now);
    if (!fact) return pass_on(fact);
    Subject subject;
    subject.so_far.facts.emplace_back("key " + key.text(), std::move(fact->text));
    if (*known) {
        subject.login.attestation_known = !fact->is_security_key;
        subject.principal = Principal::make(Proof::from_administrator(key), std::move(**known));
    } else {
        subject.so_far = refuse_key(std::move(subject.so_far), fact->state + "-key");
    }
    return subject;
}

template <class SomeVerdict>
std::string text_of(const SomeVerdict& verdict) {
    switch (verdict.is) {
        case SomeVerdict::Is::holds: return "holds: " + verdict.why;
        case SomeVerdict::Is::fails: return "fails: " + verdict.why;
        case SomeVerdict::Is::unknown: break;
    }
    return "not decided: " + verdict.why;
}

Result<Subject> subject_of(const ExplainSources& sources, const Certificate& certificate, UnixMillis now) {
    QueryCounters counters;
    Directory directory(sources.database, counters, sources.local);
    auto inquiry = inquire_certificate(directory, certificate, {sources.address}, now);
    if (!inquiry) return pass_on(inquiry);
    Subject subject;
    auto& facts = subject.so_far.facts;
    facts.emplace_back("certificate", "\"" + certificate.key_id() + "\", serial " +
                                          std::to_string(certificate.serial()) + ", of key " +
                                          certificate.key().fingerprint().text());
    for (const RuleVerdict& one : inquiry->verdicts)
        facts.emplace_back("rule " + std::string(certificate_rule_name(one.rule)), text_of(one.verdict));
    if (inquiry->key) {
        subject.login.attestation_known = !certificate.key().is_security_key();
        const Fingerprint key = inquiry->key->fingerprint;
        subject.principal = Principal::make(Proof::from_administrator(key), std::move(*inquiry->key));
        return subject;
    }
    const RuleVerdict& failure = *find_failure(inquiry->verdicts);
    subject.so_far = refuse_key(std::move(subject.so_far),
                                "certificate-" + std::string(certificate_rule_name(failure.rule)));
    if (const std::string told = told_of(*inquiry); !told.empty())
        subject.so_far.told = told + "\n" + subject.so_far.told;
    return subject;
}

void put_decision(Explanation& explanation, const Inquiry& inquiry, const GitCommand& command) {
    if (const auto* deny = std::get_if<Deny>(&inquiry.decision)) {
        explanation.rule = rule_name(deny->because);
        explanation.told = deny->told;
        explanation.exit = static_cast<int>(deny->exit);
        return;
    }
    const bool needs_server = !command.wants_token;
    if (needs_server && (!inquiry.route || inquiry.route->endpoints.empty())) {
        // Policy allows it, and still nobody is served: authz cannot say where to.
        explanation.rule = inquiry.route ? "no-endpoint" : "no-route";
        explanation.told = messages::cannot_check();
        explanation.exit = static_cast<int>(ExitStatus::unavailable);
        return;
    }
    explanation.allowed = true;
    explanation.rule = rule_name(std::get<Allow>(inquiry.decision).because);
    explanation.route = inquiry.route;
    if (inquiry.repository->moved) explanation.told = messages::moved(command.repo, inquiry.repository->path);
}

// Redis is asked as for a login, and learns nothing by it.
class LookedAt final : public RouteHints {
  public:
    explicit LookedAt(RouteHints& hints) : hints_(hints) {}
    Result<std::optional<ServerName>> find(const Login& owner) override { return hints_.find(owner); }
    void learn(const Login&, const ServerName&) override {}

  private:
    RouteHints& hints_;
};

}  // namespace

Route local_route(const std::string& agent_socket) {
    auto server = ServerName::parse("local");
    auto endpoint = Endpoint::parse("unix:" + agent_socket);
    if (!server || !endpoint) {
        log::error("the path of the agent's socket is not a valid endpoint", {{"path", agent_socket}});
        std::abort();  // the configuration has checked its length
    }
    return Route{std::move(*server), {std::move(*endpoint)}};
}

std::optional<Route> embedded_route(const Config& config) {
    return config.embedded ? std::optional(local_route(config.local_agent_socket())) : std::nullopt;
}

Result<Explanation> explain(const ExplainSources& sources, const ExplainSubject& who,
                            const GitCommand& command, UnixMillis now) {
    // As a login finds out, before anything is looked up.
    if (is_lfs(command.service) && !serves_lfs(sources.lfs, command.wants_token)) {
        Explanation off;
        off.facts.emplace_back("lfs.mode", name_in(lfs_mode_names, sources.lfs));
        off.rule = rule_name(Rule::lfs_off);
        off.told = messages::no_lfs(lfs_command(command.wants_token));
        off.exit = static_cast<int>(ExitStatus::not_found);
        return off;
    }
    auto subject = std::visit([&](const auto& name) { return subject_of(sources, name, now); }, who);
    if (!subject) return pass_on(subject);
    Explanation explanation = std::move(subject->so_far);
    if (!subject->principal) return explanation;

    QueryCounters counters;
    Directory directory(sources.database, counters, sources.local);
    ServerCache servers;
    std::optional<LookedAt> routes;
    if (sources.hints != nullptr) directory.follow(routes.emplace(*sources.hints), servers);
    std::vector<Fact> facts;
    const auto look = command.wants_token ? inquire_login : inquire;
    const auto inquiry =
        look(directory, *subject->principal, command.service, command.repo, subject->login, &facts);
    if (!inquiry) return pass_on(inquiry);
    for (Fact& fact : facts) {
        explanation.facts.emplace_back(std::string(query_name(fact.query)) + " " + fact.asked,
                                       std::move(fact.answer));
    }
    for (const auto& [name, value] : inquiry->hooks.list())
        explanation.facts.emplace_back("variable of hooks " + name, value);
    for (const LoginVerdict& one : inquiry->verdicts) {
        explanation.facts.emplace_back(
            "policy of " + inquiry->repository->path.owner().text() + ", " + std::string(rule_name(one.rule)),
            text_of(one));
    }
    // The client's words leave it open.
    if (allowed(inquiry->decision) && most_of(command.service) != command.service) {
        explanation.facts.emplace_back("writing",
                                       inquiry->write_refusal.empty()
                                           ? "allowed"
                                           : "refused: " + std::string(trim(inquiry->write_refusal)));
    }
    put_decision(explanation, *inquiry, command);
    return explanation;
}

}  // namespace gerve
