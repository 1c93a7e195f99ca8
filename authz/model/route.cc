#include "authz/model/route.h"

#include <algorithm>

#include "authz/base/text.h"
#include "authz/model/name_rules.h"

namespace gerve {
namespace {

tl::unexpected<Error> not_an_endpoint(std::string_view text) {
    return client_error("'" + printable(text, 120) +
                        "' is not an endpoint: the forms are HOST:PORT, unix:/PATH and git://HOST:PORT");
}

// sun_path of sockaddr_un holds 107 bytes and a NUL. A control character would reach logs, a NUL cut the
// name.
bool is_socket_path(std::string_view path) {
    return path.starts_with('/') && path.size() <= 107 && std::all_of(path.begin(), path.end(), [](char c) {
               return static_cast<unsigned char>(c) >= 0x20 && c != 0x7f;
           });
}

bool is_host(std::string_view host) {
    if (host.empty() || host.size() > 253) return false;
    return host.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-:_%") ==
           std::string_view::npos;
}

}  // namespace

Result<Endpoint> Endpoint::parse(std::string_view text) {
    std::string_view rest = text;
    if (rest.starts_with("unix:")) {
        rest.remove_prefix(5);
        while (rest.starts_with("//")) rest.remove_prefix(1);
        if (!is_socket_path(rest)) return not_an_endpoint(text);
        return Endpoint(Kind::unix_socket, std::string(rest), 0);
    }
    Kind kind = Kind::tcp;
    if (rest.starts_with("git://")) {
        kind = Kind::git_daemon;
        rest.remove_prefix(6);
    } else if (rest.starts_with("tcp://")) {
        rest.remove_prefix(6);
    }
    const auto colon = rest.rfind(':');
    if (colon == std::string_view::npos) return not_an_endpoint(text);
    std::string_view host = rest.substr(0, colon);
    const auto port = parse_decimal(rest.substr(colon + 1));
    if (host.starts_with('[') && host.ends_with(']')) {
        host = host.substr(1, host.size() - 2);
    } else if (host.find(':') != std::string_view::npos) {
        return not_an_endpoint(text);
    }
    if (!is_host(host) || !port || *port == 0 || *port > 65535) return not_an_endpoint(text);
    return Endpoint(kind, std::string(host), static_cast<std::uint16_t>(*port));
}

std::string Endpoint::text() const {
    if (kind_ == Kind::unix_socket) return "unix:" + host_;
    const std::string host = host_.find(':') == std::string::npos ? host_ : "[" + host_ + "]";
    std::string scheme;
    if (kind_ == Kind::git_daemon) scheme = "git://";
    if (kind_ == Kind::tcp && host_ == "unix") scheme = "tcp://";  // "unix:9419" would name a socket
    return scheme + host + ":" + std::to_string(port_);
}

Result<ServerName> ServerName::parse(std::string_view text) {
    if (!is_valid_name(text, 64)) {
        return client_error("'" + printable(text, 80) +
                            "' is not a server name: 1 to 64 letters, digits, '.', '_', '-'");
    }
    return ServerName(text);
}

}  // namespace gerve
