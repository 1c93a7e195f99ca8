// Finds the end of a reference advertisement: the first flush-pkt of a pkt-line stream, however it is cut.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <string_view>

namespace gerve::bench {

/// Fed a git pkt-line stream (gitprotocol-common, "pkt-line Format") in pieces of any size; keeps no payload.
class PktScanner {
  public:
    /// True once a flush-pkt (0000) has been seen; bytes after it are ignored.
    bool feed(std::string_view bytes) {
        for (const char byte : bytes) {
            if (ended_) break;
            take(byte);
        }
        return ended_;
    }

    /// The stream was not a pkt-line stream: a length that is no hexadecimal number or is impossible.
    bool broken() const { return broken_; }

  private:
    void take(char byte) {
        if (payload_left_ > 0) {
            --payload_left_;
            return;
        }
        prefix_[have_++] = byte;
        if (have_ < 4) return;
        have_ = 0;
        open_packet();
    }

    void open_packet() {
        char* end = nullptr;
        const unsigned long length = std::strtoul(prefix_, &end, 16);
        if (end != prefix_ + 4 || (length > 0 && length < 4)) broken_ = true;
        if (length == 0 || broken_) ended_ = true;
        if (!ended_) payload_left_ = length - 4;
    }

    char prefix_[5] = {};
    std::size_t have_ = 0;
    std::size_t payload_left_ = 0;
    bool ended_ = false;
    bool broken_ = false;
};

}  // namespace gerve::bench
