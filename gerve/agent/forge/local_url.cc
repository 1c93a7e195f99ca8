#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <optional>

#include "authz/base/text.h"
#include "authz/os/unix_socket.h"
#include "gerve/agent/forge/forge_proof.h"

namespace gerve {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;
using namespace std::string_view_literals;

// The header of the PROXY protocol, version 2, with the command LOCAL, as the hooks send it. A forge refuses
// "PROXY UNKNOWN" of version 1, unless PROXY_PROTOCOL_ACCEPT_UNKNOWN is set.
constexpr std::string_view proxy_header = "\r\n\r\n\0\r\nQUIT\n\x20\0\0\0"sv;
static_assert(proxy_header.size() == 16);

// "http://HOST:PORT/PATH" or "unix:/PATH", in parts.
struct LocalUrl {
    bool unix_socket = false;
    bool tls = false;
    std::string host;  // of unix_socket: the path
    std::string port;
};

std::optional<LocalUrl> parse_local_url(std::string_view url) {
    if (url.starts_with("unix:")) return LocalUrl{true, false, std::string(url.substr(5)), ""};
    const bool tls = url.starts_with("https://");
    if (!tls && !url.starts_with("http://")) return std::nullopt;
    std::string_view authority = url.substr(tls ? 8 : 7);
    authority = authority.substr(0, authority.find('/'));
    const auto colon = authority.rfind(':');
    const bool has_port =
        colon != std::string_view::npos && authority.find(']', colon) == std::string_view::npos;
    std::string_view host = has_port ? authority.substr(0, colon) : authority;
    if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
    const std::string port = has_port ? std::string(authority.substr(colon + 1)) : tls ? "443" : "80";
    if (host.empty() || port.empty()) return std::nullopt;
    return LocalUrl{false, tls, std::string(host), port};
}

bool wait_for_socket(int socket, short events, steady_clock::time_point deadline) {
    pollfd waited{socket, events, 0};
    const auto left = std::chrono::ceil<milliseconds>(deadline - steady_clock::now()).count();
    const int ready = ::poll(&waited, 1, static_cast<int>(std::max<long long>(left, 0)));
    if (ready == 0) errno = ETIMEDOUT;
    return ready > 0;
}

Result<Fd> connect_socket(int family, const sockaddr* address, socklen_t size,
                          steady_clock::time_point deadline) {
    const auto failed = [] { return unavailable(std::strerror(errno)); };
    Fd socket(::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!socket) return failed();
    if (::connect(socket.get(), address, size) == 0) return socket;
    if (errno != EINPROGRESS || !wait_for_socket(socket.get(), POLLOUT, deadline)) return failed();
    int error = 0;
    socklen_t length = sizeof error;
    if (::getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &error, &length) != 0) return failed();
    if (error != 0) return unavailable(std::strerror(error));
    return socket;
}

Result<Fd> connect_unix(const std::string& path, steady_clock::time_point deadline) {
    const auto address = UnixAddress::of(path);
    if (!address) return pass_on(address);
    return connect_socket(AF_UNIX, address->get(), UnixAddress::size(), deadline);
}

// Error: unavailable, with the reason alone.
Result<Fd> connect_local(const LocalUrl& url, steady_clock::time_point deadline) {
    if (url.unix_socket) return connect_unix(url.host, deadline);
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    const int error = ::getaddrinfo(url.host.c_str(), url.port.c_str(), &hints, &found);
    if (error != 0) return unavailable(::gai_strerror(error));
    const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> addresses(found, ::freeaddrinfo);
    Result<Fd> socket = unavailable("no address");
    for (const addrinfo* one = found; one != nullptr && !socket; one = one->ai_next) {
        socket = connect_socket(one->ai_family, one->ai_addr, one->ai_addrlen, deadline);
    }
    return socket;
}

bool answers_http(const Fd& socket, const LocalUrl& url, bool wants_proxy,
                  steady_clock::time_point deadline) {
    const std::string host = url.unix_socket ? "localhost" : url.host;
    const std::string request = std::string(wants_proxy ? proxy_header : "") +
                                "GET /api/healthz HTTP/1.1\r\nHost: " + host +
                                "\r\nUser-Agent: gerve-agent\r\nConnection: close\r\n\r\n";
    if (::send(socket.get(), request.data(), request.size(), MSG_NOSIGNAL) !=
        static_cast<ssize_t>(request.size()))
        return false;
    std::string answer;
    while (answer.size() < 5) {
        std::array<char, 16> bytes{};
        if (!wait_for_socket(socket.get(), POLLIN, deadline)) return false;
        const ssize_t got = ::recv(socket.get(), bytes.data(), bytes.size(), 0);
        if (got <= 0) return false;
        answer.append(bytes.data(), static_cast<std::size_t>(got));
    }
    return answer.starts_with("HTTP/");
}

}  // namespace

ProofLine prove_local_url(const AppIniFacts& facts, milliseconds patience) {
    const std::string named = "local_url: " + printable(facts.local_url, 200);
    const std::string todo =
        ". The hooks cannot ask the forge, and refuse pushes: start it, or correct LOCAL_ROOT_URL in app.ini";
    const auto url = parse_local_url(facts.local_url);
    if (!url) return {false, named + " is neither http:// nor https:// nor a unix socket" + todo};
    const auto deadline = steady_clock::now() + patience;
    const auto socket = connect_local(*url, deadline);
    if (!socket) return {false, named + " does not accept a connection: " + describe(socket.error()) + todo};
    if (url->tls) return {true, named + " accepts connections (TLS is not checked)"};
    if (!answers_http(*socket, *url, facts.wants_proxy, deadline))
        return {false, named + " accepts a connection, but does not answer over HTTP" + todo};
    return {true, named + " answers"};
}

}  // namespace gerve
