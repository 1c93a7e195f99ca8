#include "gerve/agent/repository/git_run.h"

#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <span>
#include <thread>

namespace gerve {
namespace {

using std::chrono::steady_clock;

// Hands over what has come; at the end of the stream, closes it.
Result<void> read_some(Fd& stream, std::span<char> buffer, const OnPiece& on_piece) {
    const ssize_t got = ::read(stream.get(), buffer.data(), buffer.size());
    if (got > 0) return on_piece({buffer.data(), static_cast<std::size_t>(got)});
    if (got == 0 || (errno != EAGAIN && errno != EINTR)) stream.reset();
    return {};
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

// Until a stream is ready, or for a minute if there is a deadline. Errors: unavailable (the deadline);
// internal.
Result<void> wait_for(std::span<pollfd> streams, steady_clock::time_point deadline) {
    int patience = -1;
    if (deadline != steady_clock::time_point::max()) {
        const auto left =
            std::chrono::ceil<std::chrono::milliseconds>(deadline - steady_clock::now()).count();
        if (left <= 0) return unavailable("git took too long");
        patience = static_cast<int>(std::min<long>(left, 60'000));
    }
    if (::poll(streams.data(), streams.size(), patience) < 0 && errno != EINTR)
        return internal_error(errno_text("poll"));
    return {};
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

Result<void> exchange_with(GitProcess& git, std::string_view input, steady_clock::time_point deadline,
                           const OnPiece& on_output, const OnPiece& on_errors) {
    std::array<char, 65536> buffer{};
    const auto number = [](const Fd& fd) { return fd ? fd.get() : -1; };
    while (git.out || git.err) {
        if (git.in && !write_some(git.in.get(), input)) git.in.reset();
        std::array<pollfd, 3> streams{pollfd{number(git.out), POLLIN, 0}, pollfd{number(git.err), POLLIN, 0},
                                      pollfd{number(git.in), POLLOUT, 0}};
        if (auto waited = wait_for(streams, deadline); !waited) return waited;
        if (streams[0].revents != 0) {
            if (auto taken = read_some(git.out, buffer, on_output); !taken) return taken;
        }
        if (streams[1].revents != 0) {
            if (auto taken = read_some(git.err, buffer, on_errors); !taken) return taken;
        }
    }
    return {};
}

Result<GitRun> run_git(const GitStart& start, steady_clock::time_point deadline, std::string_view input) {
    auto git = GitProcess::start(start);
    if (!git) return pass_on(git);
    std::string output;
    const auto keep = [&output](std::string_view piece) -> Result<void> {
        output += piece.substr(0, max_git_output - output.size());
        return {};
    };
    auto done = exchange_with(*git, input, deadline, keep, keep);
    if (!done && done.error().kind == ErrorKind::unavailable) end_git(*git);
    if (!done) return pass_on(done);
    return GitRun{git->reap(), std::move(output)};
}

}  // namespace gerve
