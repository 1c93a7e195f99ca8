// AuditConfig: the table [audit] of gerve.toml.
#pragma once

#include <chrono>
#include <string>

namespace gerve {

class TomlTable;

struct AuditConfig {
    bool enabled = true;
    std::string file;             // empty: audit.jsonl in the state directory
    std::string key_file;         // empty: audit.key in the state directory; made unless it is there
    std::string gateway;          // what events call this machine; empty: its host name
    unsigned sync_events = 1000;  // the file goes to the disk after so many events, or …
    std::chrono::milliseconds sync_interval{1'000};  // … after this time
    bool table = true;                               // events go into audit_events as well
    std::chrono::milliseconds keep{0};  // how long `gerve audit prune` keeps them there; 0: it must be told
};

[[nodiscard]] AuditConfig read_audit(TomlTable table);

}  // namespace gerve
