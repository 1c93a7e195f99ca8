#include "authz/audit/spool.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace gerve {
namespace {

constexpr std::size_t chunk = 256 * 1024;  // bytes read at a time

}  // namespace

void Spool::rewind() {
    done_.clear();
    file_.reset();
    buffer_.clear();
    used_ = 0;
}

std::int64_t Spool::bytes_left() const {
    struct stat status {};
    if (!file_ || ::fstat(file_.get(), &status) != 0) return 0;
    return std::max<std::int64_t>(status.st_size - offset_, 0) +
           static_cast<std::int64_t>(buffer_.size() - used_);
}

Result<std::uint64_t> Spool::done_of(const std::string& chain) {
    const auto known = done_.find(chain);
    if (known != done_.end()) return known->second;
    const auto done = progress_(chain);
    if (done) done_[chain] = *done;
    return done;
}

// The first file that holds what was not read; false: there is none.
Result<bool> Spool::open_next() {
    for (const std::string& path : list_trail_files(path_)) {
        Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
        struct stat status {};
        if (!file || ::fstat(file.get(), &status) != 0) continue;
        const auto end = find_trail_end(file.get(), status.st_size);
        if (!end) return pass_on(end);
        if (!*end) continue;
        const auto done = done_of((*end)->head.chain);
        if (!done) return pass_on(done);
        if ((*end)->head.seq <= *done) continue;
        file_ = std::move(file);
        offset_ = 0;
        buffer_.clear();
        used_ = 0;
        return true;
    }
    return false;
}

bool Spool::refill() {
    buffer_.erase(0, used_);
    used_ = 0;
    const std::size_t kept = buffer_.size();
    buffer_.resize(kept + chunk);
    const ssize_t got = ::pread(file_.get(), buffer_.data() + kept, chunk, offset_);
    buffer_.resize(kept + static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
    offset_ += std::max<ssize_t>(got, 0);
    return got > 0;
}

bool Spool::was_renamed() const {
    struct stat named {};
    struct stat opened {};
    if (::fstat(file_.get(), &opened) != 0) return true;
    // Its successor is there: whoever made that found this one renamed, and writes to it no more.
    return ::lstat(path_.c_str(), &named) == 0 && named.st_size > 0 &&
           (named.st_ino != opened.st_ino || named.st_dev != opened.st_dev);
}

Result<void> Spool::take(std::string_view text, std::vector<SpooledLine>& lines) {
    auto line = parse_line(text);
    if (!line) return {};
    const auto done = done_of(line->head.chain);
    if (!done) return pass_on(done);
    if (line->head.seq <= *done) return {};
    missed_ += line->head.seq - *done - 1;
    done_[line->head.chain] = line->head.seq;
    lines.push_back({std::move(line->head), std::string(text)});
    return {};
}

Result<std::vector<SpooledLine>> Spool::read(std::size_t most) {
    std::vector<SpooledLine> lines;
    while (lines.size() < most) {
        if (!file_) {
            const auto opened = open_next();
            if (!opened) return pass_on(opened);
            if (!*opened) break;
        }
        const auto end = buffer_.find('\n', used_);
        if (end != std::string::npos) {
            const std::string_view text = std::string_view(buffer_).substr(used_, end - used_);
            if (auto taken = take(text, lines); !taken) return pass_on(taken);
            used_ = end + 1;
            continue;
        }
        const bool renamed = was_renamed();  // asked before the last look into it
        if (refill()) continue;
        if (!renamed) break;
        file_.reset();
    }
    return lines;
}

}  // namespace gerve
