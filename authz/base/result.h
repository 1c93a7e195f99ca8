// What a call that can fail returns: a value, or an Error that knows who is at fault and what may be said.
#pragma once

#include <string>
#include <tl/expected.hpp>
#include <utility>

namespace gerve {

// Fixes exit status, log level and counter of a failure.
enum class ErrorKind {
    client,       // the peer sent something that is not acceptable
    denied,       // understood, and refused by policy
    unavailable,  // a backend did not answer: neither yes nor no
    internal,     // our own fault
};

struct Error {
    ErrorKind kind = ErrorKind::internal;
    std::string told;    // may leave the machine
    std::string detail;  // for the log and the administrator alone
};

template <class T>
using Result = tl::expected<T, Error>;

[[nodiscard]] inline tl::unexpected<Error> fail(ErrorKind kind, std::string told, std::string detail = {}) {
    return tl::make_unexpected(Error{kind, std::move(told), std::move(detail)});
}
[[nodiscard]] inline tl::unexpected<Error> client_error(std::string told) {
    return fail(ErrorKind::client, std::move(told));
}
// A backend failed; `detail` names it. The text for the peer is made where the request id is known.
[[nodiscard]] inline tl::unexpected<Error> unavailable(std::string detail) {
    return fail(ErrorKind::unavailable, "", std::move(detail));
}
[[nodiscard]] inline tl::unexpected<Error> internal_error(std::string detail) {
    return fail(ErrorKind::internal, "", std::move(detail));
}
// Hands the error of one result on as that of another type.
template <class T>
[[nodiscard]] tl::unexpected<Error> pass_on(const Result<T>& failed) {
    return tl::make_unexpected(failed.error());
}

// The result of a call whose value nobody needs.
template <class T>
[[nodiscard]] Result<void> without_value(const Result<T>& result) {
    if (!result) return pass_on(result);
    return {};
}

// One line for a log or an administrator: what was told, and the rest behind it.
[[nodiscard]] inline std::string describe(const Error& error) {
    if (error.told.empty()) return error.detail;
    return error.detail.empty() ? error.told : error.told + " (" + error.detail + ")";
}

}  // namespace gerve
