// How a balancer says whom it connects for: the PROXY protocol, version 1 (a line) and 2 (binary).
// Source: HAProxy's doc/proxy-protocol.txt.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "authz/base/address.h"

namespace gerve {

// A header that is read piece by piece and never beyond its end: what follows it belongs to SSH.
class ProxyHeader {
  public:
    // So many bytes certainly belong to it yet. 0: it is whole, or take() has failed.
    [[nodiscard]] std::size_t wanted() const { return wanted_; }
    // Takes at most that many. Error: client, when this is no such header.
    [[nodiscard]] Result<void> take(std::string_view bytes);

    [[nodiscard]] bool begun() const { return !text_.empty(); }
    // Of a whole one. Nothing: the balancer connects for itself (LOCAL), or does not know for whom.
    [[nodiscard]] const std::optional<IpAddress>& client() const { return client_; }

  private:
    Result<void> take_line();
    Result<void> take_binary();
    Result<void> read_line(std::string_view line);
    Result<void> read_binary();
    tl::unexpected<Error> refuse(const char* why);

    std::string text_;
    std::size_t wanted_ = 15;  // the shortest line; the binary kind is longer
    std::optional<IpAddress> client_;
};

}  // namespace gerve
