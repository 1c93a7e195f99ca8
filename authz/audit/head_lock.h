// HeadLock: the turn of one process to write a trail, as a lock on FILE.head.
#pragma once

#include <fcntl.h>

#include <cerrno>

namespace gerve {

// Of the process's open file: released with it, and by the end of this. Waits until it has it.
class HeadLock {
  public:
    // `file`: FILE.head, open for writing; outlives this.
    explicit HeadLock(int file) : file_(file) { held_ = change(F_WRLCK); }
    ~HeadLock() { change(F_UNLCK); }
    HeadLock(const HeadLock&) = delete;
    HeadLock& operator=(const HeadLock&) = delete;
    [[nodiscard]] bool held() const { return held_; }

  private:
    bool change(short kind) const {
        struct flock whole {};
        whole.l_type = kind;
        whole.l_whence = SEEK_SET;
        while (::fcntl(file_, F_OFD_SETLKW, &whole) != 0) {
            if (errno != EINTR) return false;
        }
        return true;
    }
    int file_;
    bool held_ = false;
};

}  // namespace gerve
