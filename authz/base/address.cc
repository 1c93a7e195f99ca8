#include "authz/base/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <cstring>

#include "authz/base/text.h"

namespace gerve {
namespace {

std::string in_quotes(std::string_view text) {
    return '"' + printable(text, 80) + '"';
}

bool same_prefix(std::string_view a, std::string_view b, unsigned bits) {
    for (unsigned bit = 0; bit < bits; ++bit) {
        const int mask = 0x80 >> (bit % 8);
        if ((a[bit / 8] & mask) != (b[bit / 8] & mask)) return false;
    }
    return true;
}

bool nothing_behind(std::string_view bytes, unsigned prefix) {
    for (unsigned bit = prefix; bit < bytes.size() * 8; ++bit) {
        if ((bytes[bit / 8] & (0x80 >> (bit % 8))) != 0) return false;
    }
    return true;
}

}  // namespace

Result<IpAddress> IpAddress::parse(std::string_view text) {
    // inet_pton would stop at a NUL and take what stands before it.
    const bool whole = text.size() < INET6_ADDRSTRLEN && text.find('\0') == std::string_view::npos;
    const std::string copy(whole ? text : "");
    IpAddress address;
    if (::inet_pton(AF_INET, copy.c_str(), address.bytes_.data()) == 1) return address;
    address.size_ = 16;
    if (::inet_pton(AF_INET6, copy.c_str(), address.bytes_.data()) == 1) return address;
    return client_error(in_quotes(text) + " is not an IP address");
}

Result<IpAddress> IpAddress::of_socket(const sockaddr_storage& address) {
    IpAddress out;
    if (address.ss_family == AF_INET) {
        std::memcpy(out.bytes_.data(), &reinterpret_cast<const sockaddr_in&>(address).sin_addr, 4);
        return out;
    }
    if (address.ss_family != AF_INET6) return client_error("not an IP address");
    const in6_addr& v6 = reinterpret_cast<const sockaddr_in6&>(address).sin6_addr;
    const bool mapped = IN6_IS_ADDR_V4MAPPED(&v6);
    out.size_ = mapped ? 4 : 16;
    std::memcpy(out.bytes_.data(), &v6.s6_addr[mapped ? 12 : 0], out.size_);
    return out;
}

std::string_view IpAddress::bytes() const {
    return {bytes_.data(), size_};
}

std::string IpAddress::text() const {
    char out[INET6_ADDRSTRLEN] = "";
    ::inet_ntop(is_v4() ? AF_INET : AF_INET6, bytes_.data(), out, sizeof out);
    return out;
}

Result<ListenAddress> ListenAddress::parse(std::string_view text) {
    const auto wrong = [&] {
        return client_error(in_quotes(text) +
                            " is not an address to listen on: write \"0.0.0.0:22\" or \"[::]:22\"");
    };
    const auto colon = text.rfind(':');
    if (colon == std::string_view::npos) return wrong();
    std::string_view host = text.substr(0, colon);
    const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
    if (bracketed) host = host.substr(1, host.size() - 2);
    const auto ip = IpAddress::parse(host);
    const auto port = parse_decimal(text.substr(colon + 1));
    if (!ip || ip->is_v4() == bracketed || !port || *port > 65535) return wrong();
    return ListenAddress{*ip, static_cast<std::uint16_t>(*port)};
}

std::string ListenAddress::text() const {
    return (ip.is_v4() ? ip.text() : "[" + ip.text() + "]") + ":" + std::to_string(port);
}

socklen_t ListenAddress::to_socket(sockaddr_storage& out) const {
    out = {};
    if (ip.is_v4()) {
        auto& v4 = reinterpret_cast<sockaddr_in&>(out);
        v4.sin_family = AF_INET;
        v4.sin_port = htons(port);
        std::memcpy(&v4.sin_addr, ip.bytes().data(), 4);
        return sizeof v4;
    }
    auto& v6 = reinterpret_cast<sockaddr_in6&>(out);
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    std::memcpy(&v6.sin6_addr, ip.bytes().data(), 16);
    return sizeof v6;
}

Result<Network> Network::parse(std::string_view text) {
    const auto wrong = [&](std::string_view why) {
        return client_error(in_quotes(text) + " is not a network: " + std::string(why));
    };
    const auto slash = text.find('/');
    const auto base = IpAddress::parse(text.substr(0, slash));
    if (!base) return wrong("write \"10.0.0.0/8\", \"fd00::/8\" or one address");
    const auto bits = static_cast<unsigned>(base->bytes().size()) * 8;
    if (slash == std::string_view::npos) return Network(*base, bits);
    const auto prefix = parse_decimal(text.substr(slash + 1));
    if (!prefix || *prefix > bits) return wrong("the prefix length must be 0 to " + std::to_string(bits));
    if (!nothing_behind(base->bytes(), static_cast<unsigned>(*prefix))) {
        return wrong("host bits are set");
    }
    return Network(*base, static_cast<unsigned>(*prefix));
}

bool Network::contains(const IpAddress& address) const {
    return address.is_v4() == base_.is_v4() && same_prefix(address.bytes(), base_.bytes(), prefix_);
}

bool Network::overlaps(const Network& other) const {
    return prefix_ <= other.prefix_ ? contains(other.base_) : other.contains(base_);
}

namespace {

std::string network_of(const std::string& address, std::size_t bytes) {
    in6_addr parsed{};
    if (::inet_pton(AF_INET6, address.c_str(), &parsed) != 1) return address;
    std::memset(&parsed.s6_addr[bytes], 0, sizeof parsed.s6_addr - bytes);
    char text[INET6_ADDRSTRLEN];
    return std::string(::inet_ntop(AF_INET6, &parsed, text, sizeof text)) + "/" + std::to_string(bytes * 8);
}

}  // namespace

std::string source_of(const std::string& address) {
    return network_of(address, 8);
}

std::string wide_source_of(const std::string& address) {
    return network_of(address, 6);
}

}  // namespace gerve
