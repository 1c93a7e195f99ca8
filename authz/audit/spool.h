// Spool: reads a trail from its files, in order and across rotations, behind what was read before.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "authz/audit/trail.h"

namespace gerve {

struct SpooledLine {
    TrailHead head;
    std::string text;  // without its newline
};

// Reads no further than FILE.head says that the trail stands: what is behind that may be a batch that did not
// fit and is taken back. So a last line that a killed writer could not note there comes with the next event.
class Spool {
  public:
    // How far a chain was read in an earlier life: the number of its last event, 0 for none.
    using Progress = std::function<Result<std::uint64_t>(const std::string& chain)>;

    Spool(std::string file, Progress progress) : path_(std::move(file)), progress_(std::move(progress)) {}

    // The next lines, at most `most`; none: there are no more for now. Lines that are none of a trail are
    // passed over. Errors: those of `progress`, and internal.
    [[nodiscard]] Result<std::vector<SpooledLine>> read(std::size_t most);
    // Starts anew, by what `progress` says then: what was read last may not have arrived.
    void rewind();

    // Takes what is behind that, too: for who sees that nobody writes.
    void read_to_the_end() { bounded_ = false; }

    // Events that were in no file when their turn came; counted once.
    [[nodiscard]] std::uint64_t take_missed() { return std::exchange(missed_, 0); }
    [[nodiscard]] std::int64_t bytes_left() const;  // of the file that is read
    // What was read so far has arrived, and where no file is read, all of it.
    void note_arrival();
    // Bytes behind what arrived, in all files, whether or not anything can be read; looks at each of them.
    [[nodiscard]] std::int64_t backlog() const;

  private:
    enum class Look { line, nothing_yet, end };
    Result<bool> open_next();
    [[nodiscard]] bool refill();
    void put_back();
    Result<Look> look(std::vector<SpooledLine>& lines);
    [[nodiscard]] bool has_successor() const;
    Result<std::uint64_t> done_of(const std::string& chain);
    Result<bool> take(std::string_view text, std::vector<SpooledLine>& lines);

    // settled_ <= used_ <= buffer_.size(), and buffer_ ends at byte offset_ of file_. Lines up to settled_
    // are final. Lines from there to used_ were skipped, and their bytes may still change; bytes after used_
    // were not examined. refill() and put_back() drop the final lines, and have all else read again.
    //
    // Two checks must precede a read, or a line could be missed: FILE.head is read before the file, since all
    // that it names is written by then; and has_successor() is asked before the last refill(), since nobody
    // writes to a file that has been renamed and replaced.
    std::string path_;
    Progress progress_;
    std::map<std::string, std::uint64_t> done_;  // by chain
    Fd file_;
    bool bounded_ = true;
    std::optional<TrailHead> noted_;  // in FILE.head, before buffer_ was filled; nothing: it says nothing
    std::int64_t offset_ = 0;         // behind what is in buffer_
    std::string buffer_;
    std::size_t used_ = 0;     // of buffer_
    std::size_t settled_ = 0;  // of that: up to the end of the last line, which nobody takes back
    std::uint64_t missed_ = 0;
    struct {
        std::uint64_t device = 0;
        std::uint64_t inode = 0;
        std::int64_t offset = 0;
    } arrived_;
};

}  // namespace gerve
