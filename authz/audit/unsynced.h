// Unsynced: what was written to a file of the trail and may not be on its disk yet.
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "authz/base/fd.h"
#include "authz/base/result.h"

namespace gerve {

// After a failed fdatasync() the kernel takes what it could not write for written: the next call succeeds
// and has saved nothing. So the text is kept until a call succeeded, and is written once more before another.
class Unsynced {
  public:
    using SyncCall = int (*)(int file);  // fdatasync, or what stands for it in a test

    explicit Unsynced(std::shared_ptr<Fd> file) : file_(std::move(file)) {}

    [[nodiscard]] bool is_of(const std::shared_ptr<Fd>& file) const { return file_ == file; }
    [[nodiscard]] bool is_of_same(const Unsynced& other) const { return file_ == other.file_; }
    // `at`: where it stands in the file, in bytes.
    void add(off_t at, std::string_view text);
    // Of the same file, written behind this. It goes the way of this: what came to a file before the failure
    // of a call was known is as uncertain as what the call was for, and the next call is told of no failure.
    void add(const Unsynced& later);

    // Error: internal, and the disk may have all of it or nothing.
    [[nodiscard]] Result<void> sync(SyncCall call);
    // After that error, before the next try; else does nothing. Nobody else may write to the same open file
    // meanwhile. Error: internal.
    [[nodiscard]] Result<void> write_again();

  private:
    struct Piece {
        off_t at;
        std::string text;
    };
    std::shared_ptr<Fd> file_;
    std::vector<Piece> pieces_;  // others write in between
    bool failed_ = false;
};

}  // namespace gerve
