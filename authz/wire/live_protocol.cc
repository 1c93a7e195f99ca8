#include "authz/wire/live_protocol.h"

#include "authz/model/messages.h"

namespace gerve {

std::string_view live_end_name(LiveEnd why) {
    switch (why) {
        case LiveEnd::killed: return "killed";
        case LiveEnd::withdrawn: return "withdrawn";
        case LiveEnd::stopped: return "stopped";
    }
    return "";
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
