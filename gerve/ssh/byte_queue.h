// ByteQueue: bytes that came and that nobody has taken yet, in blocks.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <deque>
#include <memory>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace gerve::ssh {

// Takes no more memory than its bytes and two blocks, however many have gone through it; an empty one has no
// block. Blocks that are free are kept for others of the same thread.
class ByteQueue {
  public:
    ByteQueue() = default;
    ByteQueue(const ByteQueue&) = delete;
    ByteQueue& operator=(const ByteQueue&) = delete;
    ~ByteQueue() {
        while (!blocks_.empty()) drop_block();
    }

    [[nodiscard]] std::size_t size() const { return end_ - begin_; }

    void append(std::string_view bytes) {
        while (!bytes.empty()) {
            if (end_ == blocks_.size() * block_size) blocks_.push_back(make_block());
            const std::size_t at = end_ % block_size;
            const std::size_t count = std::min(bytes.size(), block_size - at);
            std::memcpy(blocks_.back().get() + at, bytes.data(), count);
            end_ += count;
            bytes.remove_prefix(count);
        }
    }

    // Moves bytes from the front to `into`; how many.
    std::size_t take(std::span<char> into) {
        const std::size_t all = std::min(into.size(), size());
        for (std::size_t taken = 0; taken < all;) {
            const std::size_t count = std::min({all - taken, block_size - begin_, size()});
            std::memcpy(into.data() + taken, blocks_.front().get() + begin_, count);
            taken += count;
            begin_ += count;
            if (begin_ == block_size || size() == 0) drop_block();
        }
        return all;
    }

  private:
    using Block = std::unique_ptr<char[]>;
    static constexpr std::size_t block_size = 64 * 1024;
    static constexpr std::size_t most_spare = 32;  // blocks

    static std::vector<Block>& spares() {
        static thread_local std::vector<Block> blocks;
        return blocks;
    }

    static Block make_block() {
        if (spares().empty()) return std::make_unique_for_overwrite<char[]>(block_size);
        Block block = std::move(spares().back());
        spares().pop_back();
        return block;
    }

    // The first, all of whose bytes are taken.
    void drop_block() {
        if (spares().size() < most_spare) spares().push_back(std::move(blocks_.front()));
        blocks_.pop_front();
        const bool was_last = blocks_.empty();
        end_ = was_last ? 0 : end_ - block_size;
        begin_ = 0;
    }

    std::deque<Block> blocks_;
    std::size_t begin_ = 0;  // in the first block
    std::size_t end_ = 0;    // counted from the beginning of the first block
};

}  // namespace gerve::ssh
