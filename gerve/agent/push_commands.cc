#include "gerve/agent/push_commands.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "authz/base/text.h"

namespace gerve {
namespace {

constexpr std::size_t length_size = 4;
constexpr std::string_view branches = "refs/heads/";

// The size of a packet with its length; 0 for a flush packet. Nothing: it is no length of a pkt-line.
std::optional<std::size_t> packet_size(std::string_view length) {
    unsigned size = 0;
    const auto [end, error] = std::from_chars(length.data(), length.data() + length.size(), size, 16);
    if (error != std::errc() || end != length.data() + length.size()) return std::nullopt;
    if (size != 0 && size < length_size) return std::nullopt;
    return size;
}

bool is_object_id(std::string_view word) {
    return (word.size() == 40 || word.size() == 64) &&
           word.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

}  // namespace

void PushCommands::take(std::string_view bytes) {
    while (!over_ && !bytes.empty()) {
        // Its length first, then the rest of it.
        std::size_t wanted = length_size;
        if (packet_.size() >= length_size) {
            const auto size = packet_size(std::string_view(packet_).substr(0, length_size));
            over_ = !size || *size == 0;
            if (over_) break;
            if (*size == length_size) {  // an empty packet
                packet_.clear();
                continue;
            }
            wanted = *size;
        }
        const std::string_view piece = bytes.substr(0, wanted - packet_.size());
        packet_ += piece;
        bytes.remove_prefix(piece.size());
        if (packet_ == "0000") over_ = true;
        if (packet_.size() == wanted && wanted > length_size) {
            take_packet(std::string_view(packet_).substr(length_size));
            packet_.clear();
        }
    }
    if (over_) packet_ = {};
}

// OLD NEW REF, and behind a zero byte what the client can do.
void PushCommands::take_packet(std::string_view payload) {
    payload = trim(payload.substr(0, payload.find('\0')));
    const auto words = split(payload, ' ');
    if (words.size() != 3 || !is_object_id(words[0]) || !is_object_id(words[1])) return;
    if (!words[2].starts_with(branches)) return;
    const bool deletes = words[1].find_first_not_of('0') == std::string_view::npos;
    auto& list = deletes ? deleted_ : updated_;
    if (list.size() < max_branches) list.emplace_back(words[2]);
}

}  // namespace gerve
