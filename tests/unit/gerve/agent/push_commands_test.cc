#include "gerve/agent/push_commands.h"

#include <doctest/doctest.h>

#include <cstdio>

namespace gerve {
namespace {

using Names = std::vector<std::string>;

std::string packet(const std::string& payload) {
    char length[5];
    std::snprintf(length, sizeof length, "%04x", static_cast<unsigned>(payload.size() + 4));
    return length + payload;
}

const std::string none(40, '0');
const std::string some(40, 'a');

std::string command(const std::string& from, const std::string& to, const std::string& ref) {
    return packet(from + " " + to + " " + ref);
}

// In pieces of that size.
PushCommands read(const std::string& input, std::size_t piece) {
    PushCommands commands;
    for (std::size_t at = 0; at < input.size(); at += piece) {
        commands.take(std::string_view(input).substr(at, piece));
    }
    return commands;
}

TEST_CASE("the branches of a push are read in its order, however it is cut up") {
    const std::string input =
        packet("shallow " + some + "\n") +
        packet(none + " " + some + " refs/heads/zeta" + '\0' + "report-status atomic\n") +
        command(none, some, "refs/tags/v1") + command(some, none, "refs/heads/old") +
        command(none, some, "refs/heads/alpha") + "0000" + command(none, some, "refs/heads/in-the-pack");
    for (const std::size_t piece : {1UL, 3UL, 5UL, 64UL, 4096UL}) {
        CAPTURE(piece);
        const PushCommands commands = read(input, piece);
        CHECK(commands.updated() == Names{"refs/heads/zeta", "refs/heads/alpha"});
        CHECK(commands.deleted() == Names{"refs/heads/old"});
    }
}

TEST_CASE("SHA-256 and signed pushes are read as well") {
    const std::string long_none(64, '0');
    const std::string long_some(64, 'b');
    CHECK(read(command(long_none, long_some, "refs/heads/main"), 7).updated() == Names{"refs/heads/main"});
    const std::string certificate = packet(std::string("push-cert\0report-status\n", 24)) +
                                    packet("certificate version 0.1\n") + packet("pusher A <a@b> 1 +0000\n") +
                                    packet("\n") + packet(none + " " + some + " refs/heads/signed\n") +
                                    packet("-----BEGIN SSH SIGNATURE-----\n") + packet("push-cert-end\n") +
                                    "0000";
    CHECK(read(certificate, 11).updated() == Names{"refs/heads/signed"});
}

TEST_CASE("what is no list of commands names no branch") {
    for (const std::string& input :
         {std::string("zzzz"), std::string("0003x"), std::string("0001"), std::string("0000") + packet("x"),
          std::string(1000, '\0'), packet("PACK") + std::string(1000, 'x'),
          std::string("0004") + "0004" + "0000", packet(none + " " + some + " refs/heads/a b"),
          packet("x " + some + " refs/heads/a"), packet(none + " " + some + "  refs/heads/a")}) {
        CAPTURE(input);
        for (const std::size_t piece : {1UL, 4096UL}) {
            CHECK(read(input, piece).updated().empty());
            CHECK(read(input, piece).deleted().empty());
        }
    }
    // Behind an empty packet it goes on.
    CHECK(read("0004" + command(none, some, "refs/heads/a"), 1).updated() == Names{"refs/heads/a"});
}

TEST_CASE("a push of very many branches takes no more memory than some") {
    PushCommands commands;
    for (std::size_t i = 0; i < PushCommands::max_branches + 10; ++i) {
        commands.take(command(none, some, "refs/heads/b" + std::to_string(i)));
    }
    CHECK(commands.updated().size() == PushCommands::max_branches);
}

}  // namespace
}  // namespace gerve
