#include "gerve/agent/protocol/push_reader.h"

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
const std::string other(40, 'b');
constexpr std::string_view capabilities =
    " report-status-v2 side-band-64k push-options atomic agent=git/2.39.5\n";

std::string command(const std::string& from, const std::string& to, const std::string& ref) {
    return packet(from + " " + to + " " + ref);
}

// The first command of a push, with what the client can do.
std::string first(const std::string& from, const std::string& to, const std::string& ref,
                  std::string_view can = capabilities) {
    return packet(from + " " + to + " " + ref + '\0' + std::string(can));
}

const std::string advertisement = packet(some + " refs/heads/main" + '\0' + "report-status side-band-64k\n") +
                                  packet(other + " refs/heads/other\n") + "0000";

std::string band(char number, const std::string& payload) {
    return packet(number + payload);
}

// In pieces of that size.
PushReader read(const std::string& input, const std::string& output, std::size_t piece) {
    PushReader push;
    for (std::size_t at = 0; at < input.size(); at += piece)
        push.take_input(std::string_view(input).substr(at, piece));
    for (std::size_t at = 0; at < output.size(); at += piece)
        push.take_output(std::string_view(output).substr(at, piece));
    return push;
}

constexpr std::size_t pieces[] = {1, 3, 5, 64, 4096};

TEST_CASE("the commands of a push are read in its order, however they are cut up") {
    const std::string input = packet("shallow " + some + "\n") + first(none, some, "refs/heads/zeta") +
                              command(none, some, "refs/tags/v1") + command(some, none, "refs/heads/old") +
                              command(some, other, "refs/heads/alpha") + "0000" + packet("option one\n") +
                              packet("option two\n") + "0000" + command(none, some, "refs/heads/in-the-pack");
    for (const std::size_t piece : pieces) {
        CAPTURE(piece);
        const PushReader push = read(input, "", piece);
        REQUIRE(push.changes().size() == 4);
        CHECK(push.changes()[1].ref == "refs/tags/v1");
        CHECK(push.changes()[3].old_id == some);
        CHECK(push.changes()[3].new_id == other);
        CHECK(kind_of(push.changes()[0]) == "create");
        CHECK(kind_of(push.changes()[2]) == "delete");
        CHECK(kind_of(push.changes()[3]) == "update");
        CHECK(push.updated_branches() == Names{"refs/heads/zeta", "refs/heads/alpha"});
        CHECK(push.deleted_branches() == Names{"refs/heads/old"});
        const PushFacts facts = push.facts(push.changes());
        CHECK(facts.options == 2);
        CHECK(facts.unknown == 4);
    }
}

TEST_CASE("without push options the pack follows the commands") {
    const std::string input = first(none, some, "refs/heads/a", " report-status") + "0000" + packet("PACK");
    CHECK(read(input, "", 7).facts({}).options == 0);
}

TEST_CASE("SHA-256 and signed pushes are read as well") {
    const std::string long_none(64, '0');
    const std::string long_some(64, 'b');
    CHECK(read(command(long_none, long_some, "refs/heads/main"), "", 7).updated_branches() ==
          Names{"refs/heads/main"});
}

// In packets of that many bytes.
std::string certificate_of(const std::string& text, std::size_t piece) {
    std::string packets = packet(std::string("push-cert\0report-status\n", 24));
    for (std::size_t at = 0; at < text.size(); at += piece) packets += packet(text.substr(at, piece));
    return packets + packet("push-cert-end\n") + "0000";
}

