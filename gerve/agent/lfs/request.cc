#include "gerve/agent/lfs/request.h"

#include <algorithm>
#include <array>

#include "authz/base/display.h"
#include "authz/base/text.h"

namespace gerve::lfs {
namespace {

constexpr std::size_t oid_size = 64;
constexpr std::size_t max_arguments = 32;
constexpr std::size_t max_argument = max_locked_path + 64;  // bytes
constexpr std::size_t max_body_line = 1024;                 // bytes, of a body

bool has_control(std::string_view text) {
    return std::any_of(text.begin(), text.end(),
                       [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

// A path is shown to other people: what a terminal obeys, or what makes it look like another one. `text` is
// UTF-8.
bool misleads(std::string_view text) {
    constexpr std::array<std::pair<char32_t, char32_t>, 6> refused{{
        {0, 0x1f},         // C0 controls
        {0x7f, 0x9f},      // DEL, C1 controls
        {0x61c, 0x61c},    // the direction of text
        {0x200e, 0x200f},  // the same
        {0x2028, 0x202e},  // separators of lines and paragraphs, the direction of text
        {0x2066, 0x2069},  // the direction of text
    }};
    while (!text.empty()) {
        const std::size_t size = std::max<std::size_t>(utf8_size(text), 1);
        char32_t letter = static_cast<unsigned char>(text[0]) & (size == 1 ? 0x7fU : 0xffU >> (size + 1));
        for (const char c : text.substr(1, size - 1))
            letter = letter << 6 | (static_cast<unsigned char>(c) & 0x3fU);
        if (std::any_of(refused.begin(), refused.end(), [letter](const auto& range) {
                return letter >= range.first && letter <= range.second;
            }))
            return true;
        text.remove_prefix(size);
    }
    return false;
}

std::string_view without_feed(std::string_view line) {
    if (line.ends_with('\n')) line.remove_suffix(1);
    return line;
}

tl::unexpected<Error> cut_off() {
    return client_error("the stream ended within a request");
}

void take_command(std::string_view line, Request& request) {
    const auto space = line.find(' ');
    request.command = line.substr(0, space);
    if (space != std::string_view::npos) request.argument = line.substr(space + 1);
}

void take_argument(std::string_view line, Request& request) {
    const auto equals = line.find('=');
    if (equals == 0 || equals == std::string_view::npos || has_control(line)) return;
    request.arguments.emplace_back(line.substr(0, equals), line.substr(equals + 1));
}

}  // namespace

std::optional<Oid> Oid::parse(std::string_view text) {
    if (text.size() != oid_size || text.find_first_not_of("0123456789abcdef") != std::string_view::npos)
        return std::nullopt;
    return Oid(text);
}

std::optional<std::uint64_t> parse_object_size(std::string_view text) {
    const auto size = parse_decimal(text);
    return size && *size <= max_object_size ? size : std::nullopt;
}

std::optional<SizedOid> parse_sized_oid(std::string_view line) {
    const auto words = split(line, ' ');
    if (words.size() < 2) return std::nullopt;
    auto oid = Oid::parse(words[0]);
    const auto size = parse_object_size(words[1]);
    if (!oid || !size) return std::nullopt;
    return SizedOid{std::move(*oid), *size};
}

bool may_be_locked(std::string_view path) {
    if (path.empty() || path.size() > max_locked_path || !is_utf8(path) || misleads(path)) return false;
    const auto parts = split(path, '/');
    return std::none_of(parts.begin(), parts.end(),
                        [](std::string_view part) { return part.empty() || part == "." || part == ".."; });
}

std::optional<std::string_view> Request::value(std::string_view key) const {
    std::optional<std::string_view> found;
    for (const auto& [name, value] : arguments) {
        if (name != key) continue;
        if (found) return std::nullopt;
        found = value;
    }
    return found;
}

Result<std::optional<Request>> read_request(PacketReader& packets) {
    Request request;
    bool begun = false;
    for (std::size_t lines = 0;; ++lines) {
        const auto packet = packets.next();
        if (!packet) return pass_on(packet);
        if (!*packet) return begun ? Result<std::optional<Request>>(cut_off()) : std::nullopt;
        if ((*packet)->kind != Packet::Kind::data) {
            if (!begun) return client_error("a request has no command");
            request.has_body = (*packet)->kind == Packet::Kind::delimiter;
            return request;
        }
        const std::string_view line = without_feed((*packet)->payload);
        if (lines > max_arguments || line.size() > max_argument)
            return client_error("a request has too many arguments");
        begun ? take_argument(line, request) : take_command(line, request);
        begun = true;
    }
}

Result<BodyLines> read_lines(PacketReader& packets, std::size_t most) {
    BodyLines body;
    while (true) {
        const auto packet = packets.next();
        if (!packet) return pass_on(packet);
        if (!*packet) return cut_off();
        if ((*packet)->kind == Packet::Kind::flush) return body;
        const std::string_view line = without_feed((*packet)->payload);
        const bool fits = (*packet)->kind == Packet::Kind::data && line.size() <= max_body_line;
        body.too_many = body.too_many || !fits || body.lines.size() == most;
        if (!body.too_many) body.lines.emplace_back(line);
    }
}

}  // namespace gerve::lfs
