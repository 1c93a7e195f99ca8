// Route: which file server holds an owner's repositories, and the endpoints at which it answers.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "authz/base/result.h"

namespace gerve {

// One address of an agent (or of a stock git daemon, for git://).
class Endpoint final {
  public:
    enum class Kind { unix_socket, tcp, git_daemon };

    // "unix:/path" (also "unix:///path"), "HOST:PORT", "tcp://HOST:PORT", "[v6]:PORT", "git://HOST:PORT".
    [[nodiscard]] static Result<Endpoint> parse(std::string_view text);

    [[nodiscard]] Kind kind() const { return kind_; }
    [[nodiscard]] const std::string& host() const { return host_; }  // path of a unix socket
    [[nodiscard]] std::uint16_t port() const { return port_; }
    [[nodiscard]] std::string text() const;  // one spelling per endpoint; parse(text()) gives it back
    friend bool operator==(const Endpoint&, const Endpoint&) = default;

  private:
    Endpoint(Kind kind, std::string host, std::uint16_t port)
        : kind_(kind), host_(std::move(host)), port_(port) {}
    Kind kind_;
    std::string host_;
    std::uint16_t port_;
};

// A file server's name: 1 to 64 of [A-Za-z0-9._-]. It is the audience of a ticket.
class ServerName final {
  public:
    [[nodiscard]] static Result<ServerName> parse(std::string_view text);
    [[nodiscard]] const std::string& text() const { return text_; }
    friend bool operator==(const ServerName&, const ServerName&) = default;
    friend auto operator<=>(const ServerName&, const ServerName&) = default;

  private:
    explicit ServerName(std::string_view text) : text_(text) {}
    std::string text_;
};

struct Route {
    ServerName server;
    std::vector<Endpoint> endpoints;  // in the order they are to be tried
};

}  // namespace gerve
