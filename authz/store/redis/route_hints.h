// RouteHints: who may know an owner's server before the directory's own table is asked.
#pragma once

#include <optional>

#include "authz/model/login.h"
#include "authz/model/route.h"

namespace gerve {

// Called from many threads at once. A hint is no more than a name: which endpoints it has, and whether there
// is such a server at all, the directory says.
class RouteHints {
  public:
    virtual ~RouteHints() = default;

    // Found, missing (nullopt), or the error `unavailable`; either of the last two sends the caller to the
    // table.
    [[nodiscard]] virtual Result<std::optional<ServerName>> find(const Login& owner) = 0;
    // The table's answer where the hint was missing. Returns at once; may come to nothing.
    virtual void learn(const Login& owner, const ServerName& server) = 0;
};

}  // namespace gerve
