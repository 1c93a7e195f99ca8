#include "authz/store/mysql/mysql_script.h"

namespace gerve {
namespace {

std::string_view trimmed(std::string_view text) {
    constexpr std::string_view blank = " \t\r\n";
    const auto first = text.find_first_not_of(blank);
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(blank) - first + 1);
}

// A line without the comment behind it.
std::string_view code_of(std::string_view line) {
    if (trimmed(line).starts_with("--")) return {};
    return trimmed(line.substr(0, line.find(" -- ")));
}

}  // namespace

std::vector<std::string_view> split_script(std::string_view sql) {
    std::vector<std::string_view> statements;
    std::size_t begin = 0;
    bool any_code = false;
    for (std::size_t at = 0; at < sql.size();) {
        const auto newline = sql.find('\n', at);
        const std::size_t end = newline == std::string_view::npos ? sql.size() : newline + 1;
        const std::string_view code = code_of(sql.substr(at, end - at));
        any_code = any_code || !code.empty();
        const bool complete = code.ends_with(';') || (end == sql.size() && any_code);
        if (complete) {
            statements.push_back(trimmed(sql.substr(begin, end - begin)));
            begin = end;
            any_code = false;
        }
        at = end;
    }
    return statements;
}

}  // namespace gerve
