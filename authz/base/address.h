// IP addresses as configuration writes them: an address to listen at, and a network of peers.
#pragma once

#include <sys/socket.h>

#include <array>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "authz/base/result.h"

namespace gerve {

// An IPv4 or IPv6 address.
class IpAddress final {
  public:
    [[nodiscard]] static Result<IpAddress> parse(std::string_view text);  // "10.0.0.1", "fe80::1"
    // An IPv4 address mapped into IPv6 (::ffff:10.0.0.1) is taken for the IPv4 address that it is.
    [[nodiscard]] static Result<IpAddress> of_socket(const sockaddr_storage& address);

    [[nodiscard]] bool is_v4() const { return size_ == 4; }
    [[nodiscard]] std::string_view bytes() const;  // 4 or 16
    [[nodiscard]] std::string text() const;
    friend auto operator<=>(const IpAddress&, const IpAddress&) = default;

  private:
    friend class Network;
    IpAddress() = default;
    std::array<char, 16> bytes_{};
    unsigned size_ = 4;
};

// Where to listen: "0.0.0.0:22", "[::]:22". Port 0 lets the kernel choose.
struct ListenAddress {
    IpAddress ip;
    std::uint16_t port;

    [[nodiscard]] static Result<ListenAddress> parse(std::string_view text);
    [[nodiscard]] std::string text() const;
    // Fills `out` for bind(2) and returns its length.
    socklen_t to_socket(sockaddr_storage& out) const;
    friend auto operator<=>(const ListenAddress&, const ListenAddress&) = default;
};

// "10.0.0.0/8", "fd00::/8", or one address. No bit is set behind the prefix.
class Network final {
  public:
    [[nodiscard]] static Result<Network> parse(std::string_view text);
    [[nodiscard]] bool contains(const IpAddress& address) const;
    [[nodiscard]] bool overlaps(const Network& other) const;  // one of them lies in the other

  private:
    Network(const IpAddress& base, unsigned prefix) : base_(base), prefix_(prefix) {}
    IpAddress base_;
    unsigned prefix_;
};

// Whom something that comes from an address is counted for: an IPv4 address itself, the /64 of an IPv6
// address. What is no address is taken as it is.
[[nodiscard]] std::string source_of(const std::string& address);
// The same with the /48 of an IPv6 address: the smallest network that one customer is given for good.
[[nodiscard]] std::string wide_source_of(const std::string& address);

}  // namespace gerve
