// Owned file descriptors, and the few system calls on files that every process here needs.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "authz/base/result.h"

namespace gerve {

// Owns one file descriptor; closes it once.
class Fd {
  public:
    Fd() = default;
    explicit Fd(int number) : number_(number) {}
    Fd(Fd&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
    Fd& operator=(Fd&& other) noexcept;
    Fd(const Fd&) = delete;
    Fd& operator=(const Fd&) = delete;
    ~Fd() { reset(); }

    [[nodiscard]] int get() const { return number_; }
    [[nodiscard]] int release() { return std::exchange(number_, -1); }
    explicit operator bool() const { return number_ >= 0; }
    void reset();

  private:
    int number_ = -1;
};

// "TRIED: strerror(errno)" of the last failed call.
[[nodiscard]] std::string errno_text(std::string_view tried);

// What is left in an open file, at most `limit` bytes; `path` names it in the error. Error: internal.
[[nodiscard]] Result<std::string> read_open_file(const Fd& file, const std::string& path, std::size_t limit);

// Whole content of a regular file of at most `limit` bytes. Error: internal, naming the path.
[[nodiscard]] Result<std::string> read_file(const std::string& path, std::size_t limit = 1 << 20);

// As read_file, for a file that holds a secret: refused when others could read or write it
// (root:group 0640 is accepted, for a daemon that runs as a member of that group).
[[nodiscard]] Result<std::string> read_secret_file(const std::string& path, std::size_t limit = 1 << 16);

// Writes a file with `mode` by way of a temporary name and rename, so that a reader never sees half of it.
[[nodiscard]] Result<void> write_file(const std::string& path, std::string_view content, unsigned mode);

[[nodiscard]] Result<void> set_nonblocking(int fd, bool on);

// Raises the soft limit of open files to the hard one; returns the limit now in force.
std::size_t raise_open_files_limit();

}  // namespace gerve
