// A piece of memory without a name that a parent makes and its children share, for numbers to be counted in.
#pragma once

#include <atomic>
#include <cstdint>
#include <new>

#include "authz/base/fd.h"

namespace gerve {

constexpr std::size_t shared_page_size = 256 * 1024;  // bytes; untouched ones cost nothing

// All zero. Its size is sealed, so that no process that shares it can pull it away under the others. Error:
// internal.
[[nodiscard]] Result<Fd> make_shared_page(const char* name);

enum class PageAccess { read, write };

// The first bytes name the layout of what follows, so that processes of different versions, which meet when a
// binary is replaced under a running master, do not take one number for another.
class SharedPage {
  public:
    // Maps it until the process ends; the descriptor can be closed. Error: internal (no such page, or its
    // layout is another one).
    [[nodiscard]] static Result<SharedPage> map(const Fd& page, std::uint64_t layout, PageAccess access);

    [[nodiscard]] void* content() const { return static_cast<char*>(start_) + 64; }
    // Whether it still is what was mapped: a reader may have come before the first writer.
    [[nodiscard]] bool matches(std::uint64_t layout) const;

  private:
    explicit SharedPage(void* start) : start_(start) {}
    void* start_;
};

// `Numbers`: of nothing but Counter, Gauge, Histogram and plain text, all zero at first, with a constant
// `layout` that changes when the meaning of a byte does.
template <class Numbers>
constexpr std::uint64_t layout_of() {
    static_assert(sizeof(Numbers) + 64 <= shared_page_size);
    return std::uint64_t{sizeof(Numbers)} << 32 | Numbers::layout;
}

// The numbers to count in: those of the page, or, without one or with one of another layout, private ones.
template <class Numbers>
Numbers& numbers_of(const Fd& page) {
    if (page) {
        const auto mapped = SharedPage::map(page, layout_of<Numbers>(), PageAccess::write);
        if (mapped) return *std::launder(static_cast<Numbers*>(mapped->content()));
    }
    static Numbers own;
    return own;
}

}  // namespace gerve
