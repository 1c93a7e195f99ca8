// Names that become path components or addresses: repository paths, logins, servers, endpoints.
#include "authz/base/address.h"
#include "authz/base/text.h"
#include "authz/model/repo_path.h"
#include "authz/model/route.h"
#include "authz/model/url_path.h"
#include "tests/fuzz/fuzz.h"

using namespace gerve;
using fuzz::require;

namespace {

void check_repo_path(std::string_view input) {
    const auto path = RepoPath::parse(input);
    if (!path) return fuzz::require_one_clean_line(path.error().told);
    const std::string text = path->text();
    const auto again = RepoPath::parse(text);
    require(again && *again == *path && again->text() == text, "a path's text is that path");
    const auto parts = split(text, '/');
    require(parts.size() == 2, "a path has an owner and a name");
    for (const std::string_view part : parts) {
        require(!part.empty() && part != "." && part != ".." && part.front() != '-', "a component is a name");
        require(part.find_first_of(std::string_view("\0\\:%~ ", 6)) == std::string_view::npos, "and plain");
    }
    require(fold_case(text) == path->folded(), "folding changes letters alone");
}

// What a URL may have besides are slashes.
void check_url_path(std::string_view input) {
    const auto path = parse_url_path(input);
    if (!path) {
        require(path.error().kind == ErrorKind::denied, "the path of a URL is the client's");
        return fuzz::require_one_clean_line(path.error().detail);
    }
    std::string parts;
    for (const std::string_view part : split(input, '/')) {
        if (!part.empty()) parts += (parts.empty() ? "" : "/") + std::string(part);
    }
    const auto plain = RepoPath::parse(parts);
    require(plain && plain->text() == path->text(), "it is its parts, with a slash between");
}

void check_endpoint(std::string_view input) {
    const auto endpoint = Endpoint::parse(input);
    if (!endpoint) return fuzz::require_one_clean_line(endpoint.error().told);
    const auto again = Endpoint::parse(endpoint->text());
    require(again && *again == *endpoint, "an endpoint's text is that endpoint");
    fuzz::require_one_clean_line(endpoint->text());
    require(endpoint->host().find('\0') == std::string::npos, "no NUL for a system call to stop at");
}

void check_addresses(std::string_view input) {
    if (const auto address = ListenAddress::parse(input)) {
        const auto again = ListenAddress::parse(address->text());
        require(again && *again == *address, "an address's text is that address");
    } else {
        fuzz::require_one_clean_line(address.error().told);
    }
    if (const auto network = Network::parse(input); !network)
        fuzz::require_one_clean_line(network.error().told);
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view input = fuzz::text_of(data, size);
    check_repo_path(input);
    check_url_path(input);
    check_endpoint(input);
    check_addresses(input);
    if (const auto login = Login::parse(input)) require(login->text() == input, "a login is kept as given");
    if (const auto name = RepoName::parse(input)) require(name->text() == input, "a name is kept as given");
    if (const auto server = ServerName::parse(input)) require(server->text() == input, "a server likewise");
    fuzz::require_one_clean_line(printable(input));
    if (const auto bytes = from_base64(input)) {
        require(to_base64(*bytes) == input || to_base64_unpadded(*bytes) == input, "base64 has one spelling");
    }
    return 0;
}
