// OperationEnd: why a git operation ended.
#pragma once

#include "authz/base/enum_names.h"

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
    declined,  // git ended by itself, and it or a hook refused each ref of the push
    other,     // a word of another version, or an error within Gerve
};
constexpr std::array<std::string_view, 12> operation_end_names{
    "exit",      "refused", "client-gone", "upstream-lost", "upstream-unreachable",
    "withdrawn", "killed",  "stopped",     "idle",          "too-long",
    "declined",  "other"};

[[nodiscard]] constexpr std::string_view operation_end_name(OperationEnd end) {
    return name_in(operation_end_names, end);
}
// A gerve-shell may be newer than the authz it reports to: an operation whose end has no name here has ended
// all the same.
[[nodiscard]] constexpr OperationEnd parse_operation_end(std::string_view name) {
    return find_in<OperationEnd>(operation_end_names, name).value_or(OperationEnd::other);
}

}  // namespace gerve
