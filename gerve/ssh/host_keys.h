// Host keys of the SSH server: loading them with the checks sshd makes, and making them on first start.
#pragma once

#include <string>
#include <vector>

#include "authz/base/result.h"

namespace gerve {

// Makes ssh_host_ed25519_key and ssh_host_rsa_key (3072 bits) in `directory` unless they are there; returns
// their paths, ed25519 first. Files have mode 0600; a .pub file stands beside each.
[[nodiscard]] Result<std::vector<std::string>> make_host_keys(const std::string& directory);

// What is wrong with each of these files as a host key (unreadable, readable by others, encrypted, a type or
// size not accepted); empty when nothing is.
[[nodiscard]] std::vector<std::string> check_host_keys(const std::vector<std::string>& files);

}  // namespace gerve
