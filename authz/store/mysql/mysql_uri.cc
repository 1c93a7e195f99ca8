#include "authz/store/mysql/mysql_uri.h"

#include <sys/un.h>

#include <charconv>

#include "authz/base/text.h"

namespace gerve {
namespace {

constexpr std::string_view tcp = "tcp://";
constexpr std::string_view unix_socket = "unix://";
constexpr std::string_view schema_key = "?schema=";
constexpr unsigned usual_port = 3306;
constexpr std::string_view name_characters =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";

tl::unexpected<Error> refuse(std::string_view text, std::string_view what) {
    return client_error("directory.mysql.uri '" + printable(text, 200) + "' " + std::string(what) +
                        ": the forms are tcp://HOST:3306/SCHEMA, tcp://A:3306,B:3306/SCHEMA and "
                        "unix:///run/mysqld/mysqld.sock?schema=SCHEMA");
}

bool is_made_of(std::string_view text, std::string_view characters) {
    return !text.empty() && text.find_first_not_of(characters) == std::string_view::npos;
}

bool is_schema(std::string_view text) {
    return text.size() <= 64 && is_made_of(text, name_characters);
}

// "host", "host:port", "[v6]" or "[v6]:port"; nothing when it is none of them.
bool parse_host(std::string_view text, MysqlHost& host) {
    const bool bracketed = text.starts_with('[');
    const std::size_t end = bracketed ? text.find(']') : text.find(':');
    if (bracketed && end == std::string_view::npos) return false;
    const std::string_view name = bracketed ? text.substr(1, end - 1) : text.substr(0, end);
    const std::string characters = std::string(name_characters) + (bracketed ? ".:%" : ".");
    if (name.size() > 255 || !is_made_of(name, characters) || name.front() == '-') return false;
    host.host = name;
    host.port = usual_port;
    std::string_view rest = end == std::string_view::npos ? "" : text.substr(bracketed ? end + 1 : end);
    if (rest.empty()) return true;
    if (rest.front() != ':') return false;
    rest.remove_prefix(1);
    const auto [stop, error] = std::from_chars(rest.data(), rest.data() + rest.size(), host.port);
    return error == std::errc() && stop == rest.data() + rest.size() && host.port > 0 && host.port < 65536;
}

Result<MysqlUri> parse_tcp(std::string_view text) {
    std::string_view rest = text.substr(tcp.size());
    const auto slash = rest.find('/');
    if (slash == std::string_view::npos || !is_schema(rest.substr(slash + 1))) {
        return refuse(text, "has no valid schema name");
    }
    MysqlUri uri;
    uri.schema = rest.substr(slash + 1);
    rest = rest.substr(0, slash);
    while (true) {
        const auto comma = rest.find(',');
        if (!parse_host(rest.substr(0, comma), uri.hosts.emplace_back())) {
            return refuse(text, "has an invalid host");
        }
        if (comma == std::string_view::npos) return uri;
        rest.remove_prefix(comma + 1);
    }
}

Result<MysqlUri> parse_unix(std::string_view text) {
    const std::string_view rest = text.substr(unix_socket.size());
    const auto question = rest.find(schema_key);
    if (question == std::string_view::npos || !is_schema(rest.substr(question + schema_key.size()))) {
        return refuse(text, "has no valid schema name");
    }
    const std::string_view path = rest.substr(0, question);
    if (!path.starts_with('/') || path.size() >= sizeof(sockaddr_un::sun_path) ||
        path.find('\0') != std::string_view::npos) {
        return refuse(text, "has no valid socket path");
    }
    return MysqlUri{{MysqlHost{std::string(path), "", 0}},
                    std::string(rest.substr(question + schema_key.size()))};
}

}  // namespace

std::string MysqlHost::text() const {
    if (!socket.empty()) return socket;
    const bool v6 = host.find(':') != std::string::npos;
    return (v6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

bool MysqlHost::is_near() const {
    return !socket.empty() || host == "localhost" || host.starts_with("127.") || host == "::1";
}

Result<MysqlUri> MysqlUri::parse(std::string_view text) {
    if (text.starts_with(tcp)) return parse_tcp(text);
    if (text.starts_with(unix_socket)) return parse_unix(text);
    return refuse(text, "is malformed");
}

}  // namespace gerve
