#include "sshd-plugin/installation.h"

#include <unistd.h>

#include <cstdlib>

#include "authz/base/fd.h"
#include "authz/config.h"

namespace gerve::sshd {

Result<Installation> find_installation() {
    const char* named = std::getenv("GERVE_CONFIG");
    const std::string file = named != nullptr ? named : "/etc/gerve/gerve.toml";
    if (::access(file.c_str(), R_OK) != 0) return Installation{};
    const auto text = read_file(file);
    if (!text) return pass_on(text);
    auto config = parse_config(*text, file);
    if (!config) return internal_error(file + ": is not a valid configuration; `gerve check` says why");
    return Installation{config->authz_socket(), std::move(config->ssh.logins),
                        std::move(config->ssh.notice_file)};
}

}  // namespace gerve::sshd
