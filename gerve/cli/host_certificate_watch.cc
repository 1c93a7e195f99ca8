#include "gerve/cli/host_certificate_watch.h"

#include <chrono>

#include "authz/base/log.h"

namespace gerve {
namespace {

constexpr UnixMillis said_every = std::chrono::milliseconds(std::chrono::hours(24)).count();

}  // namespace

void HostCertificateWatch::take(const HostCertificates& loaded, UnixMillis now) {
    for (const std::string& problem : loaded.problems)
        log::error("a host certificate is left out: clients get the plain host keys", {{"why", problem}});
    watched_.clear();
    for (const HostCertificate& one : loaded.usable) {
        if (!is_replaced(one, loaded.usable)) watched_.push_back({one});
    }
    look(now);
}

void HostCertificateWatch::look(UnixMillis now) {
    for (Watched& one : watched_) {
        const HostCertificateState state = state_of(one.certificate.certificate, now);
        if (state == one.said && (state == HostCertificateState::valid || now - one.said_at < said_every))
            continue;
        one.said = state;
        one.said_at = now;
        const std::string advice = advice_on(one.certificate, now);
        if (state == HostCertificateState::ended)
            log::error("a host certificate has expired", {{"why", advice}});
        else if (state == HostCertificateState::ends_soon)
            log::warn("a host certificate expires soon", {{"why", advice}});
        else if (state == HostCertificateState::early)
            log::info("a host certificate is not valid yet", {{"why", advice}});
    }
}

}  // namespace gerve
