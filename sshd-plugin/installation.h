// Where this machine's Gerve is, as far as a program that sshd starts has to know.
#pragma once

#include <string>
#include <vector>

#include "authz/base/result.h"

namespace gerve::sshd {

constexpr const char* default_socket = "/run/gerve/authz.sock";

struct Installation {
    std::string socket = default_socket;  // of authz
    std::vector<std::string> logins{"git"};
    std::string notice;  // file with the operator's notice, or empty
};

// From the configuration file GERVE_CONFIG, or else /etc/gerve/gerve.toml; without a file that this user may
// read, the defaults above. Error: internal, a file that is not a configuration.
[[nodiscard]] Result<Installation> find_installation();

}  // namespace gerve::sshd
