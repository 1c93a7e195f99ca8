#include "gerve/server/login.h"

#include "authz/base/log.h"
#include "gerve/relay/git_session.h"

namespace gerve {

void log_session(const LoggedIn& login, const SessionReport& report) {
    log::info("session", {{"request", report.request.text()},
                          {"addr", report.client.address},
                          {"client", report.client.version},
                          {"who", login.found ? name_of(login.found->key) : "?"},
                          {"key", login.key.fingerprint().text()},
                          {"service", report.service},
                          {"repo", report.repo},
                          {"server", report.server},
                          {"in", report.bytes_in},
                          {"out", report.bytes_out},
                          {"ms", report.duration_ms},
                          {"exit", report.exit},
                          {"ended", report.ended}});
}

}  // namespace gerve
