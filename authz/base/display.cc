#include "authz/base/display.h"

#include <algorithm>
#include <array>
#include <cstdint>

namespace gerve {
namespace {

unsigned char byte_at(std::string_view text, std::size_t at) {
    return static_cast<unsigned char>(text[at]);
}

// What a second byte must lie between, behind a given first one: no overlong forms, no surrogates, no more
// than U+10FFFF.
bool is_second(unsigned char first, unsigned char second) {
    const unsigned char least = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
    const unsigned char most = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
    return second >= least && second <= most;
}

std::size_t size_by_first(unsigned char first) {
    if (first < 0x80) return 1;
    if (first < 0xc2 || first > 0xf4) return 0;
    if (first < 0xe0) return 2;
    return first < 0xf0 ? 3 : 4;
}

char32_t code_point(std::string_view sequence) {
    if (sequence.size() == 1) return byte_at(sequence, 0);
    char32_t value = byte_at(sequence, 0) & (0x7fU >> sequence.size());
    for (std::size_t i = 1; i < sequence.size(); ++i) value = value << 6 | (byte_at(sequence, i) & 0x3fU);
    return value;
}

struct Range {
    char32_t first;
    char32_t last;
};
// Categories Cc, Cf, Zl, Zp, Co and Default_Ignorable_Code_Point of Unicode 15, in order. (Combining marks
// are not among them: file systems of macOS write ë as e and U+0308.)
constexpr std::array hidden{
    Range{0x00, 0x1f},       Range{0x7f, 0x9f},       Range{0xad, 0xad},       Range{0x34f, 0x34f},
    Range{0x600, 0x605},     Range{0x61c, 0x61c},     Range{0x6dd, 0x6dd},     Range{0x70f, 0x70f},
    Range{0x890, 0x891},     Range{0x8e2, 0x8e2},     Range{0x115f, 0x1160},   Range{0x17b4, 0x17b5},
    Range{0x180b, 0x180f},   Range{0x200b, 0x200f},   Range{0x2028, 0x202e},   Range{0x2060, 0x206f},
    Range{0x3164, 0x3164},   Range{0xd800, 0xf8ff},   Range{0xfdd0, 0xfdef},   Range{0xfe00, 0xfe0f},
    Range{0xfeff, 0xfeff},   Range{0xffa0, 0xffa0},   Range{0xfff0, 0xfffb},   Range{0x110bd, 0x110bd},
    Range{0x110cd, 0x110cd}, Range{0x13430, 0x1343f}, Range{0x1bca0, 0x1bca3}, Range{0x1d173, 0x1d17a},
    Range{0xe0000, 0xe0fff}, Range{0xf0000, 0x10ffff}};

bool is_visible(char32_t point) {
    if ((point & 0xfffe) == 0xfffe) return false;  // noncharacters of every plane
    const auto* range = std::lower_bound(hidden.begin(), hidden.end(), point,
                                         [](const Range& one, char32_t value) { return one.last < value; });
    return range == hidden.end() || point < range->first;
}

// The size of what `text` begins with if that can be shown; 0: it cannot.
std::size_t visible_size(std::string_view text, Letters letters) {
    const std::size_t size = utf8_size(text);
    if (size == 0 || (size > 1 && letters == Letters::ascii)) return 0;
    return is_visible(code_point(text.substr(0, size))) ? size : 0;
}

constexpr std::string_view hex_digits = "0123456789abcdef";

std::string escaped_byte(char c) {
    const auto byte = static_cast<unsigned char>(c);
    return {'\\', 'x', hex_digits[byte >> 4], hex_digits[byte & 15]};
}

std::string escaped_unit(char32_t unit) {
    std::string text = "\\u";
    for (int shift = 12; shift >= 0; shift -= 4) text += hex_digits[unit >> shift & 15];
    return text;
}

// What can be shown is copied; the rest goes through `escape`, which is given all that is left and takes
// some.
template <class Escape>
std::string shown_by(std::string_view text, Letters letters, const Escape& escape) {
    std::string out;
    out.reserve(text.size());
    while (!text.empty()) {
        std::size_t size = visible_size(text, letters);
        if (size > 0)
            out += text.substr(0, size);
        else
            size = escape(out, text);
        text.remove_prefix(size);
    }
    return out;
}

std::size_t escape_sequence(std::string& out, std::string_view text) {
    const std::size_t size = std::max<std::size_t>(utf8_size(text), 1);
    for (const char c : text.substr(0, size)) out += escaped_byte(c);
    return size;
}

}  // namespace

std::size_t utf8_size(std::string_view text) {
    if (text.empty()) return 0;
    const unsigned char first = byte_at(text, 0);
    const std::size_t size = size_by_first(first);
    if (size <= 1) return size;
    if (size > text.size() || !is_second(first, byte_at(text, 1))) return 0;
    for (std::size_t i = 2; i < size; ++i) {
        if ((byte_at(text, i) & 0xc0) != 0x80) return 0;
    }
    return size;
}

bool is_utf8(std::string_view text) {
    while (!text.empty()) {
        const std::size_t size = utf8_size(text);
        if (size == 0) return false;
        text.remove_prefix(size);
    }
    return true;
}

std::string_view utf8_prefix(std::string_view text, std::size_t limit) {
    if (text.size() <= limit) return text;
    while (limit > 0 && (byte_at(text, limit) & 0xc0) == 0x80) --limit;
    return text.substr(0, limit);
}

bool is_displayable(std::string_view text, Letters letters) {
    while (!text.empty()) {
        const std::size_t size = visible_size(text, letters);
        if (size == 0) return false;
        text.remove_prefix(size);
    }
    return true;
}

std::string displayed(std::string_view text, Letters letters) {
    return shown_by(text, letters, escape_sequence);
}

std::string displayed_lines(std::string_view text, Letters letters) {
    return shown_by(text, letters, [](std::string& out, std::string_view rest) -> std::size_t {
        if (rest.front() != '\n') return escape_sequence(out, rest);
        out += '\n';
        return 1;
    });
}

std::string displayed_json(std::string_view json) {
    return shown_by(json, Letters::utf8, [](std::string& out, std::string_view rest) -> std::size_t {
        const std::size_t size = utf8_size(rest);
        if (size <= 1 && rest.front() != '\x7f') {  // blanks between its members, or no UTF-8: none of ours
            out += size == 1 ? rest.substr(0, 1) : "\\ufffd";
            return 1;
        }
        const char32_t point = code_point(rest.substr(0, size));
        if (point < 0x10000) {
            out += escaped_unit(point);
        } else {
            out += escaped_unit(0xd7c0 + (point >> 10)) + escaped_unit(0xdc00 + (point & 0x3ff));
        }
        return size;
    });
}

}  // namespace gerve
