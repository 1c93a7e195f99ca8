#include "gerve/agent/git_run.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace gerve {
namespace {

constexpr std::size_t max_output = 1 << 20;

// Appends what has come; false at the end of the stream.
bool read_some(int fd, std::string& output) {
    char chunk[16384];
    const ssize_t got = ::read(fd, chunk, sizeof chunk);
    if (got < 0) return errno == EAGAIN || errno == EINTR;
    const std::size_t room = max_output - std::min(max_output, output.size());
    output.append(chunk, std::min(room, static_cast<std::size_t>(got)));
    return got > 0;
}

}  // namespace

Result<GitRun> run_git(const GitStart& start) {
    auto git = GitProcess::start(start);
    if (!git) return pass_on(git);
    git->in.reset();
    std::string output;
    pollfd streams[] = {{git->out.get(), POLLIN, 0}, {git->err.get(), POLLIN, 0}};
    while (streams[0].fd >= 0 || streams[1].fd >= 0) {
        if (::poll(streams, 2, -1) < 0 && errno != EINTR) return internal_error(errno_text("poll"));
        for (pollfd& stream : streams) {
            if (stream.fd >= 0 && stream.revents != 0 && !read_some(stream.fd, output)) stream.fd = -1;
        }
    }
    return GitRun{git->reap(), std::move(output)};
}

}  // namespace gerve
