// Reading a directory by its descriptor, so that what is read is what was opened.
#pragma once

#include <dirent.h>
#include <fcntl.h>

#include <cerrno>
#include <memory>
#include <string>
#include <string_view>

#include "authz/base/fd.h"
#include "authz/base/result.h"

namespace gerve {

class DirectoryReader {
  public:
    // `name`: below `parent`, "." for itself; a symbolic link is not followed. With ENOENT, ENOTDIR, ELOOP
    // and EACCES in errno is_open() is false.
    DirectoryReader(const Fd& parent, const std::string& name) {
        Fd opened(::openat(parent.get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
        if (!opened) return;
        stream_.reset(::fdopendir(opened.get()));
        if (stream_) (void)opened.release();
    }

    [[nodiscard]] bool is_open() const { return stream_ != nullptr; }
    [[nodiscard]] int fd() const { return ::dirfd(stream_.get()); }

    // The next entry but "." and ".."; null at the end, and then errno is 0 or says why there is no more.
    [[nodiscard]] const dirent* next() {
        while (true) {
            errno = 0;
            const dirent* entry = ::readdir(stream_.get());
            if (entry == nullptr) return nullptr;
            const std::string_view name(entry->d_name);
            if (name != "." && name != "..") return entry;
        }
    }

  private:
    struct Close {
        void operator()(DIR* stream) const { ::closedir(stream); }
    };
    std::unique_ptr<DIR, Close> stream_;
};

}  // namespace gerve
