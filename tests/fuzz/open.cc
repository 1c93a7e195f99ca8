// The OPEN message of GRV1, and what an agent makes of it. The input is taken as a whole message, and as the
// TLVs of one whose frame is right.
#include <algorithm>

#include "authz/base/text.h"
#include "authz/model/ticket.h"
#include "gerve/agent/repository/environment.h"
#include "gerve/agent/repository/layout.h"
#include "tests/fuzz/fuzz.h"

using namespace gerve;
using fuzz::require;

namespace {

std::string framed(std::string_view tlvs) {
    std::string message = "GRV1";
    message += std::string{grv1_version, grv1_version, 0, 0};
    for (int shift = 24; shift >= 0; shift -= 8) message += static_cast<char>(tlvs.size() >> shift & 0xff);
    message += tlvs;
    return message + std::string(grv1_mac_size, '\0');
}

void require_same(const Open& a, const Open& b) {
    require(a.service == b.service && a.owner == b.owner && a.storage_path == b.storage_path,
            "same operation");
    require(a.git_protocol == b.git_protocol && a.request_id == b.request_id, "same request");
    require(a.time == b.time && a.nonce == b.nonce && a.audience == b.audience, "same ticket");
    require(a.env == b.env && a.config == b.config && a.hooks == b.hooks, "same environment");
    require(a.repo_id == b.repo_id && a.admin == b.admin && a.admin_argument == b.admin_argument &&
                a.object_format == b.object_format,
            "same rest");
}

// Whatever the fields say, git is started below the root and with a clean environment, or not at all.
void check_use(const Open& open) {
    if (const auto repo = parse_storage_path(open.storage_path, open.owner)) {
        for (const Layout layout : {Layout::flat, Layout::md5_owner, Layout::hashed_id}) {
            const auto directory = repository_directory(layout, *repo, open.repo_id);
            if (!directory) continue;
            for (const std::string_view part : split(*directory, '/')) {
                require(!part.empty() && part != "." && part != "..", "a repository lies below the root");
            }
        }
    }
    for (const auto& [name, value] : open.hooks.list()) {
        require(is_hook_variable_name(name) && !name.starts_with("GIT_") && name != "PATH",
                "hooks get no variable that something else goes by");
        require(std::none_of(value.begin(), value.end(),
                             [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }),
                "and a clean value");
    }
    const auto environment = git_environment(open, "/srv/git/o/r.git");
    if (!environment) return;
    for (const std::string& variable : environment->lines()) {
        require(variable.find('=') != std::string::npos && variable.front() != '=', "a variable has a name");
        require(!variable.starts_with("LD_") && !variable.starts_with("GIT_SSH"), "and one of the list");
        fuzz::require_one_clean_line(variable);
    }
}

void check(std::string_view message) {
    const auto received = parse_open(message);
    if (!received) {
        require(received.error().kind == ErrorKind::client, "a bad OPEN is the peer's fault");
        return fuzz::require_one_clean_line(received.error().told);
    }
    static const TicketKey key = TicketKey::make();
    require(!is_signed_by(*received, key), "nobody guesses a signature");
    require(received->open.request_id.size() == 16 && received->open.nonce.size() == 16, "ids have 16 bytes");
    const std::string encoded = encode_open(received->open, &key);
    const auto again = parse_open(encoded);
    require(again && is_signed_by(*again, key), "what was understood can be said again");
    require_same(received->open, again->open);
    check_use(received->open);
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view input = fuzz::text_of(data, size);
    check(input);
    check(framed(input));
    if (const auto key = TicketKey::parse(input)) {
        require(TicketKey::parse(key->file_content())->id() == key->id(), "a key file goes there and back");
    }
    return 0;
}
