// Lines of the log about one operation: where nobody has logged in, within the ration of the client's
// address.
#pragma once

#include "authz/base/log.h"
#include "authz/wire/reports.h"

namespace gerve {

void log_for(const SessionReport& report, log::Level level, std::string_view event,
             std::initializer_list<log::Field> fields);

}  // namespace gerve
