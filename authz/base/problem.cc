#include "authz/base/problem.h"

namespace gerve {
namespace {

constexpr std::size_t longest_source = 160;  // characters; a longer line would wrap and lose its caret

// One column per character, nothing that a terminal would obey. Tabs stay, so that the caret can copy them.
std::string displayable(const std::string& line) {
    std::string out;
    for (const char c : line) {
        const auto byte = static_cast<unsigned char>(c);
        if ((byte & 0xc0) == 0x80) continue;  // inside a UTF-8 sequence
        out += c == '\t' || (byte >= 0x20 && byte < 0x7f) ? c : '?';
    }
    return out;
}

std::string padding_to(const std::string& shown, std::size_t column) {
    std::string out;
    for (std::size_t i = 0; i + 1 < column; ++i) out += i < shown.size() && shown[i] == '\t' ? '\t' : ' ';
    return out;
}

}  // namespace

std::string ConfigProblem::format() const {
    std::string out = file;
    if (line != 0) out += ":" + std::to_string(line) + ":" + std::to_string(column);
    if (!out.empty()) out += ": ";
    out += text;
    const std::string shown = displayable(source);
    if (line == 0 || shown.empty() || shown.size() > longest_source) return out;
    return out + "\n    " + shown + "\n    " + padding_to(shown, column) + "^";
}

}  // namespace gerve
