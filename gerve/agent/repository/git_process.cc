#include "gerve/agent/repository/git_process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "authz/os/spawn.h"

namespace gerve {
namespace {

// What passes when others have ended, or never.
tl::unexpected<Error> not_started(const std::string& tried) {
    const bool shortage =
        errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == EAGAIN || errno == ENOBUFS;
    std::string why = errno_text(tried);
    if (shortage) return unavailable(std::move(why));
    return internal_error(std::move(why));
}

struct Pipe {
    Fd ours;
    Fd childs;
};

Result<Pipe> make_pipe(bool child_reads) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return not_started("pipe2");
    Fd reader(ends[0]);
    Fd writer(ends[1]);
    Pipe pipe =
        child_reads ? Pipe{std::move(writer), std::move(reader)} : Pipe{std::move(reader), std::move(writer)};
    if (auto done = set_nonblocking(pipe.ours.get(), true); !done) return pass_on(done);
    return pipe;
}

// Opens the writing end once more for reading and writing, so that its writers are readers too and a write
// never meets a pipe without one. Its end is still seen when the last of them closes it.
void keep_a_reader(Pipe& pipe) {
    const std::string name = "/proc/self/fd/" + std::to_string(pipe.childs.get());
    Fd both(::open(name.c_str(), O_RDWR | O_CLOEXEC));
    if (both) pipe.childs = std::move(both);
}

// This process raised its own limit; programs that walk through all possible descriptors should not.
void limit_open_files(pid_t pid, std::size_t soft) {
    rlimit limit{};
    if (soft == 0 || ::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == soft) return;
    limit.rlim_cur = soft;
    ::prlimit(pid, RLIMIT_NOFILE, &limit, nullptr);
}

// git has just been started: the threads and processes that it starts inherit the value.
void yield_to_others(pid_t pid, int niceness) {
    if (niceness == 0) return;
    errno = 0;
    const int own = ::getpriority(PRIO_PROCESS, 0);
    if (errno == 0) ::setpriority(PRIO_PROCESS, static_cast<id_t>(pid), own + niceness);
}

}  // namespace

Result<GitProcess> GitProcess::start(const GitStart& start) {
    auto in = make_pipe(true);
    auto out = make_pipe(false);
    auto err = make_pipe(false);
    for (const auto* made : {&in, &out, &err}) {
        if (!*made) return pass_on(*made);
    }
    if (start.survives) {
        keep_a_reader(*out);
        keep_a_reader(*err);
    }
    SpawnStart git{
        .program = start.program,
        .words = {start.name},
        .environment = start.environment,
        .directory = start.directory,
        .descriptors = {{in->childs.get(), start.input}, {out->childs.get(), 1}, {err->childs.get(), 2}},
        .null_input = start.input != 0,
        .own_group = start.own_group};
    for (const auto& [file, number] : start.files) git.descriptors.push_back({file->get(), number});
    git.words.insert(git.words.end(), start.arguments.begin(), start.arguments.end());
    pid_t pid = 0;
    errno = spawn(git, pid);
    if (errno != 0) return not_started("cannot start " + start.program);
    limit_open_files(pid, start.open_files);
    yield_to_others(pid, start.niceness);
    GitProcess process(pid, start.own_group);
    process.in = std::move(in->ours);
    process.out = std::move(out->ours);
    process.err = std::move(err->ours);
    return process;
}

GitProcess::GitProcess(GitProcess&& other) noexcept
    : in(std::move(other.in)),
      out(std::move(other.out)),
      err(std::move(other.err)),
      pid_(other.pid_),
      leads_group_(other.leads_group_),
      reaped_(std::exchange(other.reaped_, true)) {}

GitProcess::~GitProcess() {
    if (reaped_) return;
    signal_group(SIGKILL);
    static_cast<void>(reap());
}

Result<Fd> GitProcess::open_pidfd() const {
    Fd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));  // sets CLOEXEC by itself
    if (!pidfd) return internal_error(errno_text("pidfd_open"));
    return pidfd;
}

bool GitProcess::has_ended() const {
    siginfo_t info{};
    return ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
           info.si_pid == pid_;
}

void GitProcess::signal_group(int number) const {
    if (!reaped_) ::kill(leads_group_ ? -pid_ : pid_, number);
}

GitEnd GitProcess::reap() {
    siginfo_t info{};
    while (::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED) != 0 && errno == EINTR) {
    }
    reaped_ = true;
    if (info.si_code == CLD_EXITED) return {info.si_status & 0xff, 0};
    return {0, info.si_status};
}

void reserve_standard_descriptors() {
    while (true) {
        const int number = ::open("/dev/null", O_RDWR);
        if (number < 0 || number > 2) {
            if (number > 2) ::close(number);
            return;
        }
    }
}

}  // namespace gerve
