#include "gerve/master/maintenance.h"

#include <doctest/doctest.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "tests/unit/temporary.h"

using namespace gerve;

namespace {

struct Site {
    TemporaryDirectory directory;
    [[nodiscard]] std::string file() const { return maintenance_file(directory.path); }
    void write(const std::string& text) const { REQUIRE(write_file(file(), text, 0644)); }
    [[nodiscard]] std::string text() const { return read_maintenance(directory.path).value(); }
};

bool is_readable(int fd) {
    pollfd polled{fd, POLLIN, 0};
    return ::poll(&polled, 1, 0) == 1;
}

}  // namespace

TEST_CASE("the text is what stands in the file, line by line") {
    const Site site;
    CHECK(site.text() == "");
    site.write("Back at 14:00.\nSee status.example.org\n\n");
    CHECK(site.text() == "Back at 14:00.\nSee status.example.org\n");
    site.write("no cursor \x1b[2J is moved\r");
    CHECK(site.text().find('\x1b') == std::string::npos);
    CHECK(site.text().find("is moved") != std::string::npos);
    site.write("");
    CHECK(site.text() == "Closed for maintenance. Try again later.\n");
    site.write(std::string(max_maintenance_text + 1, 'x'));
    CHECK_FALSE(read_maintenance(site.directory.path));
}

TEST_CASE("the watch tells each change once, whoever made it") {
    const Site site;
    site.write("before");
    auto watch = MaintenanceWatch::open(site.directory.path).value();
    CHECK(watch.look());
    CHECK(watch.text() == "before\n");
    CHECK_FALSE(watch.look());

    site.write("another");
    CHECK(is_readable(watch.fd()));
    CHECK(watch.look());
    CHECK(watch.text() == "another\n");
    CHECK_FALSE(is_readable(watch.fd()));

    std::ofstream(site.file()) << "by hand";
    CHECK(watch.look());
    CHECK(watch.text() == "by hand\n");

    site.write("by hand");
    CHECK_FALSE(watch.look());
    std::ofstream(site.directory.path + "/another-file") << "x";
    CHECK_FALSE(watch.look());

    ::unlink(site.file().c_str());
    CHECK(watch.look());
    CHECK(watch.text() == "");
}

TEST_CASE("a file that cannot be read keeps the text, and closes the door if there was none") {
    const Site site;
    site.write("on");
    auto watch = MaintenanceWatch::open(site.directory.path).value();
    CHECK(watch.look());
    site.write(std::string(max_maintenance_text + 1, 'x'));
    CHECK_FALSE(watch.look());
    CHECK(watch.text() == "on\n");

    ::unlink(site.file().c_str());
    CHECK(watch.look());
    site.write(std::string(max_maintenance_text + 1, 'x'));
    CHECK(watch.look());
    CHECK(watch.text() == "Closed for maintenance. Try again later.\n");
}

TEST_CASE("where there is no directory nothing can be watched") {
    CHECK_FALSE(MaintenanceWatch::open("/nonexistent/directory"));
}
