#include "authz/model/route.h"

#include <doctest/doctest.h>

using namespace gerve;

TEST_CASE("an endpoint is a socket, an address or a git daemon") {
    struct Row {
        const char* text;
        Endpoint::Kind kind;
        const char* host;
        int port;
        const char* spelled;
    };
    using Kind = Endpoint::Kind;
    for (const Row& row : {
             Row{"unix:/run/a.sock", Kind::unix_socket, "/run/a.sock", 0, "unix:/run/a.sock"},
             Row{"unix:///run/a.sock", Kind::unix_socket, "/run/a.sock", 0, "unix:/run/a.sock"},
             Row{"fs1:9419", Kind::tcp, "fs1", 9419, "fs1:9419"},
             Row{"tcp://fs1.example.com:1", Kind::tcp, "fs1.example.com", 1, "fs1.example.com:1"},
             Row{"192.0.2.1:65535", Kind::tcp, "192.0.2.1", 65535, "192.0.2.1:65535"},
             Row{"[2001:db8::1]:9419", Kind::tcp, "2001:db8::1", 9419, "[2001:db8::1]:9419"},
             Row{"tcp://unix:22", Kind::tcp, "unix", 22, "tcp://unix:22"},
             Row{"git://fs2:9418", Kind::git_daemon, "fs2", 9418, "git://fs2:9418"},
             Row{"git://[::1]:9418", Kind::git_daemon, "::1", 9418, "git://[::1]:9418"},
         }) {
        CAPTURE(row.text);
        const auto endpoint = Endpoint::parse(row.text);
        REQUIRE(endpoint.has_value());
        CHECK(endpoint->kind() == row.kind);
        CHECK(endpoint->host() == row.host);
        CHECK(endpoint->port() == row.port);
        CHECK(endpoint->text() == row.spelled);
        CHECK(*Endpoint::parse(endpoint->text()) == *endpoint);
    }
}

TEST_CASE("anything else is no endpoint, and the error says which forms are") {
    for (const std::string text : {"",
                                   "fs1",
                                   "fs1:",
                                   ":9419",
                                   "fs1:0",
                                   "fs1:65536",
                                   "fs1:-1",
                                   "fs1:09x",
                                   "2001:db8::1:9419",
                                   "unix:",
                                   "unix:a",
                                   "unix:run/a.sock",
                                   "http://fs1:80",
                                   "fs1:9419/x",
                                   "a b:1",
                                   "a\n:1",
                                   "git://",
                                   "git://fs1",
                                   "[]:1",
                                   "unix:/a\nb",
                                   "unix:/a\x1b[2J",
                                   "user@fs1:1",
                                   "$(id):1"}) {
        CAPTURE(text);
        const auto endpoint = Endpoint::parse(text);
        REQUIRE_FALSE(endpoint.has_value());
        CHECK(endpoint.error().told.find("HOST:PORT") != std::string::npos);
    }
    CHECK_FALSE(Endpoint::parse(std::string_view("unix:/a\0b", 9)).has_value());
}

TEST_CASE("a socket's path fits sockaddr_un") {
    CHECK(Endpoint::parse("unix:/" + std::string(106, 'a')).has_value());
    CHECK_FALSE(Endpoint::parse("unix:/" + std::string(107, 'a')).has_value());
}

TEST_CASE("a file server's name is plain") {
    CHECK(ServerName::parse("fs1.example-x_y").has_value());
    CHECK(ServerName::parse(std::string(64, 's')).has_value());
    for (const std::string text : {"", "..", "-x", "a b", "a/b", "a\n", "\xc3\xa9", "a:1"}) {
        CAPTURE(text);
        CHECK_FALSE(ServerName::parse(text).has_value());
    }
    CHECK_FALSE(ServerName::parse(std::string(65, 's')).has_value());
}
