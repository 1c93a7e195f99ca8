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

// Of blobs_at_once blobs with a line in front of each; more is no answer to what was asked.
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

// "ID blob SIZE", the blob, and a line feed, for each.
Result<void> take_blobs(std::string_view said, const OnBlob& on_blob) {
    for (std::size_t index = 0; !said.empty(); ++index) {
        const auto end = said.find('\n');
        const auto words = split(said.substr(0, end), ' ');
        const auto size = words.size() == 3 ? parse_decimal(words[2]) : std::nullopt;
        if (end == std::string_view::npos || !size || words[1] != "blob" || said.size() < end + 2 + *size)
            return internal_error("git cat-file: unexpected output");
        if (auto taken = on_blob(index, said.substr(end + 1, *size)); !taken) return taken;
        said.remove_prefix(end + 2 + *size);
    }
    return {};
}

// Hands over what git writes to its standard output as it comes. What it says beside that is not mixed in: it
// may complain (of an alternate that is gone) and succeed.
Result<void> each_piece(const GitReader& reader, const std::vector<std::string>& arguments,
                        std::string_view input, const OnLine& on_piece) {
    GitStart start{reader.program, reader.front, reader.environment};
    start.arguments.insert(start.arguments.end(), arguments.begin(), arguments.end());
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

}  // namespace

GitReader GitReader::of(const GitPlace& place) {
    GitReader reader{place.git, {"--git-dir=" + place.path}, plain_git_environment(place.path)};
    reader.environment.emplace_back("GIT_NO_REPLACE_OBJECTS=1");
    return reader;
}

Result<void> each_line(const GitReader& reader, const std::vector<std::string>& arguments,
                       std::string_view input, const OnLine& on_line) {
    LineSplitter lines(on_line);
    return each_piece(reader, arguments, input, [&](std::string_view piece) { return lines.take(piece); });
}

Result<void> each_blob(const GitReader& reader, const std::vector<std::string>& ids, const OnBlob& on_blob) {
    if (ids.empty()) return {};
    std::string said;
    auto read = each_piece(reader, {"cat-file", "--batch", "--buffer"}, join(ids, "\n") + "\n",
                           [&](std::string_view piece) -> Result<void> {
                               said += piece;
                               if (said.size() <= longest_answer) return {};
                               return internal_error("git cat-file: too much output");
                           });
    if (!read) return read;
    return take_blobs(said, on_blob);
}

std::vector<std::string> small_blobs_only() {
    return {"--filter=combine:object:type=blob+blob:limit=" + std::to_string(max_pointer),
            "--filter-provided-objects"};
}

}  // namespace gerve::lfs
