#include "gerve/worker/git_request.h"

#include <algorithm>
#include <optional>

#include "authz/model/messages.h"
#include "authz/model/url_path.h"
#include "gerve/relay/pkt_length.h"

namespace gerve {
namespace {

tl::unexpected<Error> malformed(const char* what) {
    return client_error(std::string("ERROR: Not a git request: ") + what + ".\n");
}

// Everything up to the next NUL, and past it; what is not ended by one is nothing.
std::optional<std::string_view> take_string(std::string_view& rest) {
    const auto end = rest.find('\0');
    if (end == std::string_view::npos) return std::nullopt;
    const std::string_view string = rest.substr(0, end);
    rest.remove_prefix(end + 1);
    return string;
}

// A newer git may send parameters that nobody here knows; git leaves those alone, too.
Result<std::string> parse_extra(std::string_view rest) {
    std::string protocol;
    while (!rest.empty()) {
        const auto parameter = take_string(rest);
        if (!parameter) return malformed("an extra parameter is not terminated");
        if (!GitProtocol::parse(*parameter)) continue;
        if (!protocol.empty()) protocol += ':';
        protocol += *parameter;
    }
    return protocol.size() > 255 ? std::string() : protocol;
}

Result<std::string> parse_parameters(std::string_view rest) {
    if (rest.empty()) return std::string();
    if (rest.front() != '\0') {
        const auto host = take_string(rest);
        if (!host || !host->starts_with("host=")) return malformed("the host parameter is malformed");
        if (rest.empty()) return std::string();
    }
    if (rest.front() != '\0') return malformed("unexpected data after the host");
    return parse_extra(rest.substr(1));
}

}  // namespace

Result<std::size_t> git_request_size(std::string_view header) {
    const auto length = parse_pkt_length(header.substr(0, git_request_header));
    if (!length) return malformed("not a pkt-line");
    if (*length <= git_request_header || *length > max_git_request)
        return malformed("the packet length is invalid");
    return *length;
}

Result<GitRequest> parse_git_request(std::string_view packet) {
    std::string_view rest = packet.substr(git_request_header);
    const auto end = std::min(rest.find('\0'), rest.size());
    std::string_view line = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (line.ends_with('\n')) line.remove_suffix(1);
    const auto space = line.find(' ');
    const auto service = parse_service(line.substr(0, space));
    if (!service || space == std::string_view::npos) return client_error(messages::unknown_command());
    const std::string_view path = line.substr(space + 1);
    if (!path.starts_with('/')) return malformed("the path does not begin with a slash");
    auto protocol = parse_parameters(rest);
    if (!protocol) return pass_on(protocol);
    auto repo = parse_url_path(path);
    if (!repo) return pass_on(repo);
    return GitRequest{*service, std::move(*repo), std::move(*protocol)};
}

}  // namespace gerve
