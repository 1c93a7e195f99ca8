#include "authz/audit/settings.h"

#include <unistd.h>

#include <array>

namespace gerve {

TrailSettings audit_trail_of(const Config& config) {
    TrailSettings settings{config.audit_file(), config.audit_key_file(), config.audit.gateway};
    if (settings.gateway.empty()) {
        std::array<char, 256> name{};
        if (::gethostname(name.data(), name.size() - 1) == 0) settings.gateway = name.data();
    }
    return settings;
}

}  // namespace gerve
