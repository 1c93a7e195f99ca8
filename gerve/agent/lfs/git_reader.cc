#include "gerve/agent/lfs/git_reader.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "authz/base/text.h"
#include "gerve/agent/lfs/pointers.h"
#include "gerve/agent/repository/environment.h"
#include "gerve/agent/repository/git_process.h"

namespace gerve::lfs {
namespace {

constexpr std::size_t longest_complaint = 4096;

// How many blobs one git cat-file reads; all of them are in memory at once.
constexpr std::size_t blobs_at_once = 900;

// More than blobs_at_once blobs have, with a line in front of each.
constexpr std::size_t longest_answer = 2 << 20;

// What comes in pieces, as lines.
class LineSplitter {
  public:
    explicit LineSplitter(const OnLine& on_line) : on_line_(on_line) {}

    Result<void> take(std::string_view bytes) {
        for (auto end = bytes.find('\n'); end != std::string_view::npos; end = bytes.find('\n')) {
            keep(bytes.substr(0, end));
            bytes.remove_prefix(end + 1);
            auto taken = on_line_(line_);
            line_.clear();
            if (!taken) return taken;
        }
        keep(bytes);
        return {};
    }

  private:
    void keep(std::string_view bytes) { line_ += bytes.substr(0, max_line - line_.size()); }

    const OnLine& on_line_;
    std::string line_;
};

// What git has room for, off the front; false: there is no more to write, or git does not read.
bool feed(const Fd& git, std::string_view& input) {
    while (!input.empty()) {
        const ssize_t put = ::write(git.get(), input.data(), input.size());
        if (put < 0) return errno == EAGAIN || errno == EINTR;
        input.remove_prefix(static_cast<std::size_t>(put));
    }
    return false;
}

// Nothing: there is nothing to read yet. An empty one: the stream has ended, and is closed.
std::optional<std::string_view> take_from(Fd& git, std::array<char, 65536>& buffer) {
    const ssize_t got = ::read(git.get(), buffer.data(), buffer.size());
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return std::nullopt;
    if (got <= 0) git.reset();
    return std::string_view(buffer.data(), static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
}

// Hands over what git writes to its standard output as it comes. What it says beside that is not mixed in: it
// may complain (of an alternate that is gone) and succeed.
Result<void> each_piece(const GitReader& reader, const std::vector<std::string>& arguments,
                        std::string_view input, const OnLine& on_piece) {
    GitStart start{reader.program, {"--no-replace-objects"}, reader.environment};
    for (const auto* more : {&reader.front, &arguments})
        start.arguments.insert(start.arguments.end(), more->begin(), more->end());
    start.own_group = reader.own_group;
    auto git = GitProcess::start(start);
    if (!git) return pass_on(git);
    std::string errors;
    std::array<char, 65536> buffer{};
    const auto number = [](const Fd& fd) { return fd ? fd.get() : -1; };
    while (git->out || git->err) {
        if (git->in && !feed(git->in, input)) git->in.reset();
        std::array<pollfd, 3> ready{pollfd{number(git->out), POLLIN, 0}, pollfd{number(git->err), POLLIN, 0},
                                    pollfd{number(git->in), POLLOUT, 0}};
        if (::poll(ready.data(), ready.size(), -1) < 0 && errno != EINTR)
            return internal_error(errno_text("poll"));
        const auto output = git->out ? take_from(git->out, buffer) : std::nullopt;
        if (auto taken = output ? on_piece(*output) : Result<void>(); !taken) return taken;
        const auto complaint = git->err ? take_from(git->err, buffer) : std::nullopt;
        if (complaint) errors += complaint->substr(0, longest_complaint - errors.size());
    }
    const GitEnd end = git->reap();
    if (end.code != 0 || end.signal != 0) return internal_error("git failed: " + printable(trim(errors)));
    return {};
}

// The blobs that git rev-list lists, read a group at a time.
class BlobGroups {
  public:
    BlobGroups(const GitReader& reader, const OnBlob& on_blob) : reader_(reader), on_blob_(on_blob) {}

    // "ID PATH" or "ID".
    Result<void> take(std::string_view line) {
        const auto space = line.find(' ');
        ids_.append(line.substr(0, space)).append("\n");
        paths_.emplace_back(space == std::string_view::npos ? "" : line.substr(space + 1));
        return paths_.size() < blobs_at_once ? Result<void>() : read();
    }

    Result<void> read() {
        if (paths_.empty()) return {};
        std::string answer;
        auto done = each_piece(reader_, {"cat-file", "--batch", "--buffer"}, ids_,
                               [&answer](std::string_view piece) -> Result<void> {
                                   answer += piece;
                                   if (answer.size() <= longest_answer) return {};
                                   return internal_error("git cat-file: too much output");
                               });
        if (done) done = hand_over(answer);
        ids_.clear();
        paths_.clear();
        return done;
    }

  private:
    // "ID blob SIZE", the blob, and a line feed, for each.
    Result<void> hand_over(std::string_view answer) {
        for (const std::string& path : paths_) {
            const auto end = answer.find('\n');
            const auto words = split(answer.substr(0, end), ' ');
            const auto size = words.size() == 3 ? parse_decimal(words[2]) : std::nullopt;
            if (end == std::string_view::npos || !size || words[1] != "blob" ||
                answer.size() < end + 2 + *size)
                return internal_error("git cat-file: unexpected output");
            if (auto taken = on_blob_(path, answer.substr(end + 1, *size)); !taken) return taken;
            answer.remove_prefix(end + 2 + *size);
        }
        return {};
    }

    const GitReader& reader_;
    const OnBlob& on_blob_;
    std::string ids_;  // a line each
    std::vector<std::string> paths_;
};

}  // namespace

GitReader GitReader::of(const GitPlace& place) {
    return {place.git, {"--git-dir=" + place.path}, plain_git_environment(place.path)};
}

Result<void> each_line(const GitReader& reader, const std::vector<std::string>& arguments,
                       std::string_view input, const OnLine& on_line) {
    LineSplitter lines(on_line);
    return each_piece(reader, arguments, input, [&](std::string_view piece) { return lines.take(piece); });
}

Result<void> each_small_blob(const GitReader& reader, const std::vector<std::string>& arguments,
                             std::string_view input, const OnBlob& on_blob) {
    std::vector<std::string> words{
        "rev-list", "--objects",
        "--filter=combine:object:type=blob+blob:limit=" + std::to_string(max_pointer),
        "--filter-provided-objects"};
    words.insert(words.end(), arguments.begin(), arguments.end());
    BlobGroups groups(reader, on_blob);
    auto read =
        each_line(reader, words, input, [&groups](std::string_view line) { return groups.take(line); });
    return read ? groups.read() : read;
}

}  // namespace gerve::lfs
