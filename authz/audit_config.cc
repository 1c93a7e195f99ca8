#include "authz/audit_config.h"

#include "authz/base/toml.h"

namespace gerve {

using namespace std::chrono_literals;

AuditConfig read_audit(TomlTable table) {
    AuditConfig audit;
    audit.enabled = table.flag("enabled", audit.enabled);
    audit.file = table.path("file");
    audit.key_file = table.path("key_file");
    audit.gateway = table.text("gateway");
    if (audit.gateway.size() > 255) table.complain("gateway", "is too long: at most 255 bytes");
    audit.sync_events = static_cast<unsigned>(table.number("sync_events", audit.sync_events, 1, 1'000'000));
    audit.sync_interval = table.duration("sync_interval", audit.sync_interval, 10ms, 1h);
    audit.table = table.flag("table", audit.table);
    audit.keep = table.duration("keep", audit.keep, 0s, 24h * 36'500);
    return audit;
}

}  // namespace gerve
