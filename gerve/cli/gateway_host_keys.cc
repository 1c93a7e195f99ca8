#include "gerve/cli/gateway_host_keys.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "gerve/cli/audit_view.h"
#include "gerve/cli/output.h"

namespace gerve {

std::vector<CheckLine> compare_gateways(const std::vector<std::string>& last_proofs,
                                        const std::vector<std::string>& own) {
    const std::string what = "host keys of gateways";
    std::vector<CheckLine> lines;
    std::size_t alike = 0;
    for (const std::string& body : last_proofs) {
        const AuditJson proof = AuditJson::parse(body, nullptr, false);
        if (!proof.is_object()) continue;
        const std::string key = text_in(proof, "host_key");
        if (key.empty()) continue;  // of a version that did not record it
        if (std::find(own.begin(), own.end(), key) != own.end()) {
            ++alike;
            continue;
        }
        lines.push_back(bad_line(
            what,
            shown(text_in(proof, "gateway")) + " served " + key + " at " + audit_clock(proof) +
                ", which is not a host key here: if it still serves that key, clients are warned; put the "
                "same files into ssh.host_keys on all gateways, in the same order"));
    }
    if (lines.empty())
        lines.push_back(good_line(what, std::to_string(alike) +
                                            " with logins in the last 24 hours, each last with a host "
                                            "key that is listed here; which keys they announce is not "
                                            "compared"));
    return lines;
}

}  // namespace gerve
