// The host keys and host certificates of the gateway where a command runs, as a worker would load them now.
#pragma once

#include <string>
#include <vector>

#include "authz/config.h"
#include "gerve/ssh/host_certificates.h"
#include "gerve/ssh/host_keys.h"

namespace gerve {

class Command;

struct HostKey {
    std::string file;
    PublicKey key;
    HostKeyRole role;  // serving or announced

    [[nodiscard]] const char* state() const { return role == HostKeyRole::serving ? "serving" : "announced"; }
};

// Whether ssh.host_keys lists them; else they are those of the state directory.
[[nodiscard]] inline bool is_listed(const Config& config) {
    return !config.ssh.host_keys.empty();
}

// Of each type the first serves. Stops where one cannot be read.
[[nodiscard]] std::vector<HostKey> host_keys_of(const Config& config);
[[nodiscard]] HostCertificates host_certificates_of(const Config& config, const std::vector<HostKey>& keys);

// `gerve host-key print`.
void declare_host_key_print(Command& host_key);

}  // namespace gerve
