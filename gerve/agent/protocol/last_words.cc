#include "gerve/agent/protocol/last_words.h"

#include <algorithm>

#include "authz/base/text.h"

namespace gerve {

void keep_last_words(std::string& kept, std::string_view more) {
    more = more.substr(more.size() - std::min(more.size(), max_last_words));
    const std::size_t room = max_last_words - more.size();
    if (kept.size() > room) kept.erase(0, kept.size() - room);
    kept += more;
}

std::string last_lines(std::string_view kept) {
    std::string lines;
    for (std::string_view line : split(kept, '\n')) {
        if (line.ends_with('\r')) continue;  // progress
        const std::size_t progress = line.rfind('\r');
        if (progress != std::string_view::npos) line.remove_prefix(progress + 1);
        line = trim(line);
        if (line.empty()) continue;
        lines += (lines.empty() ? "" : "; ");
        lines += line;
    }
    return printable(lines, max_last_words);
}

}  // namespace gerve
