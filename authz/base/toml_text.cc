#include "authz/base/toml_text.h"

#include <algorithm>

#include "authz/base/text.h"

namespace gerve {

std::string toml_quoted(std::string_view text) {
    return '"' + printable(text, 80) + '"';
}

bool has_control_character(std::string_view text, Lines allowed) {
    if (allowed == Lines::any) return false;
    return std::any_of(text.begin(), text.end(), [allowed](unsigned char c) {
        return c == 0x7f || (c < 0x20 && (allowed == Lines::one || (c != '\n' && c != '\t')));
    });
}

std::vector<std::string> split_lines(const std::string& text) {
    std::vector<std::string> lines;
    for (std::string_view line : split(text, '\n')) {
        if (line.ends_with('\r')) line.remove_suffix(1);
        lines.emplace_back(line);
    }
    return lines;
}

std::string list_of(std::span<const std::string_view> choices) {
    std::string out;
    std::size_t left = choices.size();
    for (const std::string_view choice : choices) {
        out += '"' + std::string(choice) + '"';
        if (--left > 0) out += left == 1 ? " or " : ", ";
    }
    return out;
}

}  // namespace gerve
