#include "gerve/metrics/http_request.h"

namespace gerve {

bool is_whole_http_request(std::string_view text) {
    return text.find("\r\n\r\n") != std::string_view::npos;
}

std::optional<HttpRequest> parse_http_request(std::string_view text) {
    const std::string_view line = text.substr(0, text.find("\r\n"));
    const std::size_t first = line.find(' ');
    const std::size_t second = line.rfind(' ');
    if (first == std::string_view::npos || second == first) return std::nullopt;
    const std::string_view method = line.substr(0, first);
    const std::string_view target = line.substr(first + 1, second - first - 1);
    const std::string_view version = line.substr(second + 1);
    if (method.empty() || method.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ") != std::string_view::npos)
        return std::nullopt;
    if (version != "HTTP/1.1" && version != "HTTP/1.0") return std::nullopt;
    if (!target.starts_with('/') || target.find(' ') != std::string_view::npos) return std::nullopt;
    return HttpRequest{std::string(method), std::string(target.substr(0, target.find('?')))};
}

std::string http_response(std::string_view status, std::string_view type, std::string_view body,
                          bool with_body) {
    std::string text = "HTTP/1.1 ";
    text.append(status);
    text.append("\r\nContent-Type: ").append(type);
    text.append("\r\nContent-Length: ").append(std::to_string(body.size()));
    text.append("\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n");
    if (with_body) text.append(body);
    return text;
}

}  // namespace gerve
