#include "authz/base/fd.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

using namespace gerve;

namespace {

bool is_open(int fd) {
    return ::fcntl(fd, F_GETFD) >= 0;
}

Fd open_something() {
    return Fd(::open("/dev/null", O_RDONLY | O_CLOEXEC));
}

struct TemporaryDirectory {
    TemporaryDirectory() {
        char name[] = "/tmp/gerve-fd-XXXXXX";
        path = ::mkdtemp(name);
    }
    ~TemporaryDirectory() { std::filesystem::remove_all(path); }
    [[nodiscard]] std::string file(const std::string& content, unsigned mode = 0600) const {
        const std::string name = path + "/file";
        std::filesystem::remove(name);
        std::ofstream(name) << content;
        ::chmod(name.c_str(), mode);
        return name;
    }
    std::string path;
};

unsigned mode_of(const std::string& path) {
    struct stat status {};
    REQUIRE(::stat(path.c_str(), &status) == 0);
    return status.st_mode & 07777;
}

}  // namespace

TEST_CASE("a descriptor is closed once, by its last owner") {
    int number = -1;
    {
        Fd first = open_something();
        number = first.get();
        REQUIRE(is_open(number));
        Fd second(std::move(first));
        CHECK_FALSE(first);  // NOLINT(bugprone-use-after-move): that it is empty is what is promised
        CHECK(second.get() == number);
        Fd third;
        third = std::move(second);
        CHECK(is_open(number));
    }
    CHECK_FALSE(is_open(number));
}

TEST_CASE("a descriptor that is replaced is closed, one that is released is not") {
    Fd held = open_something();
    const int replaced = held.get();
    Fd other = open_something();
    const int kept = other.get();
    held = std::move(other);
    CHECK_FALSE(is_open(replaced));
    CHECK(held.get() == kept);
    Fd& itself = held;
    held = std::move(itself);
    CHECK(is_open(kept));

    const int released = held.release();
    CHECK_FALSE(held);
    held.reset();
    CHECK(is_open(released));
    ::close(released);
}

TEST_CASE("read_file gives the whole of a regular file up to its limit") {
    const TemporaryDirectory directory;
    const std::string path = directory.file(std::string(100'000, 'x'));
    CHECK(read_file(path)->size() == 100'000);
    CHECK(read_file(path, 100'000).has_value());
    const auto over = read_file(path, 99'999);
    REQUIRE_FALSE(over.has_value());
    CHECK(over.error().detail == path + ": larger than 99999 bytes");
    CHECK(read_file(directory.file(""))->empty());
}

TEST_CASE("read_file says what is wrong, and waits for nobody") {
    const TemporaryDirectory directory;
    const std::string absent = directory.path + "/absent";
    CHECK(read_file(absent).error().detail == "cannot open " + absent + ": No such file or directory");
    CHECK(read_file(absent).error().told.empty());
    CHECK(read_file(directory.path).error().detail == directory.path + ": not a regular file");
    const std::string fifo = directory.path + "/fifo";
    REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
    CHECK_FALSE(read_file(fifo).has_value());
}

TEST_CASE("a secret that others can read or write is refused") {
    const TemporaryDirectory directory;
    for (const unsigned mode : {0600U, 0400U, 0700U}) {
        CAPTURE(mode);
        CHECK(read_secret_file(directory.file("secret", mode)) == "secret");
    }
    for (const unsigned mode : {0644U, 0604U, 0660U, 0620U, 0602U, 0601U}) {
        CAPTURE(mode);
        const auto secret = read_secret_file(directory.file("secret", mode));
        REQUIRE_FALSE(secret.has_value());
        CHECK(secret.error().detail.find("chmod 600") != std::string::npos);
    }
}

TEST_CASE("a secret of root's may be read by a group, one of anybody else's may not") {
    const TemporaryDirectory directory;
    CHECK(read_secret_file(directory.file("secret", 0640)).has_value() == (::geteuid() == 0));
}

TEST_CASE("write_file leaves the old content or the new, and no third file") {
    const TemporaryDirectory directory;
    const std::string path = directory.path + "/file";
    const ::mode_t mask = ::umask(022);
    REQUIRE(write_file(path, "old", 0600).has_value());
    CHECK(mode_of(path) == 0600);
    REQUIRE(write_file(path, "new", 0644).has_value());
    ::umask(mask);
    CHECK(*read_file(path) == "new");
    CHECK(mode_of(path) == 0644);
    CHECK_FALSE(write_file(directory.path + "/absent/file", "x", 0600).has_value());
    // A directory stands in the way: the rename fails, and the temporary file goes.
    std::filesystem::create_directory(directory.path + "/taken");
    std::ofstream(directory.path + "/taken/inside") << "x";
    CHECK_FALSE(write_file(directory.path + "/taken", "x", 0600).has_value());
    std::size_t entries = 0;
    for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(directory.path)) ++entries;
    CHECK(entries == 2);
}

TEST_CASE("write_file follows no link that somebody laid at its temporary name") {
    const TemporaryDirectory directory;
    const std::string victim = directory.file("precious");
    const std::string path = directory.path + "/new";
    std::filesystem::create_symlink(victim, path + ".new" + std::to_string(::getpid()));
    CHECK_FALSE(write_file(path, "x", 0600).has_value());
    CHECK(*read_file(victim) == "precious");
}

TEST_CASE("set_nonblocking turns it on and off, and says when it cannot") {
    const Fd file = open_something();
    REQUIRE(set_nonblocking(file.get(), true).has_value());
    CHECK((::fcntl(file.get(), F_GETFL) & O_NONBLOCK) != 0);
    REQUIRE(set_nonblocking(file.get(), false).has_value());
    CHECK((::fcntl(file.get(), F_GETFL) & O_NONBLOCK) == 0);
    CHECK_FALSE(set_nonblocking(-1, true).has_value());
}

TEST_CASE("the limit of open files goes up to the hard one") {
    rlimit limit{};
    REQUIRE(::getrlimit(RLIMIT_NOFILE, &limit) == 0);
    const rlimit before = limit;
    limit.rlim_cur = 64;
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &limit) == 0);
    CHECK(raise_open_files_limit() == before.rlim_max);
    ::setrlimit(RLIMIT_NOFILE, &before);
}
