// OperationEnd: why a git operation ended.
#pragma once

#include <array>
#include <string_view>

namespace gerve {

enum class OperationEnd {
    exit,           // git ended by itself, or a question about the key was answered
    refused,        // nothing was run
    client_gone,    // before git had ended
    upstream_lost,  // the connection to the file server broke
    upstream_unreachable,
    withdrawn,  // the key or the account lost its access
    killed,     // by `gerve kill`
    stopped,    // the gateway was stopped
    idle,
    too_long,
    other,  // a word of another version
};
constexpr std::array<std::string_view, 11> operation_end_names{
    "exit",    "refused", "client-gone", "upstream-lost", "upstream-unreachable", "withdrawn", "killed",
    "stopped", "idle",    "too-long",    "other"};

[[nodiscard]] constexpr std::string_view operation_end_name(OperationEnd end) {
    return operation_end_names[static_cast<std::size_t>(end)];
}
// A gerve-shell may be newer than the authz it reports to: an operation whose end has no name here has ended
// all the same.
[[nodiscard]] constexpr OperationEnd parse_operation_end(std::string_view name) {
    for (std::size_t i = 0; i < operation_end_names.size(); ++i) {
        if (operation_end_names[i] == name) return static_cast<OperationEnd>(i);
    }
    return OperationEnd::other;
}

}  // namespace gerve
