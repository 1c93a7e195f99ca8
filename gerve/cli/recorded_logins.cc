#include "gerve/cli/recorded_logins.h"

#include <nlohmann/json.hpp>

#include "authz/audit/host_key_history.h"
#include "authz/audit/login_history.h"
#include "gerve/cli/site.h"

namespace gerve {

UnixMillis window_begin(const std::optional<UnixMillis>& since) {
    return since ? *since : unix_now() - std::chrono::milliseconds(std::chrono::days(90)).count();
}

AuditJson parse_event(const std::string& body) {
    AuditJson event = AuditJson::parse(body, nullptr, false);
    return event.is_object() ? event : AuditJson::object();
}

std::vector<AuditJson> read_recorded_logins(Site& site, UnixMillis since) {
    std::vector<AuditJson> logins;
    for (const std::string& body : need_backend(read_kinds_of_logins(site.database(), since))) {
        AuditJson login = parse_event(body);
        if (login.contains("key")) logins.push_back(std::move(login));
    }
    return logins;
}

std::string why_logins_unknown(Site& site, UnixMillis since) {
    if (!site.config().audit.table)
        return "the events are not in the database (audit.table), so who logged in is not known";
    if (need_backend(lacks_events(site.database(), since)))
        return "events of that time are missing (they were pruned, or audit.table was off), so who logged in "
               "is not known: choose a later --since";
    return "";
}

}  // namespace gerve
