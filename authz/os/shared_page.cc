#include "authz/os/shared_page.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

namespace gerve {
namespace {

std::atomic<std::uint64_t>& layout_at(void* start) {
    return *static_cast<std::atomic<std::uint64_t>*>(start);
}

}  // namespace

Result<Fd> make_shared_page(const char* name) {
    Fd page(::memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING));
    if (!page || ::ftruncate(page.get(), shared_page_size) != 0 ||
        ::fcntl(page.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) {
        return internal_error(errno_text("cannot create shared memory"));
    }
    return page;
}

Result<SharedPage> SharedPage::map(const Fd& page, std::uint64_t layout, PageAccess access) {
    struct stat status {};
    if (::fstat(page.get(), &status) != 0 || status.st_size != shared_page_size) {
        return internal_error("not a page of shared memory");
    }
    const int protection = access == PageAccess::read ? PROT_READ : PROT_READ | PROT_WRITE;
    void* start = ::mmap(nullptr, shared_page_size, protection, MAP_SHARED, page.get(), 0);
    if (start == MAP_FAILED) return internal_error(errno_text("mmap"));
    SharedPage mapped(start);
    if (access == PageAccess::read) return mapped;
    std::uint64_t unclaimed = 0;
    layout_at(start).compare_exchange_strong(unclaimed, layout);
    if (!mapped.matches(layout)) {
        ::munmap(start, shared_page_size);
        return internal_error("the shared memory has a different layout");
    }
    return mapped;
}

bool SharedPage::matches(std::uint64_t layout) const {
    const std::uint64_t is = layout_at(start_).load();
    return is == 0 || is == layout;
}

}  // namespace gerve
