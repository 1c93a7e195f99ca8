// SocketFile: the name of a unix socket in the file system, and whether it still leads to that socket.
#pragma once

#include <sys/types.h>

#include <string>

namespace gerve {

// Somebody may remove the file while a process listens, or put another in its place: then nobody can connect
// any more, and nothing tells the process so.
class SocketFile {
  public:
    // Of the socket that has just been bound at `path`.
    [[nodiscard]] static SocketFile at(std::string path);

    [[nodiscard]] const std::string& path() const { return path_; }
    [[nodiscard]] bool is_there() const;
    // Removes it, but nothing that somebody else has put there.
    void remove() const;

  private:
    SocketFile(std::string path, dev_t device, ino_t inode)
        : path_(std::move(path)), device_(device), inode_(inode) {}
    std::string path_;
    dev_t device_;
    ino_t inode_;
};

}  // namespace gerve
