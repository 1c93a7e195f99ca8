#include "gerve/cli/host_key_readiness.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "authz/audit/host_key_history.h"
#include "gerve/cli/recorded_logins.h"
#include "gerve/cli/site.h"

namespace gerve {
namespace {

bool learned(const AuditJson& session, const Fingerprint& key) {
    const auto list = session.find("host_keys_learned");
    if (list == session.end() || !list->is_array()) return false;
    return std::find(list->begin(), list->end(), key.text()) != list->end();
}

// The last login by a host key that does not stay, for each key of a user. The serving one counts whatever
// came later, perhaps from another machine. One that serves no more, or that an earlier version did not
// record, counts until a later login shows that a key that stays is known.
std::map<std::string, std::optional<AuditJson>> find_warned(const std::vector<std::string>& proofs,
                                                            const std::string& serving,
                                                            const std::set<std::string>& staying) {
    std::map<std::string, std::optional<AuditJson>> keys;
    for (const std::string& body : proofs) {
        AuditJson proof = parse_event(body);
        if (!proof.contains("key")) continue;
        auto& warned = keys[text_in(proof, "fingerprint")];
        const std::string accepted = text_in(proof, "host_key");
        const bool settled = warned && text_in(*warned, "host_key") == serving;
        if (accepted == serving || (!settled && !staying.contains(accepted)))
            warned = std::move(proof);
        else if (!settled)
            warned.reset();
    }
    return keys;
}

}  // namespace

HostKeyReadiness judge_readiness(const std::vector<std::string>& proofs,
                                 const std::vector<std::string>& learning_sessions,
                                 const Fingerprint& serving, const Fingerprint& next,
                                 const std::vector<Fingerprint>& staying) {
    std::set<std::string> prepared;
    for (const std::string& body : learning_sessions) {
        const AuditJson session = parse_event(body);
        if (learned(session, next)) prepared.insert(text_in(session, "fingerprint"));
    }
    std::set<std::string> well{next.text()};
    for (const Fingerprint& key : staying) well.insert(key.text());
    HostKeyReadiness readiness;
    for (auto& [fingerprint, warned] : find_warned(proofs, serving.text(), well)) {
        ++readiness.keys;
        if (!warned)
            ++readiness.elsewhere;
        else if (prepared.contains(fingerprint))
            ++readiness.prepared;
        else
            readiness.unprepared.push_back(std::move(*warned));
    }
    std::stable_sort(readiness.unprepared.begin(), readiness.unprepared.end(),
                     [](const AuditJson& one, const AuditJson& other) {
                         return text_in(one, "time") < text_in(other, "time");
                     });
    return readiness;
}

HostKeyReadiness judge_readiness(Site& site, const Fingerprint& serving, const Fingerprint& next,
                                 const std::vector<Fingerprint>& staying, UnixMillis since) {
    const auto proofs = need_backend(read_host_key_proofs(site.database(), since));
    const auto sessions = need_backend(read_learning_sessions(site.database()));
    HostKeyReadiness readiness = judge_readiness(proofs, sessions, serving, next, staying);
    readiness.unknown = why_logins_unknown(site, since);
    if (readiness.unknown.empty() && readiness.keys == 0)
        readiness.unknown = "nobody logged in during that time, so who would be warned is not known";
    return readiness;
}

}  // namespace gerve
