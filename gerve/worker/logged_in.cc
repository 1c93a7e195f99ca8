#include "gerve/worker/logged_in.h"

#include "authz/base/rationed_log.h"
#include "gerve/relay/git_session.h"

namespace gerve {

void log_session(const LoggedIn& login, const SessionReport& report) {
    const auto write = [&](std::initializer_list<log::Field> fields) {
        if (login.found) return log::info("session", fields);
        rationed_log().write(log::Level::info, "session", report.client.address, fields);
    };
    write({{"request", report.request.text()},
           {"addr", report.client.address},
           {"client", report.client.version},
           {"who", login.found ? name_of(login.found->key.holder) : "?"},
           {"key", login.key.fingerprint().text()},
           {"service", report.service},
           {"repo", report.repo},
           {"server", report.server},
           {"in", report.bytes_in},
           {"out", report.bytes_out},
           {"ms", report.duration_ms},
           {"exit", report.exit},
           {"ended", operation_end_name(report.ended)}});
}

}  // namespace gerve
