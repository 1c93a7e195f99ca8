#include "gerve/process/confinement.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <thread>

#include "authz/base/fd.h"

using namespace gerve;

namespace {

// The error of a call, 0 for success.
template <class Call>
int error_of(Call call) {
    errno = 0;
    return call() < 0 ? errno : 0;
}

// What a confined thread was told.
struct Told {
    bool confined = false;
    int exec = 0;
    int fork = 0;
    int trace = 0;
    int listen = 0;
    int packet_socket = 0;
    int create = 0;
    int append = 0;
    int chmod = 0;
    int signal = 0;
    int other_thread = 0;
    int type_ahead = 0;
    int look_alive = 0;
    int read = 0;
    int connect = 0;
    bool started_thread = false;
};

Told try_everything(const std::string& file) {
    Told told;
    const Fd bound(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    told.confined = confine().has_value();
    const char* const argv[] = {"true", nullptr};
    told.exec = error_of([&] { return ::execve("/bin/true", const_cast<char**>(argv), nullptr); });
    told.fork = error_of([] {
        const pid_t child = ::fork();
        if (child == 0) ::_exit(0);
        if (child > 0) ::waitpid(child, nullptr, 0);
        return child;
    });
    told.trace = error_of([] { return ::ptrace(PTRACE_ATTACH, ::getppid(), nullptr, nullptr); });
    told.listen = error_of([&] { return ::listen(bound.get(), 1); });
    told.packet_socket = error_of([] { return Fd(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0)).get(); });
    told.create =
        error_of([&] { return Fd(::open((file + ".new").c_str(), O_RDONLY | O_CREAT, 0600)).get(); });
    told.append = error_of([&] { return Fd(::open(file.c_str(), O_WRONLY | O_APPEND)).get(); });
    told.chmod = error_of([&] { return ::chmod(file.c_str(), 0777); });
    told.signal = error_of([] { return ::kill(::getpid(), SIGURG); });
    told.other_thread = error_of([] { return static_cast<int>(::syscall(SYS_tgkill, 1, 1, 0)); });
    told.type_ahead = error_of([] { return ::ioctl(0, TIOCSTI, "x"); });
    told.look_alive = error_of([] { return ::kill(::getpid(), 0); });
    told.read = error_of([&] { return Fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC)).get(); });
    told.connect = error_of([] { return Fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)).get(); });
    std::thread([&] { told.started_thread = true; }).join();
    return told;
}

}  // namespace

TEST_CASE("a confined process reads and connects, and does nothing else") {
    const std::string file = "/tmp/gerve-confinement-" + std::to_string(::getpid());
    Fd(::open(file.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    Told told;
    std::thread([&] { told = try_everything(file); }).join();  // the other tests go on unconfined
    ::unlink(file.c_str());
    REQUIRE(told.confined);
    CHECK(told.exec == EPERM);
    CHECK(told.fork == EPERM);
    CHECK(told.trace == EPERM);
    CHECK(told.listen == EPERM);
    CHECK(told.packet_socket == EPERM);
    CHECK(told.create == EPERM);
    CHECK(told.append == EPERM);
    CHECK(told.chmod == EPERM);
    CHECK(told.signal == EPERM);
    CHECK(told.other_thread == EPERM);
    CHECK(told.type_ahead == EPERM);
    CHECK(told.look_alive == 0);
    CHECK(told.read == 0);
    CHECK(told.connect == 0);
    CHECK(told.started_thread);
}
