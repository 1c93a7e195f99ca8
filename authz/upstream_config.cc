#include "authz/upstream_config.h"

#include "authz/base/toml.h"

namespace gerve {

using namespace std::chrono_literals;

UpstreamConfig read_upstream(TomlTable table) {
    UpstreamConfig upstream;
    upstream.connect_timeout = table.duration("connect_timeout", upstream.connect_timeout, 100ms, 5min);
    upstream.answer_timeout = table.duration("answer_timeout", upstream.answer_timeout, 1s, 10min);
    upstream.peer_timeout = table.duration("peer_timeout", upstream.peer_timeout, 5s, 24h);
    TomlTable idle = table.table("idle_timeout");
    TomlTable most = table.table("max_duration");
    for (std::size_t i = 0; i < service_rows.size(); ++i) {
        OperationDeadlines& deadlines = upstream.of_services[i];
        deadlines.idle = idle.duration(service_rows[i].setting, 2h, 0s, 720h);
        deadlines.duration = most.duration(service_rows[i].setting, deadlines.duration, 0s, 720h);
    }
    return upstream;
}

}  // namespace gerve
