// The buffers that all relays of one event loop share.
#pragma once

#include "gerve/relay/buffer_pool.h"

namespace gerve {

// Each is 8 MiB of address space, so that the largest receive window fits; pages are touched only as far as
// bytes come.
class Scratch {
  public:
    static constexpr std::size_t size = (8 << 20) + 4096;

    // The one that is everybody's: bytes stay in it only between two suspensions.
    [[nodiscard]] std::span<char> bytes() { return shared_.bytes(); }
    // One for bytes that may have to wait.
    [[nodiscard]] BufferPool::Buffer lend() { return pool_.take(); }

  private:
    BufferPool pool_{size, 2};
    BufferPool::Buffer shared_ = pool_.take();
};

}  // namespace gerve
