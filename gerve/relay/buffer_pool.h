// Large buffers of an event loop: a session holds one only while bytes are on their way through it.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <utility>
#include <vector>

namespace gerve {

class BufferPool {
  public:
    // Buffers of `size` bytes; at most `max_spare` that nobody has are kept for the next.
    BufferPool(std::size_t size, std::size_t max_spare) : size_(size), max_spare_(max_spare) {}

    // One buffer, given back to the pool when it goes. Must not outlive the pool.
    class Buffer {
      public:
        Buffer(Buffer&& other) noexcept : pool_(other.pool_), bytes_(std::move(other.bytes_)) {}
        Buffer& operator=(Buffer&&) = delete;
        Buffer(const Buffer&) = delete;
        Buffer& operator=(const Buffer&) = delete;
        ~Buffer() { pool_->give_back(std::move(bytes_)); }
        [[nodiscard]] std::span<char> bytes() { return {bytes_.get(), pool_->size_}; }

      private:
        friend class BufferPool;
        Buffer(BufferPool& pool, std::unique_ptr<char[]> bytes) : pool_(&pool), bytes_(std::move(bytes)) {}
        BufferPool* pool_;
        std::unique_ptr<char[]> bytes_;
    };

    [[nodiscard]] Buffer take() {
        if (spare_.empty()) return {*this, std::make_unique_for_overwrite<char[]>(size_)};
        auto bytes = std::move(spare_.back());
        spare_.pop_back();
        return {*this, std::move(bytes)};
    }

  private:
    void give_back(std::unique_ptr<char[]> bytes) {
        if (bytes && spare_.size() < max_spare_) spare_.push_back(std::move(bytes));
    }

    std::size_t size_;
    std::size_t max_spare_;
    std::vector<std::unique_ptr<char[]>> spare_;
};

}  // namespace gerve
