#include "gerve/cli/host_keys_here.h"

#include <algorithm>

#include "gerve/cli/command.h"

namespace gerve {

std::vector<HostKey> host_keys_of(const Config& config) {
    const auto files = is_listed(config) ? config.ssh.host_keys : need(find_host_keys(config.state));
    std::vector<HostKey> keys;
    for (const std::string& file : files) {
        PublicKey key = need(read_host_key(file));
        const bool first = std::none_of(keys.begin(), keys.end(),
                                        [&](const HostKey& one) { return type_of(one.key) == type_of(key); });
        keys.push_back({file, std::move(key), first ? HostKeyRole::serving : HostKeyRole::announced});
    }
    return keys;
}

HostCertificates host_certificates_of(const Config& config, const std::vector<HostKey>& keys) {
    std::vector<PublicKey> certified;
    for (const HostKey& one : keys) certified.push_back(one.key);
    return read_host_certificates(config.ssh.host_certificates, certified);
}

}  // namespace gerve
