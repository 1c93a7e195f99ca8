#include "gerve/cli/output.h"

#include <locale.h>
#include <wchar.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <nlohmann/json.hpp>

#include "authz/base/text.h"

namespace gerve {
namespace {

constexpr UnixMillis day = 86'400'000;

std::string line_of(const std::vector<std::string>& cells, const std::vector<std::size_t>& widths) {
    std::string line;
    for (std::size_t i = 0; i < cells.size(); ++i) {
        line += cells[i];
        if (i + 1 < cells.size()) line.append(widths[i] - columns_of(cells[i]) + 2, ' ');
    }
    return line;
}

// Digits at fixed places; strptime would take more than is written.
std::optional<int> number_at(std::string_view text, std::size_t at, std::size_t count) {
    const auto value = parse_decimal(text.substr(at, count));
    return value ? std::optional(static_cast<int>(*value)) : std::nullopt;
}

std::optional<UnixMillis> parse_calendar(std::string_view text) {
    const bool with_time = text.size() == 20;
    if (!with_time && text.size() != 10) return std::nullopt;
    if (text[4] != '-' || text[7] != '-') return std::nullopt;
    if (with_time && (text[10] != 'T' || text[13] != ':' || text[16] != ':' || text[19] != 'Z'))
        return std::nullopt;
    const auto year = number_at(text, 0, 4);
    const auto month = number_at(text, 5, 2);
    const auto mday = number_at(text, 8, 2);
    const auto hour = with_time ? number_at(text, 11, 2) : 0;
    const auto minute = with_time ? number_at(text, 14, 2) : 0;
    const auto second = with_time ? number_at(text, 17, 2) : 0;
    if (!year || !month || !mday || !hour || !minute || !second) return std::nullopt;
    std::tm parts{};
    parts.tm_year = *year - 1900;
    parts.tm_mon = *month - 1;
    parts.tm_mday = *mday;
    parts.tm_hour = *hour;
    parts.tm_min = *minute;
    parts.tm_sec = *second;
    const UnixMillis time = UnixMillis{::timegm(&parts)} * 1000;
    // timegm takes the 31st of February for the 3rd of March.
    const std::string again = time_text(time);
    return again.substr(0, text.size()) == text ? std::optional(time) : std::nullopt;
}

}  // namespace

Letters terminal_letters() {
    for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
        const char* value = std::getenv(name);
        if (value == nullptr || *value == '\0') continue;
        // "de_DE.UTF-8", "C.utf8@…": what the locale says, whether or not this machine has it.
        const std::string locale = fold_case(value);
        const std::string charset = locale.substr(std::min(locale.find('.'), locale.size()));
        return charset.starts_with(".utf-8") || charset.starts_with(".utf8") ? Letters::utf8 : Letters::ascii;
    }
    return Letters::ascii;
}

std::string shown(std::string_view text) {
    const Letters letters = terminal_letters();
    if (is_displayable(text, letters) && !text.starts_with('"')) return std::string(text);
    std::string quoted = "\"";
    for (; !text.empty(); text.remove_prefix(1)) {
        const auto end = std::min(text.find_first_of("\"\\"), text.size());
        quoted += displayed(text.substr(0, end), letters);
        text.remove_prefix(end);
        if (text.empty()) break;
        quoted += printable(text.substr(0, 1));
    }
    return quoted + '"';
}

std::string one_line(std::string_view text) {
    return displayed(text, terminal_letters());
}

void complain(std::string_view text) {
    std::string words(text);
    if (terminal_letters() == Letters::ascii) {
        constexpr std::string_view ellipsis = "\u2026";  // of our own texts
        for (auto at = words.find(ellipsis); at != std::string::npos; at = words.find(ellipsis, at))
            words.replace(at, ellipsis.size(), "...");
    }
    std::fprintf(stderr, "gerve: %s\n", displayed_lines(words, terminal_letters()).c_str());
}

int there_already(std::string_view what) {
    complain(std::string(what) + ": nothing was changed");
    return 0;
}

std::size_t columns_of(std::string_view text) {
    // Of every system with glibc, whatever its own locale is; without it all letters count as narrow.
    static const locale_t unicode = ::newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
    const locale_t before = unicode == nullptr ? nullptr : ::uselocale(unicode);
    std::size_t columns = 0;
    while (!text.empty()) {
        const std::size_t size = std::max<std::size_t>(utf8_size(text), 1);
        wchar_t letter = 0;
        const bool known = unicode != nullptr && size > 1 && std::mbtowc(&letter, text.data(), size) > 0;
        columns += known ? static_cast<std::size_t>(std::max(::wcwidth(letter), 0)) : 1;
        text.remove_prefix(size);
    }
    if (before != nullptr) ::uselocale(before);
    return columns;
}

void Table::print(std::string_view none) const {
    if (rows_.empty()) {
        std::printf("%s\n", std::string(none).c_str());
        return;
    }
    std::vector<std::size_t> widths;
    for (const std::string& heading : headings_) widths.push_back(columns_of(heading));
    for (const auto& row : rows_) {
        for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], columns_of(row[i]));
    }
    std::printf("%s\n", line_of(headings_, widths).c_str());
    for (const auto& row : rows_) std::printf("%s\n", line_of(row, widths).c_str());
}

void print_json(const Json& value) {
    const std::string text = value.dump(2, ' ', false, Json::error_handler_t::replace);
    std::printf("%s\n", displayed_json(text).c_str());
}

std::string time_or(const std::optional<UnixMillis>& time, std::string_view none) {
    return time ? time_text(*time) : std::string(none);
}

Json json_time(const std::optional<UnixMillis>& time) {
    if (!time) return nullptr;
    return time_text(*time);
}

Result<UnixMillis> parse_time(std::string_view text, UnixMillis now) {
    if (const auto time = parse_calendar(text)) return *time;
    if (text.ends_with('d')) {
        const auto days = parse_decimal(text.substr(0, text.size() - 1));
        if (days && *days > 0 && *days < 100'000) return now + static_cast<UnixMillis>(*days) * day;
    }
    return client_error("'" + printable(text, 40) +
                        "' is not a time: write 2027-01-31, 2027-01-31T12:00:00Z or 90d (days from now)");
}

}  // namespace gerve
