#include "authz/service/ticket_keys.h"

#include <unistd.h>

#include <cerrno>

#include "authz/base/fd.h"
#include "authz/base/text.h"

namespace gerve {
namespace {

// A whole file takes the name at once or not at all: two processes that start together must not sign with
// different keys.
Result<void> make_key_file(const std::string& path) {
    const std::string draft = path + "." + to_hex(random_bytes(8));
    if (auto written = write_file(draft, TicketKey::make().file_content(), 0600); !written) return written;
    const bool linked = ::link(draft.c_str(), path.c_str()) == 0 || errno == EEXIST;
    const std::string trouble = linked ? "" : errno_text("cannot make " + path);
    ::unlink(draft.c_str());
    if (!linked) return internal_error(trouble);
    return {};
}

}  // namespace

Result<std::vector<TicketKey>> load_ticket_keys(const Config& config) {
    const std::string own = config.local_ticket_key();
    if (config.authz.ticket_keys.empty() && ::access(own.c_str(), F_OK) != 0) {
        if (auto made = make_key_file(own); !made) return pass_on(made);
    }
    std::vector<TicketKey> keys;
    for (const std::string& file : config.ticket_key_files()) {
        const auto content = read_secret_file(file);
        if (!content) return pass_on(content);
        auto key = TicketKey::parse(*content);
        if (!key) return internal_error(file + ": " + describe(key.error()));
        keys.push_back(std::move(*key));
    }
    return keys;
}

}  // namespace gerve
