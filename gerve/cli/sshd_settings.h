// What is wrong in the configuration of an sshd in front of Gerve: each classic mistake, and how to mend it.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gerve/cli/check_line.h"

namespace gerve {

// What `sshd -T` prints: a keyword in lower case and its value, one a line; a keyword may come again.
using SshdSettings = std::multimap<std::string, std::string>;
[[nodiscard]] SshdSettings parse_sshd_settings(std::string_view printed);

// Of the settings alone, and of the accounts they name. `login`: the account that git clients log in as.
[[nodiscard]] std::vector<CheckLine> check_sshd_settings(const SshdSettings& settings,
                                                         const std::string& login);

// The program of AuthorizedKeysCommand, without its arguments; empty when there is none.
[[nodiscard]] std::string keys_program(const SshdSettings& settings);
// The value of an option that it is given, as in "--socket PATH" or "--socket=PATH", each time it is there.
[[nodiscard]] std::vector<std::string> keys_options(const SshdSettings& settings, std::string_view option);
[[nodiscard]] std::string keys_user(const SshdSettings& settings);  // empty when there is none
[[nodiscard]] bool uses_pam(const SshdSettings& settings);

}  // namespace gerve
