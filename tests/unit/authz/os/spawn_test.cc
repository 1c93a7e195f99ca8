#include "authz/os/spawn.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>

#include "authz/base/fd.h"

using namespace gerve;

namespace {

struct Pipe {
    Pipe() {
        std::array<int, 2> ends{};
        REQUIRE(::pipe2(ends.data(), O_CLOEXEC) == 0);
        out = Fd(ends[0]);
        in = Fd(ends[1]);
    }
    Fd out;
    Fd in;
};

std::string rest_of(const Fd& pipe) {
    std::string text;
    std::array<char, 512> buffer{};
    for (ssize_t got = 0; (got = ::read(pipe.get(), buffer.data(), buffer.size())) > 0;)
        text.append(buffer.data(), static_cast<std::size_t>(got));
    return text;
}

// What it prints, with exit status 0.
std::string output_of(SpawnStart start) {
    Pipe output;
    start.descriptors.push_back({output.in.get(), STDOUT_FILENO});
    pid_t pid = 0;
    REQUIRE(spawn(start, pid) == 0);
    output.in.reset();
    std::string text = rest_of(output.out);
    int status = 0;
    REQUIRE(::waitpid(pid, &status, 0) == pid);
    CHECK(status == 0);
    return text;
}

Fd holding(const std::string& text) {
    Pipe pipe;
    REQUIRE(::write(pipe.in.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()));
    return std::move(pipe.out);
}

}  // namespace

TEST_CASE("a program gets its words and its environment and no other") {
    CHECK(output_of({.program = "/usr/bin/env", .words = {"env"}, .environment = {"A=1", "B=two words"}}) ==
          "A=1\nB=two words\n");
    CHECK(output_of({.program = "/bin/echo", .words = {"echo", "$HOME", "*"}}) == "$HOME *\n");
}

TEST_CASE("a program gets the descriptors that are named, and no other") {
    const Fd first(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    const Fd left_open(::fcntl(first.get(), F_DUPFD, 40));  // without O_CLOEXEC
    const Fd named = holding("");
    const SpawnStart list{.program = "/bin/ls", .words = {"ls", "/proc/self/fd"}};
    // One more is what ls itself reads.
    CHECK(output_of(list) == "0\n1\n2\n3\n");
    SpawnStart with_gap = list;
    with_gap.descriptors = {{named.get(), 60}};
    CHECK(output_of(with_gap) == "0\n1\n2\n3\n60\n");
    SpawnStart with_others = list;
    with_others.closes_others = false;
    CHECK(output_of(with_others).find(std::to_string(left_open.get()) + "\n") != std::string::npos);
}

TEST_CASE("input is /dev/null if it is to be, and this process's own otherwise") {
    const Fd before(::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 40));
    const Fd pipe = holding("");
    ::dup2(pipe.get(), STDIN_FILENO);
    SpawnStart start{.program = "/bin/readlink", .words = {"readlink", "/proc/self/fd/0"}};
    const std::string own = output_of(start);
    start.null_input = true;
    const std::string null = output_of(start);
    ::dup2(before.get(), STDIN_FILENO);
    CHECK(own.starts_with("pipe:"));
    CHECK(null == "/dev/null\n");
}

TEST_CASE("a program leads a process group of its own, or stays in this one's") {
    for (const bool own_group : {true, false}) {
        const std::string stat =
            output_of({.program = "/bin/cat", .words = {"cat", "/proc/self/stat"}, .own_group = own_group});
        long pid = 0;
        long group = 0;
        REQUIRE(std::sscanf(stat.c_str(), "%ld (cat) %*c %*d %ld", &pid, &group) == 2);
        CHECK(group == (own_group ? pid : ::getpgrp()));
    }
}

TEST_CASE("descriptors may change places") {
    const Fd one = holding("one");
    const Fd two = holding("two");
    SpawnStart start{.program = "/bin/cat", .descriptors = {{one.get(), two.get()}, {two.get(), one.get()}}};
    start.words = {"cat", "/dev/fd/" + std::to_string(one.get()), "/dev/fd/" + std::to_string(two.get())};
    CHECK(output_of(start) == "twoone");
}

TEST_CASE("no signal is blocked or ignored in a program") {
    sigset_t blocked;
    sigset_t before;
    ::sigemptyset(&blocked);
    ::sigaddset(&blocked, SIGTERM);
    ::pthread_sigmask(SIG_BLOCK, &blocked, &before);
    auto* const action = ::signal(SIGPIPE, SIG_IGN);
    const std::string status = output_of({.program = "/bin/cat", .words = {"cat", "/proc/self/status"}});
    ::signal(SIGPIPE, action);
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    CHECK(status.find("SigBlk:\t0000000000000000\n") != std::string::npos);
    const auto ignored = status.find("SigIgn:\t");
    REQUIRE(ignored != std::string::npos);
    // Bit 0 is signal 1. The C library has signals 32 and 33 for itself, and leaves them ignored.
    CHECK((std::stoull(status.substr(ignored + 8, 16), nullptr, 16) & 0x7fffffff) == 0);
}

TEST_CASE("a program that is not there gives an errno") {
    pid_t pid = 0;
    CHECK(spawn({.program = "/nonexistent/program", .words = {"program"}}, pid) == ENOENT);
    CHECK(spawn({.program = "/bin/cat", .words = {"cat"}, .descriptors = {{-1, 0}}}, pid) == EBADF);
}
