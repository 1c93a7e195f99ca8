// The few large buffers of a thread: a session holds one only while bytes are on their way through it.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "gerve/relay/grv1.h"

namespace gerve {

class BufferPool {
  public:
    static constexpr std::size_t buffer_size = grv1::header_size + grv1::max_payload;

    // One buffer, given back to the pool when it goes. A frame's payload is read behind the room for its
    // header.
    class Buffer {
      public:
        Buffer(Buffer&& other) noexcept : pool_(other.pool_), bytes_(std::move(other.bytes_)) {}
        Buffer& operator=(Buffer&&) = delete;
        Buffer(const Buffer&) = delete;
        Buffer& operator=(const Buffer&) = delete;
        ~Buffer() { pool_->give_back(std::move(bytes_)); }
        [[nodiscard]] char* frame() { return bytes_.get(); }
        [[nodiscard]] char* payload() { return bytes_.get() + grv1::header_size; }

      private:
        friend class BufferPool;
        Buffer(BufferPool& pool, std::unique_ptr<char[]> bytes) : pool_(&pool), bytes_(std::move(bytes)) {}
        BufferPool* pool_;
        std::unique_ptr<char[]> bytes_;
    };

    [[nodiscard]] Buffer take() {
        if (spare_.empty()) return {*this, std::make_unique_for_overwrite<char[]>(buffer_size)};
        auto bytes = std::move(spare_.back());
        spare_.pop_back();
        return {*this, std::move(bytes)};
    }

  private:
    static constexpr std::size_t max_spare = 4;
    void give_back(std::unique_ptr<char[]> bytes) {
        if (bytes && spare_.size() < max_spare) spare_.push_back(std::move(bytes));
    }
    std::vector<std::unique_ptr<char[]>> spare_;
};

}  // namespace gerve