TEST_CASE("the commands of a signed push are those that git reads, however its lines are packed") {
    const std::string signature = "-----BEGIN SSH SIGNATURE-----\n";
    const std::string fake = none + " " + some + " refs/heads/in-the-head\n";
    const std::string command_line = none + " " + some + " refs/heads/signed\n";
    const std::string text = "certificate version 0.1\npusher A <a@b> 1 +0000\n" + signature + fake + "\n" +
                             command_line + signature + none + " " + some + " refs/heads/in-the-signature\n" +
                             signature + "x\n";
    for (const std::size_t piece : {1UL, 10UL, 60'000UL}) {
        CAPTURE(piece);
        const PushReader push = read(certificate_of(text, piece), "", 11);
        CHECK(push.updated_branches() == Names{"refs/heads/signed", "refs/heads/in-the-signature"});
        CHECK(push.facts({}).is_signed);
        const PushReader bare = read(certificate_of("x\n\n" + command_line, piece), "", 11);
        CHECK(bare.updated_branches() == Names{"refs/heads/signed"});
        CHECK_FALSE(bare.facts({}).is_signed);
    }
    CHECK(read(certificate_of(command_line, 10), "", 11).changes().empty());  // without an empty line
}

TEST_CASE("object ids in capitals are told in small letters") {
    const PushReader push = read(command(std::string(40, 'A'), std::string(40, 'B'), "refs/heads/a"), "", 64);
    REQUIRE(push.changes().size() == 1);
    CHECK(push.changes()[0].old_id == std::string(40, 'a'));
    CHECK(push.changes()[0].new_id == std::string(40, 'b'));
}

TEST_CASE("capabilities stand between white space, with a value or without, up to a zero byte") {
    const std::string report = advertisement + band(1, packet("unpack ok\n") + packet("ok refs/heads/a\n"));
    for (const std::string& can :
         {std::string("\tside-band-64k"), std::string("x side-band-64k=1"), std::string("side-band-64k")}) {
        CAPTURE(can);
        CHECK(read(first(none, some, "refs/heads/a", can) + "0000", report, 64).changes()[0].outcome ==
              RefOutcome::taken);
    }
    for (const std::string& can : {std::string("side-band-64kx"), std::string("xside-band-64k"),
                                   std::string("x\0side-band-64k", 15)}) {
        CAPTURE(can);
        CHECK(read(first(none, some, "refs/heads/a", can) + "0000", report, 64).changes()[0].outcome ==
              RefOutcome::unknown);
    }
}

TEST_CASE("a status that belongs to no command makes the outcome of the push unknown") {
    const PushReader push = read(first(none, some, "refs/heads/a", "report-status") + "0000",
                                 advertisement + packet("unpack ok\n") + packet("ok refs/heads/b\n") +
                                     packet("ok refs/heads/a\n") + "0000",
                                 64);
    CHECK(push.changes()[0].outcome == RefOutcome::taken);
    CHECK(outcome_of(push.facts(push.changes())) == PushOutcome::unknown);
}

TEST_CASE("the report is read, within side-band packets and without") {
    const std::string report = packet("unpack ok\n") + packet("ok refs/heads/a\n") +
                               packet("ng refs/heads/b pre-receive hook declined\n") +
                               packet("ok refs/heads/c\n") + "0000";
    const std::string commands = command(none, some, "refs/heads/b") + command(some, other, "refs/heads/c") +
                                 command(some, other, "refs/heads/d") + "0000PACK";
    const std::string cut = report.substr(0, 30);
    const std::string banded =
        advertisement + band(2, "remote: checking\n") + band(1, cut) + band(1, report.substr(30)) + "0000";
    for (const std::size_t piece : pieces) {
        CAPTURE(piece);
        const PushReader push = read(first(none, some, "refs/heads/a") + commands, banded, piece);
        const PushReader plain = read(first(none, some, "refs/heads/a", " report-status") + commands,
                                      advertisement + report, piece);
        for (const PushReader* reader : {&push, &plain}) {
            const auto& changes = reader->changes();
            REQUIRE(changes.size() == 4);
            CHECK(changes[0].outcome == RefOutcome::taken);
            CHECK(changes[1].outcome == RefOutcome::refused);
            CHECK(changes[1].why == "pre-receive hook declined");
            CHECK(changes[2].outcome == RefOutcome::taken);
            CHECK(changes[3].outcome == RefOutcome::unknown);
            const PushFacts facts = reader->facts(changes);
            CHECK(facts.taken == 2);
            CHECK(facts.refused == 1);
            CHECK(facts.unknown == 1);
        }
        CHECK(push.last_words() == "remote: checking\n");
    }
}

TEST_CASE("a pack that is not taken gives its reason to each ref") {
    const PushReader push = read(first(none, some, "refs/heads/a", " report-status") + "0000",
                                 advertisement + packet("unpack index-pack abnormal exit\n") +
                                     packet("ng refs/heads/a unpacker error\n") + "0000",
                                 4096);
    CHECK(push.changes()[0].why == "unpacker error: index-pack abnormal exit");
}

TEST_CASE("what a proc-receive hook made of a command stands in the options behind its status") {
    const std::string zeta(40, 'f');
    const PushReader push =
        read(first(none, some, "refs/for/main", " report-status-v2") + "0000",
             advertisement + packet("unpack ok\n") + packet("ok refs/for/main\n") +
                 packet("option refname refs/pull/1/head\n") + packet("option old-oid " + other + "\n") +
                 packet("option new-oid " + zeta + "\n") + packet("option forced-update\n") +
                 packet("ok refs/for/main\n") + packet("option refname refs/pull/2/head\n") + "0000",
             4096);
    REQUIRE(push.changes().size() == 2);
    CHECK(push.changes()[0].forced == Forced::yes);
    CHECK(push.changes()[1].ref == "refs/pull/2/head");
    CHECK(push.changes()[1].forced == Forced::no);
    CHECK(push.facts(push.changes()).taken == 2);
    CHECK(push.changes()[0].ref == "refs/pull/1/head");
    CHECK(push.changes()[0].old_id == other);
    CHECK(push.changes()[0].new_id == zeta);
}

TEST_CASE("the advertisement shows what a push cannot have done") {
    PushReader push = read(first(none, some, "refs/heads/main") + "0000", advertisement, 64);
    const auto change = [](const std::string& ref, const std::string& from, const std::string& to,
                           bool is_settled) {
        return RefChange{"refs/heads/" + ref, from, to, RefOutcome::taken, Forced::no, is_settled, ""};
    };
    // `some` is what main names, `other` what other names.
    std::vector<RefChange> changes{change("main", other, some, true), change("main", other, some, false),
                                   change("main", some, some, true),  change("main", some, other, true),
                                   change("main", some, none, false), change("late", some, none, false),
                                   change("main", none, none, false), change("gone", none, none, false),
                                   change("gone", some, none, true)};
    push.compare_with_advertisement(changes);
    CHECK(changes[0].outcome == RefOutcome::refused);
    for (std::size_t i = 1; i < 8; ++i) CHECK(changes[i].outcome == RefOutcome::taken);
    CHECK(changes[8].outcome == RefOutcome::unknown);
    CHECK(changes[4].old_id == some);
    CHECK(changes[5].old_id == some);  // made behind the advertisement, and git has checked what it named
    CHECK(changes[6].old_id == some);  // the client named nothing that is there
    CHECK(changes[7].old_id == none);
}

TEST_CASE("what the refs named that found no room is known all the same") {
    std::string input = first(none, some, "refs/heads/new");
    for (std::size_t i = 1; i < max_ref_changes; ++i)
        input += packet(none + " " + some + " refs/heads/n" + std::to_string(i));
    input += packet(some + " " + none + " refs/heads/a");      // by the client's word
    input += packet(none + " " + none + " refs/heads/main");   // by git's
    input += packet(other + " " + some + " refs/heads/main");  // by both
    const PushReader push = read(input + "0000", advertisement, 4096);
    CHECK(push.changes().size() == max_ref_changes);
    CHECK(push.unnamed_objects() == std::vector{some, some, other, some});
    CHECK(read(first(some, none, "refs/heads/a") + "0000", advertisement, 64).unnamed_objects().empty());
}

TEST_CASE("a ref with a name that git refuses is matched with its status") {
    const std::string odd = "refs/heads/a b\n time info session repo=x";
    const PushReader push =
        read(first(none, some, odd, " report-status") + "0000",
             advertisement + packet("unpack ok\n") + packet("ng " + odd + " funny refname\n") + "0000", 4096);
    REQUIRE(push.changes().size() == 1);
    CHECK(push.changes()[0].ref == odd);
    CHECK(push.changes()[0].why == "funny refname");
}

TEST_CASE("what is no list of commands names no ref") {
    for (const std::string& input :
         {std::string("zzzz"), std::string("0003x"), std::string("0001"), std::string("0000") + packet("x"),
          std::string(1000, '\0'), packet("PACK") + std::string(1000, 'x'),
          std::string("0004") + "0004" + "0000", packet("x " + some + " refs/heads/a"),
          packet(none + " " + some), packet(none + " " + some + " "),
          packet(none + " " + std::string(64, 'a') + " refs/heads/a")}) {
        CAPTURE(input);
        for (const std::size_t piece : {1UL, 4096UL}) CHECK(read(input, input, piece).changes().empty());
    }
    // Behind an empty packet it goes on.
    CHECK(read("0004" + command(none, some, "refs/heads/a"), "", 1).changes().size() == 1);
}

TEST_CASE("a push of very many refs takes no more memory than some, and all are counted") {
    PushReader push;
    const std::uint32_t more = 10;
    for (std::size_t i = 0; i < max_ref_changes + more; ++i)
        push.take_input(command(none, some, "refs/heads/b" + std::to_string(i)));
    push.take_input("0000");
    CHECK(push.changes().size() == max_ref_changes);
    CHECK(push.facts(push.changes()).unknown == max_ref_changes + more);
    push.take_output("0000" + packet("unpack ok\n"));
    for (std::size_t i = 0; i < max_ref_changes + more; ++i)
        push.take_output(packet((i % 2 == 0 ? "ok refs/heads/b" : "ng refs/heads/b") + std::to_string(i) +
                                (i % 2 == 0 ? "\n" : " no\n")));
    const PushFacts facts = push.facts(push.changes());
    CHECK(facts.taken == (max_ref_changes + more) / 2);
    CHECK(facts.refused == (max_ref_changes + more) / 2);
    CHECK(facts.unknown == 0);
    PushReader long_names;
    const std::string name = "refs/heads/" + std::string(60'000, 'x');
    for (int i = 0; i < 3000; ++i) long_names.take_input(command(none, some, name));
    CHECK(long_names.changes().size() * RefChange::max_ref <= max_ref_names);
    CHECK(long_names.facts(long_names.changes()).unknown == 3000);
}

}  // namespace
}  // namespace gerve
