// Command lines of the two programs that sshd starts: options in front, then words. Small, since it is read
// at every login.
#pragma once

#include <chrono>
#include <functional>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "authz/base/result.h"

namespace gerve::sshd {

// `--name VALUE` or `--name=VALUE`; `take` gets the value and may refuse it.
struct Option {
    std::string_view name;
    std::function<Result<void>(std::string_view value)> take;
};

// Takes the options off the front and returns the words behind them; "--" ends the options. Errors: client.
[[nodiscard]] Result<std::vector<std::string>> take_options(const std::vector<std::string>& arguments,
                                                            std::initializer_list<Option> known);

// Sets `into` to a path that begins with a slash and that neither sshd nor a shell reads anything else into:
// letters, digits and /._+@:=-. Errors: client.
[[nodiscard]] Result<void> take_path(std::string_view value, std::string& into);

// "2s", "1500ms" or "2" (seconds), from 50 ms to 60 s. Errors: client.
[[nodiscard]] Result<std::chrono::milliseconds> parse_patience(std::string_view text);

// Whether `text` holds nothing but characters that stand for themselves in authorized_keys and in a shell.
[[nodiscard]] bool is_plain(std::string_view text);

}  // namespace gerve::sshd
