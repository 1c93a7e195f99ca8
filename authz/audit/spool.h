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

    // Events that were in no file when their turn came; counted once.
    [[nodiscard]] std::uint64_t take_missed() { return std::exchange(missed_, 0); }
    [[nodiscard]] std::int64_t bytes_left() const;  // of the file that is read

  private:
    Result<bool> open_next();
    [[nodiscard]] bool refill();
    [[nodiscard]] bool was_renamed() const;
    Result<std::uint64_t> done_of(const std::string& chain);
    Result<void> take(std::string_view text, std::vector<SpooledLine>& lines);

    std::string path_;
    Progress progress_;
    std::map<std::string, std::uint64_t> done_;  // by chain
    Fd file_;
    std::int64_t offset_ = 0;  // behind what is in buffer_
    std::string buffer_;
    std::size_t used_ = 0;  // of buffer_
    std::uint64_t missed_ = 0;
};

}  // namespace gerve
