#include "gerve/worker/logged_in.h"

#include "authz/base/rationed_log.h"
#include "authz/wire/session_log.h"
#include "gerve/relay/git_operation.h"

namespace gerve {

void log_session(const LoggedIn& login, const SessionReport& report) {
    std::vector<log::Field> fields{{"request", report.request.text()},
                                   {"addr", report.client.address},
                                   {"client", report.client.version},
                                   {"who", login.found ? name_of(login.found->key.holder) : "?"},
                                   {"key", login.key.fingerprint().text()}};
    add_operation(fields, report);
    if (login.found) return log::write(log::Level::info, "session", fields);
    rationed_log().write(log::Level::info, "session", report.client.address, fields);
}

}  // namespace gerve
