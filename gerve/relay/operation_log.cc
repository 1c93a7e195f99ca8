#include "gerve/relay/operation_log.h"

#include "authz/base/rationed_log.h"

namespace gerve {

void log_for(const SessionReport& report, log::Level level, std::string_view event,
             std::initializer_list<log::Field> fields) {
    if (!report.handle.empty()) return log::write(level, event, fields);
    rationed_log().write(level, event, report.client.address, fields);
}

}  // namespace gerve
