#include "gerve/metrics/http_request.h"

#include <doctest/doctest.h>

using namespace gerve;

namespace {

// "METHOD path", or "" for what is no request.
std::string read(std::string_view line) {
    const auto request = parse_http_request(std::string(line) + "\r\nHost: x\r\n\r\n");
    return request ? request->method + " " + request->path : "";
}

}  // namespace

TEST_CASE("the first line of a request") {
    CHECK(read("GET /metrics HTTP/1.1") == "GET /metrics");
    CHECK(read("GET /metrics HTTP/1.0") == "GET /metrics");
    CHECK(read("HEAD /readyz?full=1 HTTP/1.1") == "HEAD /readyz");
    CHECK(read("GET / HTTP/1.1") == "GET /");
    CHECK(read("POST /metrics HTTP/1.1") == "POST /metrics");
}

TEST_CASE("what is no request") {
    for (const char* line : {"", "GET", "GET /metrics", "GET /metrics HTTP/2", "GET /metrics HTTP/1.1 ",
                             "get /metrics HTTP/1.1", "GET  /metrics HTTP/1.1", "GET /met rics HTTP/1.1",
                             "GET metrics HTTP/1.1", " /metrics HTTP/1.1", "GET http://host/metrics HTTP/1.1",
                             "OPTIONS * HTTP/1.1", "SSH-2.0-OpenSSH_9.2", "G\xc3\x89T / HTTP/1.1"}) {
        CAPTURE(line);
        CHECK(read(line) == "");
    }
}

TEST_CASE("a request is whole with its empty line") {
    CHECK_FALSE(is_whole_http_request(""));
    CHECK_FALSE(is_whole_http_request("GET / HTTP/1.1\r\n"));
    CHECK_FALSE(is_whole_http_request("GET / HTTP/1.1\n\n"));
    CHECK(is_whole_http_request("GET / HTTP/1.1\r\n\r\n"));
}

TEST_CASE("the answer to HEAD tells the length of a body that it does not have") {
    CHECK(http_response("200 OK", "text/plain", "ready\n", true) ==
          "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 6\r\nCache-Control: no-store\r\n"
          "Connection: close\r\n\r\nready\n");
    CHECK(http_response("503 Service Unavailable", "text/plain", "ready\n", false) ==
          "HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain\r\nContent-Length: 6\r\n"
          "Cache-Control: no-store\r\nConnection: close\r\n\r\n");
}
