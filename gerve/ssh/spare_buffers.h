// Buffers that grew in one connection serve the next one that has something to keep; idle connections hold
// none.
#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

namespace gerve::ssh {

// Of one thread.
class SpareBuffers {
  public:
    explicit SpareBuffers(std::size_t most) : most_(most) {}

    // Appends, in a spare buffer if `buffer` would have to grow.
    void append(std::string& buffer, std::string_view bytes) {
        if (buffer.capacity() - buffer.size() < bytes.size() && !spares_.empty() &&
            spares_.back().capacity() > buffer.capacity()) {
            spares_.back().assign(buffer);
            std::swap(buffer, spares_.back());
            spares_.pop_back();
        }
        buffer.append(bytes);
    }

    void release(std::string& buffer) {
        buffer.clear();
        if (buffer.capacity() < worth_keeping) return;
        if (spares_.size() < most_ && buffer.capacity() <= largest_kept) spares_.push_back(std::move(buffer));
        buffer = std::string();
    }

  private:
    static constexpr std::size_t worth_keeping = 4096;
    static constexpr std::size_t largest_kept = 1 << 20;

    std::size_t most_;
    std::vector<std::string> spares_;
};

}  // namespace gerve::ssh
