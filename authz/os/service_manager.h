// What a service manager hears from the process that it started: the protocol of sd_notify(3).
#pragma once

#include <string_view>

namespace gerve {

// Sends lines of `NAME=value`, such as "READY=1", to the socket named by $NOTIFY_SOCKET; does nothing without
// one. That nobody listens is no error.
void notify_service_manager(std::string_view state);

}  // namespace gerve
