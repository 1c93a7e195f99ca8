// How long a gateway waits for file servers, and lets the operations it carries last; [upstream] of
// gerve.toml(5).
#pragma once

#include <array>
#include <chrono>

#include "authz/model/service.h"

namespace gerve {

class TomlTable;

// Of one git service; 0 means no limit.
struct OperationDeadlines {
    // No byte either way. [upstream] has two hours unless it says otherwise: a client that resolves deltas,
    // or looks for what to push, is silent for long; one that never reads again would keep its place for
    // ever.
    std::chrono::milliseconds idle{0};
    std::chrono::milliseconds duration{86'400'000};  // from its beginning
};

struct UpstreamConfig {
    std::chrono::milliseconds connect_timeout{5'000};  // to one endpoint, the lookup of its name included
    // From OPEN to its answer: longer than an agent lets an operation wait for its turn.
    std::chrono::milliseconds answer_timeout{30'000};
    // A file server that takes no byte for this long, or does not answer keepalives, is lost.
    std::chrono::milliseconds peer_timeout{120'000};
    // Of each of service_rows. The idle time of one that writes counts only until the client has sent
    // everything: hooks may take long.
    std::array<OperationDeadlines, service_rows.size()> of_services;

    // Of `admin`, which no client asks for, those of the first service.
    [[nodiscard]] const OperationDeadlines& deadlines(Service service) const {
        const ServiceRow* row = find_row(service);
        return of_services[row == nullptr ? 0 : static_cast<std::size_t>(row - service_rows.data())];
    }
};

[[nodiscard]] UpstreamConfig read_upstream(TomlTable table);

}  // namespace gerve
