#include "gerve/cli/gateway_host_keys.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "authz/base/text.h"
#include "gerve/cli/audit_view.h"
#include "gerve/cli/output.h"

namespace gerve {
namespace {

constexpr const char* what_of_gateways = "host keys of gateways";
constexpr const char* same_files =
    "put the same files into ssh.host_keys on all gateways, in the same order, and reload them";

std::vector<std::string> announced_in(const AuditJson& proof) {
    std::vector<std::string> keys = texts_in(proof, "host_keys_announced");
    for (std::string& key : keys) key = one_line(key);
    return keys;
}

bool is_among(const std::vector<std::string>& keys, const std::string& key) {
    return std::find(keys.begin(), keys.end(), key) != keys.end();
}

const OwnHostKey* find_own(const std::vector<OwnHostKey>& own, const std::string& key) {
    const auto found =
        std::find_if(own.begin(), own.end(), [&](const OwnHostKey& one) { return one.fingerprint == key; });
    return found == own.end() ? nullptr : &*found;
}

// Of each type the first serves.
const std::string* other_serving(const std::vector<OwnHostKey>& own, const std::vector<std::string>& keys,
                                 const OwnHostKey& serving) {
    for (const std::string& key : keys) {
        const OwnHostKey* one = find_own(own, key);
        if (one != nullptr && one->type == serving.type)
            return key == serving.fingerprint ? nullptr : &one->fingerprint;
    }
    return nullptr;
}

// What differs, as clauses behind "GATEWAY, at TIME,".
std::vector<std::string> differences(const std::vector<OwnHostKey>& own,
                                     const std::vector<std::string>& keys) {
    std::vector<std::string> found;
    for (const std::string& key : keys) {
        if (find_own(own, key) == nullptr)
            found.push_back("announced " + key + ", which is not a host key here");
    }
    for (const OwnHostKey& one : own) {
        if (!is_among(keys, one.fingerprint))
            found.push_back("did not announce " + one.fingerprint + ", which is a host key here");
    }
    if (!found.empty()) return found;
    std::vector<HostKeyType> seen;
    for (const OwnHostKey& one : own) {
        if (std::find(seen.begin(), seen.end(), one.type) != seen.end()) continue;
        seen.push_back(one.type);
        if (const std::string* other = other_serving(own, keys, one))
            found.push_back("served " + *other + " and announced " + one.fingerprint + ", which serves here");
    }
    return found;
}

// The same, by a login that tells no announcement.
std::vector<std::string> difference_of_login(const std::vector<OwnHostKey>& own, const AuditJson& proof) {
    const std::string key = text_in(proof, "host_key");
    if (key.empty() || find_own(own, key) != nullptr)
        return {};  // empty: of a version that did not record it
    return {"served " + key + ", which is not a host key here"};
}

std::string agreement(std::size_t announcing, std::size_t silent) {
    std::vector<std::string> clauses;
    if (announcing > 0 || silent == 0)
        clauses.push_back(std::to_string(announcing) +
                          " with logins in the last 24 hours, which announce the same keys");
    if (silent > 0)
        clauses.push_back(std::to_string(silent) +
                          " of an earlier version, compared by the host key of the last login");
    return join(clauses, "; ");
}

}  // namespace

std::vector<CheckLine> compare_gateways(const std::vector<std::string>& last_proofs,
                                        const std::vector<std::string>& announcements,
                                        const std::vector<OwnHostKey>& own) {
    std::map<std::string, AuditJson> told;
    for (const std::string& body : announcements) {
        AuditJson proof = AuditJson::parse(body, nullptr, false);
        if (proof.is_object()) told.insert_or_assign(text_in(proof, "gateway"), std::move(proof));
    }
    std::vector<CheckLine> lines;
    std::size_t announcing = 0;
    std::size_t silent = 0;
    for (const std::string& body : last_proofs) {
        const AuditJson last = AuditJson::parse(body, nullptr, false);
        if (!last.is_object()) continue;
        const std::string gateway = text_in(last, "gateway");
        const auto announcement = told.find(gateway);
        const bool announces = announcement != told.end();
        const AuditJson& proof = announces ? announcement->second : last;
        const auto found =
            announces ? differences(own, announced_in(proof)) : difference_of_login(own, proof);
        ++(announces ? announcing : silent);
        for (const std::string& one : found) {
            lines.push_back(bad_line(what_of_gateways, shown(gateway) + ", at " + audit_clock(proof) + ", " +
                                                           one + "; " + same_files));
        }
    }
    if (lines.empty()) lines.push_back(good_line(what_of_gateways, agreement(announcing, silent)));
    return lines;
}

}  // namespace gerve
