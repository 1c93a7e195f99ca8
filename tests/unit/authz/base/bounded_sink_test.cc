#include "authz/base/bounded_sink.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <spdlog/logger.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>

using namespace gerve;

namespace {

// A pipe or a pair of sockets of which nobody reads until asked, and a logger that writes there.
struct Line {
    explicit Line(bool socket) {
        std::array<int, 2> ends{};
        const int made = socket ? ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data())
                                : ::pipe2(ends.data(), O_CLOEXEC);
        REQUIRE(made == 0);
        reader = Fd(ends[0]);
        writer = Fd(ends[1]);
        ::fcntl(reader.get(), F_SETFL, O_NONBLOCK);
        logger = std::make_shared<spdlog::logger>("authz", std::make_shared<log::BoundedSink>(writer.get()));
        logger->set_pattern("%n: %v");
    }
    std::string read_all() const {
        std::string text;
        std::array<char, 65536> buffer{};
        for (ssize_t got = 0; (got = ::read(reader.get(), buffer.data(), buffer.size())) > 0;)
            text.append(buffer.data(), static_cast<std::size_t>(got));
        return text;
    }
    Fd reader;
    Fd writer;
    std::shared_ptr<spdlog::logger> logger;
};

}  // namespace

TEST_CASE("a reader that hangs holds nobody up, and hears how much it missed") {
    for (const bool socket : {false, true}) {
        CAPTURE(socket);
        const Line line(socket);
        const std::string text(1000, 'x');
        constexpr int lines = 5'000;  // more than any of the two holds
        for (int i = 0; i < lines; ++i) line.logger->info(text);
        CHECK((::fcntl(line.writer.get(), F_GETFL) & O_NONBLOCK) == 0);  // shared with others, and left alone
        std::string had = line.read_all();
        line.logger->info("again");
        had += line.read_all();
        // Whole lines, one of them the note.
        std::size_t whole = 0;
        for (std::size_t at = 0; at < had.size(); at = had.find('\n', at) + 1) {
            if (had.compare(at, 1008, "authz: " + text + "\n") == 0) ++whole;
        }
        CHECK(whole > 10);
        CHECK(whole < lines);
        const std::string note = "authz: log lines were dropped: the log reader did not keep up count=" +
                                 std::to_string(lines - whole) + "\nauthz: again\n";
        CHECK(had.ends_with(note));
    }
}

TEST_CASE("a reader that is gone holds nobody up") {
    Line line(true);
    line.reader.reset();
    for (int i = 0; i < 100; ++i) line.logger->info("nobody hears this");
}

TEST_CASE("lines that a full disk does not take are counted") {
    const Fd file(::open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
    REQUIRE(file);
    spdlog::logger logger("authz", std::make_shared<log::BoundedSink>(file.get()));
    logger.set_pattern("%n: %v");
    // A file that may not grow, as on a disk without room.
    const auto handled = std::signal(SIGXFSZ, SIG_IGN);
    rlimit before{};
    REQUIRE(::getrlimit(RLIMIT_FSIZE, &before) == 0);
    const rlimit full{12, before.rlim_max};
    REQUIRE(::setrlimit(RLIMIT_FSIZE, &full) == 0);
    logger.info("half of it");  // the rest of the line comes when there is room
    for (int i = 0; i < 3; ++i) logger.info("lost");
    REQUIRE(::setrlimit(RLIMIT_FSIZE, &before) == 0);
    std::signal(SIGXFSZ, handled);
    logger.info("again");
    std::string text(200, '\0');
    text.resize(
        static_cast<std::size_t>(std::max<ssize_t>(::pread(file.get(), text.data(), text.size(), 0), 0)));
    CHECK(text ==
          "authz: half of it\n"
          "authz: log lines were dropped: the log reader did not keep up count=3\n"
          "authz: again\n");
}
