#include "authz/base/rationed_log.h"

namespace gerve {

void RationedLog::write(log::Level level, std::string_view event, const std::string& source,
                        std::span<const log::Field> fields) {
    if (log::wants(level) && ration_.take(source, event)) log::write(level, event, fields);
}

void RationedLog::close(const std::vector<LeftOut>& left_out) {
    for (const LeftOut& one : left_out) {
        log::warn("lines suppressed", {{"source", one.source},
                                       {"sources", one.sources},
                                       {"count", one.count()},
                                       {"lines", one.text()},
                                       {"seconds", one.seconds}});
    }
}

// Its destructor writes, so what it writes to is made before it: statics go in the opposite order.
RationedLog& rationed_log() {
    static_cast<void>(log::wants(log::Level::error));
    static RationedLog log(
        {.burst = 20, .per_minute = 20, .burst_of_subnet = 10, .per_minute_of_subnet = 10, .alike = 20});
    return log;
}

}  // namespace gerve
