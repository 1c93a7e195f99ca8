#include "gerve/agent/protocol/fetch_reader.h"

#include <algorithm>

namespace gerve {

void FetchReader::take_input(std::string_view bytes) {
    if (over_) return;
    over_ = !lines_.take(bytes, [this](PktLines::Kind kind, std::string_view payload) {
        if (kind == PktLines::Kind::data) take_line(payload);
        return true;
    });
}

void FetchReader::take_line(std::string_view line) {
    if (line.starts_with("command=")) {
        wants_ = 0;
    } else if (line.starts_with("want ") || line.starts_with("want-ref ")) {
        most_wants_ = std::max(most_wants_, ++wants_);
    } else if (line.starts_with("have ")) {
        has_objects_ = true;
    } else if (line.starts_with("shallow ")) {
        has_objects_ = true;
        shallow_ = true;
    } else if (line.starts_with("deepen")) {  // deepen-since, deepen-not and deepen-relative too
        shallow_ = true;
    } else if (line.starts_with("filter ")) {
        partial_ = true;
    }
}

FetchFacts FetchReader::facts() const {
    return {most_wants_, most_wants_ > 0 && !has_objects_, shallow_, partial_};
}

}  // namespace gerve
