// The buffers that all relays of one event loop share.
#pragma once

#include "gerve/relay/buffer_pool.h"

namespace gerve {

class Scratch {
  public:
    // Bytes taken at once from a client: two frames. A session holds that much while its file server does not
    // read; taking all that came, which may be megabytes, saves no time. Pages are touched only as far as
    // bytes come.
    static constexpr std::size_t size = 512 * 1024;

    // The one that is everybody's: bytes stay in it only between two suspensions.
    [[nodiscard]] std::span<char> bytes() { return shared_.bytes(); }
    // One for bytes that may have to wait.
    [[nodiscard]] BufferPool::Buffer lend() { return pool_.take(); }

  private:
    BufferPool pool_{size, 2};
    BufferPool::Buffer shared_ = pool_.take();
};

}  // namespace gerve
