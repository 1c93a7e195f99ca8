// The buffers that all relays of one event loop share.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <utility>
#include <vector>

namespace gerve {

// Each is 8 MiB of address space, so that the largest receive window fits; pages are touched only as far as
// bytes come.
class Scratch {
  public:
    static constexpr std::size_t size = (8 << 20) + 4096;

    // A buffer for bytes that may have to wait, given back when this goes.
    class Loan {
      public:
        Loan(Loan&& other) noexcept : owner_(other.owner_), bytes_(std::move(other.bytes_)) {}
        Loan& operator=(Loan&&) = delete;
        Loan(const Loan&) = delete;
        Loan& operator=(const Loan&) = delete;
        ~Loan() { owner_->take_back(std::move(bytes_)); }
        [[nodiscard]] std::span<char> bytes() { return {bytes_.get(), size}; }

      private:
        friend class Scratch;
        Loan(Scratch& owner, std::unique_ptr<char[]> bytes) : owner_(&owner), bytes_(std::move(bytes)) {}
        Scratch* owner_;
        std::unique_ptr<char[]> bytes_;
    };

    Scratch() : bytes_(new char[size]) {}
    // The one that is everybody's: bytes stay in it only between two suspensions.
    [[nodiscard]] std::span<char> bytes() { return {bytes_.get(), size}; }
    [[nodiscard]] Loan lend() {
        if (spare_.empty()) return {*this, std::unique_ptr<char[]>(new char[size])};
        auto bytes = std::move(spare_.back());
        spare_.pop_back();
        return {*this, std::move(bytes)};
    }

  private:
    static constexpr std::size_t max_spare = 2;
    void take_back(std::unique_ptr<char[]> bytes) {
        if (bytes && spare_.size() < max_spare) spare_.push_back(std::move(bytes));
    }

    std::unique_ptr<char[]> bytes_;
    std::vector<std::unique_ptr<char[]>> spare_;
};

}  // namespace gerve
