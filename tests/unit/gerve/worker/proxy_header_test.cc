#include "gerve/worker/proxy_header.h"

#include <doctest/doctest.h>

#include "authz/base/text.h"

using namespace gerve;
using namespace std::string_literals;

namespace {

// What a header tells when it comes in pieces of that size at most: the client's address, "own" for the
// balancer's own, "wrong", or "waits". What it did not take is left in `rest`.
std::string read(std::string_view bytes, std::size_t piece, std::string* rest = nullptr) {
    ProxyHeader header;
    std::string told = "waits";
    while (told == "waits") {
        const auto taken = bytes.substr(0, std::min(header.wanted(), piece));
        if (taken.empty()) break;
        bytes.remove_prefix(taken.size());
        if (!header.take(taken)) {
            told = "wrong";
        } else if (header.wanted() == 0) {
            told = header.client() ? header.client()->text() : "own";
        }
    }
    if (rest != nullptr) *rest = bytes;
    return told;
}

std::string read(const std::string& bytes) {
    const std::string told = read(bytes, 4096);
    for (const std::size_t piece : {1U, 2U, 7U}) CHECK(read(bytes, piece) == told);
    return told;
}

std::string binary(char command, char family, const std::string& rest) {
    std::string text("\r\n\r\n\0\r\nQUIT\n", 12);
    text += command;
    text += family;
    text += static_cast<char>(rest.size() >> 8);
    text += static_cast<char>(rest.size() & 0xff);
    return text + rest;
}

const std::string v4_addresses("\xcb\x00\x71\x09\x0a\x00\x00\x01\x30\x39\x00\x16", 12);
const std::string v6_addresses(
    "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x09\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01"
    "\x30\x39\x00\x16",
    36);

}  // namespace

TEST_CASE("a line tells the client") {
    CHECK(read("PROXY TCP4 203.0.113.9 10.0.0.1 12345 22\r\n"s) == "203.0.113.9");
    CHECK(read("PROXY TCP6 2001:db8::9 2001:db8::1 12345 22\r\n"s) == "2001:db8::9");
    CHECK(read("PROXY TCP6 ::ffff:203.0.113.9 ::ffff:10.0.0.1 12345 22\r\n"s) == "203.0.113.9");
    CHECK(read("PROXY UNKNOWN\r\n"s) == "own");
    CHECK(read("PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n"s) == "own");
}

TEST_CASE("the binary kind tells the client") {
    CHECK(read(binary('\x21', '\x11', v4_addresses)) == "203.0.113.9");
    CHECK(read(binary('\x21', '\x21', v6_addresses)) == "2001:db8::9");
    CHECK(read(binary('\x21', '\x11', v4_addresses + "\x04\x00\x02hi"s)) == "203.0.113.9");
    CHECK(read(binary('\x20', '\x11', v4_addresses)) == "own");  // LOCAL: a check of the balancer's
    CHECK(read(binary('\x20', '\x00', "")) == "own");
    CHECK(read(binary('\x21', '\x00', "")) == "own");
    CHECK(read(binary('\x21', '\x31', std::string(216, 'x'))) == "own");
}

TEST_CASE("what follows the header is not touched") {
    for (const std::string& header : {"PROXY TCP4 203.0.113.9 10.0.0.1 12345 22\r\n"s, "PROXY UNKNOWN\r\n"s,
                                      binary('\x21', '\x11', v4_addresses), binary('\x20', '\x00', "")}) {
        for (const std::size_t piece : {1U, 2U, 3U, 4096U}) {
            std::string rest;
            CHECK(read(header + "SSH-2.0-x\r\n", piece, &rest) != "wrong");
            CHECK(rest == "SSH-2.0-x\r\n");
        }
    }
}

TEST_CASE("a line has at most 107 bytes, however it comes in") {
    const std::string begun = "PROXY UNKNOWN ";
    for (std::size_t size = 100; size < 115; ++size) {
        const std::string line = begun + std::string(size - begun.size() - 2, 'f') + "\r\n";
        REQUIRE(line.size() == size);
        for (std::size_t piece = 1; piece < 120; ++piece) {
            CAPTURE(size);
            CAPTURE(piece);
            CHECK(read(line, piece) == (size <= 107 ? "own" : "wrong"));
        }
    }
}

TEST_CASE("what is no header is refused, and at once") {
    for (const std::string& wrong : {"SSH-2.0-OpenSSH_9.2\r\n"s,
                                     "PROXY"s + "\r\n",
                                     "PROXY \r\n           "s,
                                     "proxy TCP4 1.1.1.1 1.1.1.1 1 1\r\n"s,
                                     "PROXY TCP4 203.0.113.9 10.0.0.1 12345\r\n"s,
                                     "PROXY TCP4 203.0.113.9 10.0.0.1 12345 22 x\r\n"s,
                                     "PROXY TCP4 2001:db8::9 2001:db8::1 12345 22\r\n"s,
                                     "PROXY TCP6 203.0.113.9 10.0.0.1 12345 22\r\n"s,
                                     "PROXY TCP4 203.0.113.9 10.0.0.1 12345 65536\r\n"s,
                                     "PROXY TCP4 203.0.113.9 10.0.0.1 -1 22\r\n"s,
                                     "PROXY TCP4 203.0.113.999 10.0.0.1 1 22\r\n"s,
                                     "PROXY UDP4 203.0.113.9 10.0.0.1 1 22\r\n"s,
                                     "PROXY TCP4 203.0.113.9 10.0.0.1 1 22\n    "s,
                                     "PROXY TCP4 203.0.113.9 10.0.0.1 1 22\rSSH"s,
                                     "PROXY TCP4  203.0.113.9 10.0.0.1 1 22\r\n"s,
                                     "PROXY TCP4 203.0.113.9\0 10.0.0.1 1 22\r\n"s,
                                     "PROXY TCP4 " + std::string(120, '1') + "\r\n",
                                     binary('\x11', '\x11', v4_addresses),
                                     binary('\x22', '\x11', v4_addresses),
                                     binary('\x21', '\x12', v4_addresses),
                                     binary('\x21', '\x11', v4_addresses.substr(0, 11)),
                                     binary('\x21', '\x21', v4_addresses),
                                     binary('\x21', '\x11', std::string(4000, 'x')),
                                     "\r\n\r\n\0\r\nQUIX\n!!!!!"s}) {
        CAPTURE(printable(wrong));
        CHECK(read(wrong) == "wrong");
    }
}

TEST_CASE("a header that is not whole waits for more") {
    const std::string line = "PROXY TCP4 203.0.113.9 10.0.0.1 12345 22\r\n";
    const std::string other = binary('\x21', '\x11', v4_addresses);
    for (const std::string& whole : {line, other}) {
        for (std::size_t size = 0; size < whole.size(); ++size) CHECK(read(whole.substr(0, size)) == "waits");
    }
}
