#include "authz/service/ticket_keys.h"

#include "authz/base/fd.h"
#include "authz/base/key_file.h"
#include "authz/base/presence.h"
#include "authz/base/text.h"

namespace gerve {

Result<std::vector<TicketKey>> load_ticket_keys(const Config& config) {
    const std::string own = config.local_ticket_key();
    const auto there = config.authz.ticket_keys.empty() ? is_there(own) : Result<bool>(true);
    if (!there) return pass_on(there);
    if (!*there) {
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
