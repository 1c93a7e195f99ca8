#include "authz/base/units.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <ctime>

#include "authz/base/text.h"

namespace gerve {
namespace {

using std::chrono::milliseconds;

struct DurationUnit {
    std::string_view name;
    milliseconds length;
};
constexpr DurationUnit duration_units[] = {{"d", milliseconds{86'400'000}},
                                           {"h", milliseconds{3'600'000}},
                                           {"m", milliseconds{60'000}},
                                           {"s", milliseconds{1000}},
                                           {"ms", milliseconds{1}}};

std::string formatted(UnixMillis time, const char* format) {
    const auto seconds = static_cast<std::time_t>(time / 1000);
    std::tm parts{};
    ::gmtime_r(&seconds, &parts);
    std::array<char, 64> text{};
    const auto size = std::strftime(text.data(), text.size(), format, &parts);
    return {text.data(), size};
}

}  // namespace

std::string time_text(UnixMillis time) {
    return formatted(time, "%Y-%m-%dT%H:%M:%SZ");
}

std::string file_stamp(UnixMillis time) {
    return formatted(time, "%Y%m%dT%H%M%SZ");
}

std::string setting_text(milliseconds duration) {
    for (const DurationUnit& unit : duration_units) {
        if (duration >= unit.length && duration % unit.length == milliseconds::zero()) {
            return std::to_string(duration / unit.length) + std::string(unit.name);
        }
    }
    return std::to_string(duration.count()) + "ms";
}

std::optional<milliseconds> parse_setting(std::string_view text) {
    const auto digits = text.find_first_not_of("0123456789");
    if (digits == std::string_view::npos) return std::nullopt;
    const auto count = parse_decimal(text.substr(0, digits));
    for (const DurationUnit& unit : duration_units) {
        // Ten digits of anything stay far below overflow and above any sensible limit.
        if (count && *count < 10'000'000'000 && text.substr(digits) == unit.name) {
            return static_cast<std::int64_t>(*count) * unit.length;
        }
    }
    return std::nullopt;
}

std::string age_text(milliseconds age) {
    const std::int64_t seconds = std::max<std::int64_t>(age.count(), 0) / 1000;
    const auto two = [](std::int64_t large, const char* unit, std::int64_t small, const char* smaller) {
        return std::to_string(large) + unit + std::to_string(small) + smaller;
    };
    if (seconds < 60) return std::to_string(seconds) + "s";
    if (seconds < 3600) return two(seconds / 60, "m", seconds % 60, "s");
    if (seconds < 48 * 3600) return two(seconds / 3600, "h", seconds / 60 % 60, "m");
    return two(seconds / 86400, "d", seconds / 3600 % 24, "h");
}

std::string duration_in_words(milliseconds duration) {
    const auto seconds = (duration.count() + 999) / 1000;
    return seconds % 60 == 0 ? std::to_string(seconds / 60) + " min" : std::to_string(seconds) + " s";
}

std::string size_text(std::uint64_t bytes) {
    constexpr std::uint64_t step = 1024;
    if (bytes < step) return std::to_string(bytes) + " B";
    const char* unit = "KMGTPE";
    std::uint64_t one = step;
    for (; bytes / one >= step; one *= step) ++unit;
    char text[32];
    std::snprintf(text, sizeof text, "%.1f %ciB", static_cast<double>(bytes) / static_cast<double>(one),
                  *unit);
    return text;
}

std::optional<std::uint64_t> parse_size(std::string_view text) {
    unsigned bits = 0;
    for (const std::string_view unit : {"KiB", "MiB", "GiB", "TiB"}) {
        bits += 10;
        if (!text.ends_with(unit)) continue;
        const auto count = parse_decimal(text.substr(0, text.size() - unit.size()));
        if (!count || *count > (std::uint64_t{1} << 22)) return std::nullopt;
        return *count << bits;
    }
    return std::nullopt;
}

}  // namespace gerve
