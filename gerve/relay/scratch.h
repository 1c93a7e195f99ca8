// The buffer that all relays of one event loop share: bytes stay in it only between two suspensions.
#pragma once

#include <cstddef>
#include <memory>
#include <span>

namespace gerve {

// 8 MiB of address space, so that the largest receive window fits; pages are touched only as far as bytes
// come.
class Scratch {
  public:
    static constexpr std::size_t size = (8 << 20) + 4096;
    Scratch() : bytes_(new char[size]) {}
    [[nodiscard]] std::span<char> bytes() { return {bytes_.get(), size}; }

  private:
    std::unique_ptr<char[]> bytes_;
};

}  // namespace gerve
