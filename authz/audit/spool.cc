#include "authz/audit/spool.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace gerve {
namespace {

constexpr std::size_t chunk = 256 * 1024;  // bytes read at a time
constexpr std::size_t longest_torn = std::size_t{4}
                                     << 20;  // more than a batch; what is longer was never a line

}  // namespace

void Spool::rewind() {
    done_.clear();
    file_.reset();
    buffer_.clear();
    used_ = settled_ = 0;
    missed_ = 0;
}

std::int64_t Spool::bytes_left() const {
    struct stat status {};
    if (!file_ || ::fstat(file_.get(), &status) != 0) return 0;
    return std::max<std::int64_t>(status.st_size - offset_, 0) +
           static_cast<std::int64_t>(buffer_.size() - used_);
}

void Spool::note_arrival() {
    struct stat status {};
    if (file_ && ::fstat(file_.get(), &status) == 0) {
        arrived_ = {status.st_dev, status.st_ino,
                    offset_ - static_cast<std::int64_t>(buffer_.size() - settled_)};
    }
    const auto files = file_ ? std::vector<std::string>() : list_trail_files(path_);
    if (!files.empty() && ::lstat(files.back().c_str(), &status) == 0)
        arrived_ = {status.st_dev, status.st_ino, status.st_size};
}

std::int64_t Spool::backlog() const {
    std::int64_t bytes = 0;
    for (const std::string& path : list_trail_files(path_)) {
        struct stat status {};
        if (::lstat(path.c_str(), &status) != 0) continue;
        // What comes before it has arrived as well.
        const bool here = status.st_ino == arrived_.inode && status.st_dev == arrived_.device;
        bytes = (here ? -arrived_.offset : bytes) + status.st_size;
    }
    return bytes;
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
        used_ = settled_ = 0;
        return true;
    }
    return false;
}

// The head first: what it knows of is not taken back.
bool Spool::refill() {
    const auto record = read_head_record(path_);
    noted_ = record ? std::optional(record->head) : std::nullopt;
    if (used_ - settled_ > longest_torn) settled_ = used_;
    // What is there of an unfinished line, and what is no line, may be something else by now.
    buffer_.erase(0, settled_);
    used_ = settled_ = 0;
    const std::size_t kept = buffer_.size();
    const std::int64_t from = offset_ - static_cast<std::int64_t>(kept);
    buffer_.resize(kept + chunk);
    const ssize_t got = ::pread(file_.get(), buffer_.data(), buffer_.size(), from);
    buffer_.resize(static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
    offset_ = from + static_cast<std::int64_t>(buffer_.size());
    return buffer_.size() > kept;
}

// What is behind the last line is read anew the next time.
void Spool::put_back() {
    offset_ -= static_cast<std::int64_t>(buffer_.size() - settled_);
    buffer_.clear();
    used_ = settled_ = 0;
}

// Whether another file carries on what the open one ended. Whoever made that found this one renamed, and
// writes to it no more.
bool Spool::has_successor() const {
    struct stat named {};
    struct stat opened {};
    if (::fstat(file_.get(), &opened) != 0) return true;
    const auto is_opened = [&](const struct stat& other) {
        return other.st_ino == opened.st_ino && other.st_dev == opened.st_dev;
    };
    if (::lstat(path_.c_str(), &named) == 0 && (is_opened(named) || named.st_size > 0))
        return !is_opened(named);
    const auto files = list_trail_files(path_);
    return !files.empty() && ::lstat(files.back().c_str(), &named) == 0 && !is_opened(named);
}

// Whether it is a line that nobody takes back, or no line of a trail.
Result<bool> Spool::take(std::string_view text, std::vector<SpooledLine>& lines) {
    auto line = parse_line(text);
    if (!line) return true;
    if (bounded_ && noted_ && line->head.chain == noted_->chain && line->head.seq > noted_->seq) return false;
    settled_ = used_ + text.size() + 1;
    const auto done = done_of(line->head.chain);
    if (!done) return pass_on(done);
    if (line->head.seq <= *done) return true;
    missed_ += line->head.seq - *done - 1;
    done_[line->head.chain] = line->head.seq;
    lines.push_back({std::move(line->head), std::string(text)});
    return true;
}

Result<Spool::Look> Spool::look(std::vector<SpooledLine>& lines) {
    const auto end = buffer_.find('\n', used_);
    if (end != std::string::npos) {
        const auto taken = take(std::string_view(buffer_).substr(used_, end - used_), lines);
        if (!taken) return pass_on(taken);
        if (*taken) used_ = end + 1;
        return *taken ? Look::line : Look::nothing_yet;
    }
    const bool ended = has_successor();  // asked before the last look into it
    if (refill()) return Look::line;
    return ended ? Look::end : Look::nothing_yet;
}

Result<std::vector<SpooledLine>> Spool::read(std::size_t most) {
    std::vector<SpooledLine> lines;
    while (lines.size() < most) {
        if (!file_) {
            const auto opened = open_next();
            if (!opened) return pass_on(opened);
            if (!*opened) break;
        }
        const auto found = look(lines);
        if (!found) return pass_on(found);
        if (*found == Look::end) file_.reset();
        if (*found == Look::nothing_yet) {
            put_back();
            break;
        }
    }
    return lines;
}

}  // namespace gerve
