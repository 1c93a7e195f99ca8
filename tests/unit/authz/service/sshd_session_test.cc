#include "authz/service/sshd_session.h"

#include <doctest/doctest.h>
#include <grp.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <thread>

using namespace gerve;
using std::chrono::milliseconds;

TEST_CASE("a handle belongs to the session whose login it was made for") {
    // Ages now: connection, login, handle. The key is asked for between the two.
    const auto belongs = [](int connection, int login, int handle) {
        return began_with_handle({milliseconds(connection), milliseconds(login)}, milliseconds(handle));
    };
    CHECK(belongs(3'600'900, 3'600'000, 3'600'500));
    CHECK(belongs(900, 100, 500));
    CHECK(belongs(7'000'000, 6'900'000, 6'950'000));         // a slow login
    CHECK_FALSE(belongs(3'600'900, 3'600'000, 3'599'000));   // made after this login: another's
    CHECK_FALSE(belongs(3'600'900, 3'600'000, 3'602'000));   // made before this connection
    CHECK_FALSE(belongs(900, 500, 3'600'000));               // a later connection
    CHECK_FALSE(belongs(3'600'900, 60'000, 3'600'500));      // a login long after the key was asked for
    CHECK_FALSE(belongs(99'000'000, 3'600'000, 3'600'500));  // below what runs since the system's start
}

TEST_CASE("root's process and the account's are found above a forced command" *
          doctest::description("needs root") * doctest::skip(::geteuid() != 0)) {
    // This process is root's; below it one of nobody's, below that the "forced command".
    std::array<int, 2> ends{};
    REQUIRE(::pipe(ends.data()) == 0);
    std::this_thread::sleep_for(milliseconds(300));
    const pid_t session = ::fork();
    if (session == 0) {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (::setgroups(0, nullptr) != 0 || ::setresuid(65534, 65534, 65534) != 0) ::_exit(1);
        ::usleep(200'000);
        const pid_t command = ::fork();
        if (command == 0) {
            ::prctl(PR_SET_PDEATHSIG, SIGKILL);
            const pid_t own = ::getpid();
            if (::write(ends[1], &own, sizeof own) != sizeof own) ::_exit(1);
            ::pause();
        }
        ::pause();
    }
    pid_t command = 0;
    REQUIRE(::read(ends[0], &command, sizeof command) == sizeof command);
    const auto found = find_sshd_session(command);
    const auto outside = find_sshd_session(::getpid());
    ::kill(session, SIGKILL);
    ::waitpid(session, nullptr, 0);
    ::close(ends[0]);
    ::close(ends[1]);
    REQUIRE(found.has_value());
    CHECK(found->since_login >= milliseconds(190));
    CHECK(found->since_login < milliseconds(20'000));
    CHECK(found->since_connection >= found->since_login + milliseconds(280));
    if (outside) CHECK(outside->since_connection >= found->since_connection - milliseconds(20));
}

TEST_CASE("a process that is not there has no session") {
    CHECK_FALSE(find_sshd_session(0).has_value());
    CHECK_FALSE(find_sshd_session(-1).has_value());
    CHECK_FALSE(find_sshd_session(1).has_value());
    CHECK_FALSE(find_sshd_session(0x7ffffff0).has_value());
}
