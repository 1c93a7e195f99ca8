// Cuts a byte stream into pkt-lines (gitprotocol-common(5)), whatever the pieces it comes in.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include "gerve/relay/pkt_length.h"

namespace gerve {

class PktLines {
  public:
    enum class Kind { data, flush, delimiter, response_end };

    // `most`: of a longer packet only so many bytes of the payload are shown.
    explicit PktLines(std::size_t most) : most_(most) {}
    void show(std::size_t most) { most_ = most; }

    // Calls on_packet(kind, payload) for each packet, until that returns false. False: it did, or what comes
    // is no pkt-line; nothing may be taken then. The payload is valid during the call.
    template <class OnPacket>
    [[nodiscard]] bool take(std::string_view bytes, OnPacket&& on_packet) {
        while (!bytes.empty()) {
            if (have_ < length_size) {
                take_length(bytes);
                if (have_ < length_size) break;
                const auto size = parse_pkt_length({length_, length_size});
                if (!size) return false;
                if (*size > length_size) {
                    left_ = *size - length_size;
                    continue;
                }
                have_ = 0;
                if (!on_packet(*size == length_size ? Kind::data : kind_of(*size), std::string_view()))
                    return false;
                continue;
            }
            const std::string_view piece = bytes.substr(0, left_);
            bytes.remove_prefix(piece.size());
            left_ -= piece.size();
            if (left_ > 0 || !kept_.empty())
                kept_.append(piece.substr(0, most_ - std::min(most_, kept_.size())));
            if (left_ > 0) break;
            have_ = 0;
            const std::string whole = std::exchange(kept_, {});
            if (!on_packet(Kind::data, whole.empty() ? piece.substr(0, most_) : std::string_view(whole)))
                return false;
        }
        return true;
    }

  private:
    static constexpr std::size_t length_size = pkt_length_size;

    void take_length(std::string_view& bytes) {
        const std::size_t taken = std::min(length_size - have_, bytes.size());
        std::copy_n(bytes.data(), taken, length_ + have_);
        have_ += taken;
        bytes.remove_prefix(taken);
    }
    static Kind kind_of(std::size_t size) {
        return size == 0 ? Kind::flush : size == 1 ? Kind::delimiter : Kind::response_end;
    }

    std::size_t most_;
    char length_[length_size]{};
    std::size_t have_ = 0;  // bytes of the length; length_size: inside of a packet
    std::size_t left_ = 0;  // bytes of the packet still to come
    std::string kept_;      // of a packet that came in pieces
};

}  // namespace gerve
