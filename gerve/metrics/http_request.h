// The little of HTTP that a balancer's check and a monitoring system speak.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace gerve {

constexpr std::size_t max_http_request = 8192;  // bytes, up to the empty line

// The first line of a request (RFC 9112 section 3); the fields behind it say nothing that matters here.
struct HttpRequest {
    std::string method;  // "GET", "HEAD" and so on
    std::string path;    // of the target, without its query
};

// Whether the empty line that ends a request's fields has come.
[[nodiscard]] bool is_whole_http_request(std::string_view text);

// Nothing: not HTTP/1.0 or 1.1, or not the target of a request to a server ("/…").
[[nodiscard]] std::optional<HttpRequest> parse_http_request(std::string_view text);

// `status` is "200 OK" and so on. The answer to HEAD has the same fields and no body. The connection ends
// with it.
[[nodiscard]] std::string http_response(std::string_view status, std::string_view type, std::string_view body,
                                        bool with_body);

}  // namespace gerve
