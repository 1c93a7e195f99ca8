#include "gerve/ssh/ending.h"

#include <array>

namespace gerve::ssh {
namespace {

constexpr std::array<std::string_view, static_cast<std::size_t>(EndReason::count)> end_reasons{
    "open",
    "client-closed",
    "destroyed",
    "no-common-key-exchange",
    "no-common-host-key",
    "no-common-cipher",
    "no-common-mac",
    "no-common-compression",
    "protocol-error",
    "login-timeout",
    "too-many-keys",
    "login-bytes",
    "login-packets",
    "login-cpu",
    "wrong-service",
    "window-exceeded",
    "useless-packets",
    "too-many-channels",
    "tiny-packets",
    "idle",
    "drained",
    "maintenance",
    "withdrawn",
    "internal",
};

constexpr std::array<std::string_view, static_cast<std::size_t>(Refusal::count)> refusals{
    "none",
    "method-none",
    "method-password",
    "method-keyboard-interactive",
    "method-hostbased",
    "method-other",
    "unknown-key-type",
    "certificate",
    "malformed",
    "weak-key",
    "sha1-signature",
    "algorithm-mismatch",
    "wrong-signature",
    "untouched-key",
};

static_assert(end_reasons.back() == "internal" && refusals.back() == "untouched-key");

}  // namespace

std::string_view name_of(EndReason reason) {
    return end_reasons.at(static_cast<std::size_t>(reason));
}

std::string_view name_of(Refusal refusal) {
    return refusals.at(static_cast<std::size_t>(refusal));
}

}  // namespace gerve::ssh
