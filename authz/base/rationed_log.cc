#include "authz/base/rationed_log.h"

namespace gerve {

void RationedLog::write(log::Level level, std::string_view event, const std::string& source,
                        std::initializer_list<log::Field> fields) {
    if (log::wants(level) && ration_.take(source, event)) log::write(level, event, fields);
}

void RationedLog::close(const std::vector<LeftOut>& left_out) {
    for (const LeftOut& one : left_out) {
        log::warn("lines left out", {{"source", one.source},
                                     {"sources", one.sources},
                                     {"count", one.count()},
                                     {"lines", one.text()},
                                     {"seconds", one.seconds}});
    }
}

}  // namespace gerve
