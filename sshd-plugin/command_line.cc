#include "sshd-plugin/command_line.h"

#include <algorithm>

#include "authz/base/text.h"

namespace gerve::sshd {

Result<std::vector<std::string>> take_options(const std::vector<std::string>& arguments,
                                              std::initializer_list<Option> known) {
    auto at = arguments.begin();
    for (; at != arguments.end() && at->starts_with("-") && *at != "-"; ++at) {
        if (*at == "--") {
            ++at;
            break;
        }
        const auto equals = at->find('=');
        const std::string_view name = std::string_view(*at).substr(0, equals);
        const auto* option = std::find_if(known.begin(), known.end(),
                                          [&](const Option& candidate) { return candidate.name == name; });
        if (option == known.end()) return client_error("unknown option " + printable(name, 64));
        std::string value = equals == std::string::npos ? "" : at->substr(equals + 1);
        if (equals == std::string::npos) {
            if (++at == arguments.end()) return client_error(std::string(name) + " needs a value");
            value = *at;
        }
        if (auto taken = option->take(value); !taken) {
            return client_error(std::string(name) + ": " + taken.error().told);
        }
    }
    return std::vector<std::string>(at, arguments.end());
}

Result<void> take_path(std::string_view value, std::string& into) {
    if (!value.starts_with('/')) return client_error("needs an absolute path");
    if (!is_plain(value)) {
        return client_error("'" + printable(value, 128) +
                            "' contains characters that are not allowed in a forced command");
    }
    into = value;
    return {};
}

Result<std::chrono::milliseconds> parse_patience(std::string_view text) {
    std::uint64_t unit = 1000;
    if (text.ends_with("ms")) {
        unit = 1;
        text.remove_suffix(2);
    } else if (text.ends_with('s')) {
        text.remove_suffix(1);
    }
    const auto number = parse_decimal(text);
    if (!number || *number > 60'000 || *number * unit < 50 || *number * unit > 60'000) {
        return client_error("needs a time from 50ms to 60s, such as 2s");
    }
    return std::chrono::milliseconds(*number * unit);
}

bool is_plain(std::string_view text) {
    return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               std::string_view("/._+@:=-").find(c) != std::string_view::npos;
    });
}

}  // namespace gerve::sshd
