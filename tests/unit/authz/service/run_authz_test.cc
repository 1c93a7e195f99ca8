// The authz process from its start to its end.
#include "authz/service/run_authz.h"

#include <sys/socket.h>
#include <sys/stat.h>

#include <csignal>
#include <filesystem>
#include <fstream>

#include "authz/service/server.h"
#include "authz/store/open_database.h"
#include "tests/unit/authz/service/fixture.h"

using namespace gerve;
using namespace gerve::testing;

namespace {

// run_authz() on a thread of this process, and the master's end of its control socket.
struct Process {
    explicit Process(const Config& config) {
        int ends[2];
        REQUIRE(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0);
        control = Fd(ends[0]);
        thread = std::thread(
            [this, config, other = ends[1]] { status = run_authz(config, std::nullopt, Fd(other)); });
        char text[8] = "";
        ready = ::read(control.get(), text, sizeof text) == 5 && std::string_view(text, 5) == "ready";
    }
    // Milliseconds that the end took.
    std::int64_t join() {
        const auto start = monotonic_now();
        thread.join();
        return monotonic_now() - start;
    }
    Fd control;
    std::thread thread;
    bool ready = false;
    int status = -1;
};

}  // namespace

TEST_CASE("the process makes what it needs, says that it is ready, serves, and ends with its master") {
    const TemporaryDirectory directory;
    Config config;
    config.state = directory.file("state");
    config.authz.threads = 2;
    must(Registry(*must(open_for_administration(config))).add_account(login("alice"), AccountKind::user));
    Process process(config);
    REQUIRE(process.ready);
    AuthzClient client(config.authz_socket(), std::chrono::seconds(5));
    CHECK_FALSE(must(client.ask(ask_key(1))).has_value());
    struct stat status {};
    REQUIRE(::stat(config.local_ticket_key().c_str(), &status) == 0);
    CHECK((status.st_mode & 0777) == 0600);
    REQUIRE(::stat(config.authz_socket().c_str(), &status) == 0);
    CHECK((status.st_mode & 0777) == 0600);
    process.control.reset();
    CHECK(process.join() < 2'000);
    CHECK(process.status == 0);
    CHECK(kind_of(client.ask(ask_key(1))) == ErrorKind::unavailable);
}

TEST_CASE("SIGTERM ends the process in order, Ctrl-C is the master's to decide about") {
    const TemporaryDirectory directory;
    Config config;
    config.state = directory.file("state");
    config.authz.threads = 2;
    Process process(config);
    REQUIRE(process.ready);
    ::pthread_kill(process.thread.native_handle(), SIGINT);
    ::pthread_kill(process.thread.native_handle(), SIGHUP);
    AuthzClient client(config.authz_socket(), std::chrono::seconds(5));
    CHECK_FALSE(must(client.ask(ask_key(1))).has_value());
    ::pthread_kill(process.thread.native_handle(), SIGTERM);
    CHECK(process.join() < 2'000);
    CHECK(process.status == 0);
}

TEST_CASE("the process does not start with a key that others can read, or for a user that does not exist") {
    const TemporaryDirectory directory;
    Config config;
    config.state = directory.file("state");
    (void)must(open_for_administration(config));
    std::ofstream(config.local_ticket_key()) << TicketKey::make().file_content();
    std::filesystem::permissions(config.local_ticket_key(), std::filesystem::perms(0644));
    Process loose(config);
    loose.join();
    CHECK_FALSE(loose.ready);
    CHECK(loose.status == 1);
    std::filesystem::permissions(config.local_ticket_key(), std::filesystem::perms(0600));
    config.authz.worker_user = "no-such-user-here";
    Process unknown(config);
    unknown.join();
    CHECK_FALSE(unknown.ready);
    CHECK(unknown.status == 1);
}
