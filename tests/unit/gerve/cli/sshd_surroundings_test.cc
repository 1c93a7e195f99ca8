#include "gerve/cli/sshd_surroundings.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>

#include "authz/base/fd.h"
#include "gerve/cli/local_user.h"

using namespace gerve;

namespace {

// A directory below /tmp that goes with its files.
struct Place {
    Place() {
        char made[] = "/tmp/gerve-surroundings-XXXXXX";
        REQUIRE(::mkdtemp(made) != nullptr);
        directory = made;
        ::chmod(made, 0711);
    }
    ~Place() {
        ::unlink(file.c_str());
        ::rmdir(directory.c_str());
    }
    void make_file(mode_t mode) {
        file = directory + "/file";
        const Fd made(::open(file.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
        ::fchmod(made.get(), mode);
    }
    Fd make_socket() {
        file = directory + "/s.sock";
        Fd socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        file.copy(address.sun_path, sizeof address.sun_path - 1);
        REQUIRE(::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
        ::chmod(file.c_str(), 0666);
        return socket;
    }
    std::string directory;
    std::string file;
};

bool contains(const CheckLine& finding, const std::string& text) {
    INFO(finding.told);
    return finding.told.find(text) != std::string::npos;
}

}  // namespace

TEST_CASE("a program that sshd would not run is found") {
    Place place;
    place.make_file(0755);
    // /tmp itself may be written by all: sshd would refuse it, and so it is told.
    const CheckLine writable = check_program(place.file);
    CHECK(writable.status != 0);
    CHECK(contains(writable, "/tmp: writable by group or others, so sshd will not run it; chmod go-w /tmp"));
    CHECK(contains(check_program("/usr/lib/no-such-program"), "does not exist"));
    CHECK(contains(check_program("bin/sh"), "absolute"));
    CHECK(check_program("/bin/sh").status == 0);
}

TEST_CASE("a program that is not owned by root is found" * doctest::description("needs root") *
          doctest::skip(::geteuid() != 0)) {
    char made[] = "/usr/lib/gerve-surroundings-XXXXXX";
    REQUIRE(::mkdtemp(made) != nullptr);
    const std::string program = made;  // a directory will do: it is owner and mode that are looked at
    CHECK(check_program(program).status == 0);
    REQUIRE(::chown(made, 65534, 65534) == 0);
    CHECK(contains(check_program(program),
                   "is not owned by root, so sshd will not run it; chown root " + program));
    CHECK(contains(check_program(program + "/x"), "is not owned by root"));
    REQUIRE(::chown(made, 0, 65534) == 0);
    ::chmod(made, 0775);
    CHECK(contains(check_program(program), "chmod go-w " + program));
    REQUIRE(::chown(made, 0, 0) == 0);
    ::chmod(made, 0775);
    CHECK(check_program(program).status == 0);  // root is alone in its group, which Debian's sshd accepts
    ::chmod(made, 0757);
    CHECK(contains(check_program(program), "chmod go-w " + program));
    ::rmdir(made);
}

TEST_CASE("a program that its user may not run is found") {
    Place place;
    place.make_file(0700);
    CHECK(
        contains(check_runnable(place.file, "nobody"), "nobody cannot execute it; chmod 755 " + place.file));
    ::chmod(place.file.c_str(), 0755);
    CHECK(check_runnable(place.file, "nobody").status == 0);
    ::chmod(place.directory.c_str(), 0700);
    CHECK(contains(check_runnable(place.file, "nobody"),
                   "nobody cannot traverse it; chmod o+x " + place.directory));
    CHECK(check_runnable("/bin/sh", "no-such-user").status != 0);
}

TEST_CASE("a socket that a user cannot reach is found") {
    Place place;
    const Fd socket = place.make_socket();
    CHECK(check_socket(place.file, "nobody").status == 0);
    ::chmod(place.directory.c_str(), 0700);
    CHECK(check_socket(place.file, "nobody").told ==
          place.directory + ": nobody cannot traverse it; chmod o+x " + place.directory);
    ::chmod(place.directory.c_str(), 0711);
    ::chmod(place.file.c_str(), 0600);
    CHECK(contains(check_socket(place.file, "nobody"), "nobody cannot connect"));
    CHECK(contains(check_socket(place.directory + "/none.sock", "nobody"), "is `gerve serve` running?"));
    CHECK(contains(check_socket("/bin/sh", "nobody"), "is not a socket"));
    CHECK(check_socket(place.file, "no-such-user").status != 0);
}

TEST_CASE("an account that is not there, or whose shell runs nothing, is found") {
    CHECK(contains(check_git_account("no-such-user", true), "useradd"));
    CHECK(contains(check_git_account("nobody", true), "cannot run the forced command; usermod --shell"));
    CHECK(check_git_account("root", true).status == 0);
}

TEST_CASE("a ticket key that authz cannot read, or that sshd's users can, is found" *
          doctest::description("needs root") * doctest::skip(::geteuid() != 0)) {
    Place place;
    place.make_file(0600);
    CHECK(check_ticket_key(place.file, "root").status == 0);
    CHECK(contains(check_ticket_key(place.file, "nobody"),
                   "authz, which runs as nobody, cannot read it; chown nobody " + place.file));
    CHECK(check_ticket_key(place.file, "").status != 0);
    CHECK(check_hidden(place.file, "nobody").status == 0);
    ::chmod(place.file.c_str(), 0644);
    CHECK(contains(check_hidden(place.file, "nobody"), "nobody can read it"));
    ::chmod(place.directory.c_str(), 0700);
    CHECK(check_hidden(place.file, "nobody").status == 0);
    CHECK(LocalUser::owner_of(place.file) == "root");
    CHECK(LocalUser::owner_of(place.directory + "/none").empty());
}
