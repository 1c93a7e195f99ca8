// All that may be asked of authz. A request that is not in this list does not exist.
#pragma once

#include <array>
#include <string_view>
#include <type_traits>
#include <variant>

#include "authz/wire/live_protocol.h"
#include "authz/wire/reports.h"

namespace gerve {

// The order is that of the counters in AuthzMetrics.
using Request = std::variant<KeyRequest, HolderRequest, AuthorizeRequest, SessionReport, ReadyRequest,
                             ProofReport, ChangeReport, SelfRequest, LiveNews, SessionsRequest, KillRequest,
                             AnonymousRequest, RefusalReport, PushReport, CertificateRequest>;

constexpr std::size_t request_count = std::variant_size_v<Request>;

namespace wire {
template <class List>
struct NamesOf;
template <class... R>
struct NamesOf<std::variant<R...>> {
    static constexpr std::array<std::string_view, sizeof...(R)> list{R::name...};
};
}  // namespace wire

inline constexpr auto request_names = wire::NamesOf<Request>::list;

// The place of a type in the list.
template <class R, std::size_t at = 0>
[[nodiscard]] constexpr std::size_t index_of_request() {
    if constexpr (std::is_same_v<std::variant_alternative_t<at, Request>, R>)
        return at;
    else
        return index_of_request<R, at + 1>();
}

}  // namespace gerve
