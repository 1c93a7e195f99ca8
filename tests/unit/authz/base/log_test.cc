#include "authz/base/log.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

#include "authz/base/fd.h"

using namespace gerve;

namespace {

// What write() puts on stderr while it runs.
template <class Action>
std::string stderr_of(const Action& action) {
    int ends[2];
    REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
    const Fd reader(ends[0]);
    Fd writer(ends[1]);
    const Fd before(::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3));
    ::dup2(writer.get(), STDERR_FILENO);
    action();
    ::dup2(before.get(), STDERR_FILENO);
    writer.reset();
    std::string text(65536, '\0');
    const ssize_t got = ::read(reader.get(), text.data(), text.size());
    text.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
    return text;
}

}  // namespace

TEST_CASE("a line is an event and its fields; plain values stand bare") {
    CHECK(log::format_line("session ended", {}) == "session ended");
    CHECK(log::format_line("session ended", {{"exit", 0}, {"bytes", 1ULL << 40}, {"delta", -1}}) ==
          "session ended exit=0 bytes=1099511627776 delta=-1");
    CHECK(log::format_line("key offered", {{"key", "SHA256:ab+/c"}, {"address", std::string("::1")}}) ==
          "key offered key=SHA256:ab+/c address=::1");
}

TEST_CASE("no value can end its quotes, its field or the line") {
    struct Row {
        std::string value;
        const char* line;
    };
    for (const Row& row : {
             Row{"", "e v=\"\""},
             Row{"a b", "e v=\"a b\""},
             Row{"a=b", "e v=\"a=b\""},
             Row{"a\" exit=0 x=\"", "e v=\"a\\x22 exit=0 x=\\x22\""},
             Row{"a\\", "e v=\"a\\x5c\""},
             Row{"a\r\n2026-01-01 info forged", "e v=\"a\\x0d\\x0a2026-01-01 info forged\""},
             Row{"\x1b]0;title\x07", "e v=\"\\x1b]0;title\\x07\""},
             Row{"\xc3\x28\xff", "e v=\"\\xc3(\\xff\""},
             Row{std::string("a\0b", 3), "e v=\"a\\x00b\""},
             Row{"\x7f", "e v=\"\\x7f\""},
         }) {
        CHECK(log::format_line("e", {{"v", row.value}}) == row.line);
    }
}

TEST_CASE("no value of a client makes a line longer than a screen") {
    CHECK(log::format_line("e", {{"v", std::string(100'000, '\n')}}).size() < 5000);
    CHECK(log::format_line("e", {{"v", std::string(100'000, 'a')}}).size() < 5000);
}

TEST_CASE("write puts one line on stderr with time, level, process and role, from its level on") {
    const std::string text = stderr_of([] {
        log::start("tester", log::Level::info);
        log::debug("not shown");
        log::warn("disk is filling", {{"left", 7}, {"form", "{0}"}, {"path", "/a b\n"}});
        log::start("tester", log::Level::error);
        log::warn("not shown either");
    });
    CHECK(std::count(text.begin(), text.end(), '\n') == 1);
    CHECK(text.find("[" + std::to_string(::getpid()) +
                    "] tester: disk is filling left=7 form={0} path=\"/a b\\x0a\"\n") != std::string::npos);
    CHECK(text.find("warn") != std::string::npos);
    CHECK(text.find("T") == 10);  // 2026-01-01T…
}
