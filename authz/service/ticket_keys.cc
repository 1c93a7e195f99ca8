#include "authz/service/ticket_keys.h"

#include <unistd.h>

#include "authz/base/fd.h"
#include "authz/base/key_file.h"
#include "authz/base/text.h"

namespace gerve {

Result<std::vector<TicketKey>> load_ticket_keys(const Config& config) {
    const std::string own = config.local_ticket_key();
    if (config.authz.ticket_keys.empty() && ::access(own.c_str(), F_OK) != 0) {
        if (auto made = make_key_file(own, TicketKey::make().file_content()); !made) return pass_on(made);
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
