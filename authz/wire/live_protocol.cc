#include "authz/wire/live_protocol.h"

#include "authz/model/messages.h"

namespace gerve {

OperationEnd end_of(LiveEnd why) {
    switch (why) {
        case LiveEnd::killed: return OperationEnd::killed;
        case LiveEnd::withdrawn: return OperationEnd::withdrawn;
        case LiveEnd::stopped: break;
    }
    return OperationEnd::stopped;
}

std::string_view live_end_name(LiveEnd why) {
    return operation_end_name(end_of(why));
}

std::string live_end_text(LiveEnd why) {
    switch (why) {
        case LiveEnd::killed: return messages::killed();
        case LiveEnd::withdrawn: return messages::withdrawn();
        case LiveEnd::stopped: return messages::stopped();
    }
    return "";
}

// What authz orders.
std::optional<LiveEnd> parse_word(std::string_view word, const LiveEnd* /*type*/) {
    for (const LiveEnd why : {LiveEnd::killed, LiveEnd::withdrawn}) {
        if (live_end_name(why) == word) return why;
    }
    return std::nullopt;
}

}  // namespace gerve
