#include "gerve/agent/repository/git_run.h"

#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <span>
#include <thread>

namespace gerve {
namespace {

using std::chrono::steady_clock;

// Appends what has come; false at the end of the stream.
bool read_some(int fd, std::string& output) {
    char chunk[16384];
    const ssize_t got = ::read(fd, chunk, sizeof chunk);
    if (got < 0) return errno == EAGAIN || errno == EINTR;
    const std::size_t room = max_git_output - std::min(max_git_output, output.size());
    output.append(chunk, std::min(room, static_cast<std::size_t>(got)));
    return got > 0;
}

// A git that does not read ends nobody here, whatever the process does about SIGPIPE: this thread takes the
// signal.
class NoPipeSignal {
  public:
    NoPipeSignal() {
        ::sigemptyset(&pipe_);
        ::sigaddset(&pipe_, SIGPIPE);
        ::pthread_sigmask(SIG_BLOCK, &pipe_, &before_);
    }
    ~NoPipeSignal() {
        const timespec at_once{};
        if (::sigismember(&before_, SIGPIPE) == 0) ::sigtimedwait(&pipe_, nullptr, &at_once);
        ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
    }
    NoPipeSignal(const NoPipeSignal&) = delete;
    NoPipeSignal& operator=(const NoPipeSignal&) = delete;

  private:
    sigset_t pipe_{};
    sigset_t before_{};
};

// Takes from the front of `input` what git has room for; false: there is no more to write, or git does not
// read.
bool write_some(int fd, std::string_view& input) {
    const NoPipeSignal quiet;
    while (!input.empty()) {
        const ssize_t put = ::write(fd, input.data(), input.size());
        if (put < 0) return errno == EAGAIN || errno == EINTR;
        input.remove_prefix(static_cast<std::size_t>(put));
    }
    return false;
}

int wait_for(pollfd* streams, nfds_t count, steady_clock::time_point deadline) {
    if (deadline == steady_clock::time_point::max()) return ::poll(streams, count, -1);
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - steady_clock::now()).count();
    return left <= 0 ? 0 : ::poll(streams, count, static_cast<int>(std::min<long>(left, 60'000)));
}

// A git that writes has locks, and removes them on SIGTERM. What is left of its group goes with `git`.
void end_git(GitProcess& git) {
    constexpr std::chrono::seconds grace(3);
    git.signal_group(SIGTERM);
    const auto end = steady_clock::now() + grace;
    while (!git.has_ended() && steady_clock::now() < end)
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
}

}  // namespace

Result<GitRun> run_git(const GitStart& start, steady_clock::time_point deadline, std::string_view input) {
    auto git = GitProcess::start(start);
    if (!git) return pass_on(git);
    std::string output;
    pollfd streams[] = {
        {git->out.get(), POLLIN, 0}, {git->err.get(), POLLIN, 0}, {git->in.get(), POLLOUT, 0}};
    pollfd& in = streams[2];
    while (streams[0].fd >= 0 || streams[1].fd >= 0) {
        if (in.fd >= 0 && !write_some(in.fd, input)) {
            git->in.reset();
            in.fd = -1;
        }
        if (steady_clock::now() >= deadline) {
            end_git(*git);
            return unavailable("git took too long");
        }
        const int ready = wait_for(streams, std::size(streams), deadline);
        if (ready < 0 && errno != EINTR) return internal_error(errno_text("poll"));
        if (ready <= 0) continue;
        for (pollfd& stream : std::span(streams, 2)) {
            if (stream.fd >= 0 && stream.revents != 0 && !read_some(stream.fd, output)) stream.fd = -1;
        }
    }
    return GitRun{git->reap(), std::move(output)};
}

}  // namespace gerve
