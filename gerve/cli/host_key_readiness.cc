#include "gerve/cli/host_key_readiness.h"

#include <nlohmann/json.hpp>
#include <set>

#include "authz/audit/host_key_history.h"
#include "gerve/cli/site.h"

namespace gerve {
namespace {

AuditJson parse_event(const std::string& body) {
    AuditJson event = AuditJson::parse(body, nullptr, false);
    return event.is_object() ? event : AuditJson::object();
}

bool learned(const AuditJson& session, const Fingerprint& key) {
    const auto list = session.find("host_keys_learned");
    if (list == session.end() || !list->is_array()) return false;
    return std::find(list->begin(), list->end(), key.text()) != list->end();
}

}  // namespace

HostKeyReadiness judge_readiness(const std::vector<std::string>& last_proofs,
                                 const std::vector<std::string>& learning_sessions,
                                 const Fingerprint& serving, const Fingerprint& next) {
    std::set<std::string> prepared;
    for (const std::string& body : learning_sessions) {
        const AuditJson session = parse_event(body);
        if (learned(session, next)) prepared.insert(text_in(session, "fingerprint"));
    }
    HostKeyReadiness readiness;
    std::set<std::string> seen;  // two events of one key at the same moment
    for (const std::string& body : last_proofs) {
        const AuditJson proof = parse_event(body);
        const std::string fingerprint = text_in(proof, "fingerprint");
        if (!proof.contains("key") || !seen.insert(fingerprint).second) continue;
        ++readiness.keys;
        // Without one it was recorded by a version that did not know: it may have been any.
        const std::string accepted = text_in(proof, "host_key");
        if (!accepted.empty() && accepted != serving.text())
            ++readiness.elsewhere;
        else if (prepared.contains(fingerprint))
            ++readiness.prepared;
        else
            readiness.unprepared.push_back(proof);
    }
    return readiness;
}

HostKeyReadiness judge_readiness(Site& site, const Fingerprint& serving, const Fingerprint& next,
                                 UnixMillis since) {
    const auto proofs = need_backend(read_last_proofs(site.database(), since));
    const auto sessions = need_backend(read_learning_sessions(site.database(), since));
    return judge_readiness(proofs, sessions, serving, next);
}

}  // namespace gerve
