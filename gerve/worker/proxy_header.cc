#include "gerve/worker/proxy_header.h"

#include <netinet/in.h>

#include <algorithm>
#include <cstring>

#include "authz/base/text.h"

namespace gerve {
namespace {

constexpr std::string_view line_start = "PROXY ";
constexpr std::string_view signature("\r\n\r\n\0\r\nQUIT\n", 12);
constexpr std::size_t max_line = 107;      // its end included
constexpr std::size_t shortest_line = 15;  // "PROXY UNKNOWN" and its end
constexpr std::size_t fixed_size = 16;  // of the binary kind: signature, version and command, family, length
constexpr std::size_t max_rest = 2048;  // addresses and what balancers add to them

bool can_become(std::string_view text, std::string_view start) {
    const std::size_t size = std::min(text.size(), start.size());
    return text.substr(0, size) == start.substr(0, size);
}

std::size_t number_at(std::string_view text, std::size_t place) {
    return static_cast<std::size_t>(static_cast<unsigned char>(text[place])) << 8 |
           static_cast<unsigned char>(text[place + 1]);
}

Result<IpAddress> address_of(int family, std::string_view bytes) {
    sockaddr_storage storage{};
    storage.ss_family = static_cast<sa_family_t>(family);
    if (family == AF_INET) {
        std::memcpy(&reinterpret_cast<sockaddr_in&>(storage).sin_addr, bytes.data(), 4);
    } else {
        std::memcpy(&reinterpret_cast<sockaddr_in6&>(storage).sin6_addr, bytes.data(), 16);
    }
    return IpAddress::of_socket(storage);
}

bool is_port(std::string_view text) {
    const auto port = parse_decimal(text);
    return port && *port <= 65535;
}

}  // namespace

tl::unexpected<Error> ProxyHeader::refuse(const char* why) {
    wanted_ = 0;
    return client_error(std::string("invalid PROXY header: ") + why);
}

Result<void> ProxyHeader::take(std::string_view bytes) {
    text_ += bytes;
    if (can_become(text_, line_start)) return take_line();
    if (can_become(text_, signature)) return take_binary();
    return refuse("the signature is unknown");
}

Result<void> ProxyHeader::take_line() {
    const std::size_t end = text_.find_first_of("\r\n");
    if (end == std::string::npos) {
        // Its end is two bytes more.
        wanted_ = text_.size() < shortest_line ? shortest_line - text_.size() : 2;
        return text_.size() + wanted_ > max_line ? refuse("the line is too long") : Result<void>{};
    }
    if (text_[end] == '\r' && end + 1 == text_.size()) {
        wanted_ = 1;
        return text_.size() + wanted_ > max_line ? refuse("the line is too long") : Result<void>{};
    }
    if (text_.substr(end) != "\r\n") return refuse("the line is not terminated by CRLF");
    wanted_ = 0;
    return read_line(std::string_view(text_).substr(0, end));
}

Result<void> ProxyHeader::read_line(std::string_view line) {
    const std::vector<std::string_view> words = split(line, ' ');
    if (words[1] == "UNKNOWN") return {};
    if (words.size() != 6) return refuse("expected six words");
    const auto client = IpAddress::parse(words[2]);
    const auto reached = IpAddress::parse(words[3]);
    const bool v4 = words[1] == "TCP4";
    if (!v4 && words[1] != "TCP6") return refuse("neither TCP4 nor TCP6");
    if (!client || !reached || client->is_v4() != v4 || reached->is_v4() != v4) {
        return refuse("expected two addresses of that protocol");
    }
    if (!is_port(words[4]) || !is_port(words[5])) return refuse("expected two ports");
    auto plain = address_of(v4 ? AF_INET : AF_INET6, client->bytes());
    if (!plain) return pass_on(plain);
    client_ = *plain;
    return {};
}

Result<void> ProxyHeader::take_binary() {
    if (text_.size() < fixed_size) {
        wanted_ = fixed_size - text_.size();
        return {};
    }
    const std::size_t rest = number_at(text_, 14);
    if (rest > max_rest) return refuse("the header is too long");
    wanted_ = fixed_size + rest - text_.size();
    return wanted_ > 0 ? Result<void>{} : read_binary();
}

Result<void> ProxyHeader::read_binary() {
    const int version = static_cast<unsigned char>(text_[12]) >> 4;
    const int command = text_[12] & 0xf;
    const int family = static_cast<unsigned char>(text_[13]);
    if (version != 2 || command > 1) return refuse("unknown version or command");
    constexpr int local = 0, unspecified = 0x00, tcp4 = 0x11, tcp6 = 0x21, unix_stream = 0x31;
    if (command == local || family == unspecified || family == unix_stream) return {};
    if (family != tcp4 && family != tcp6) return refuse("not a TCP connection");
    const std::string_view addresses = std::string_view(text_).substr(fixed_size);
    if (addresses.size() < (family == tcp4 ? 12U : 36U)) return refuse("the addresses are truncated");
    auto client = address_of(family == tcp4 ? AF_INET : AF_INET6, addresses);
    if (!client) return pass_on(client);
    client_ = *client;
    return {};
}

}  // namespace gerve
