#include "authz/service/peers.h"

#include <doctest/doctest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>

#include "authz/base/fd.h"

using namespace gerve;

namespace {

Peer peer_of_kind(PeerKind kind) {
    Peer peer;
    peer.kinds.add(kind);
    return peer;
}

struct Row {
    PeerKind kind;
    Question question;
    const char* door;
};

}  // namespace

TEST_CASE("each kind of peer asks what its row allows, through its own door, and nothing else") {
    const std::array<Row, 21> allowed{{{PeerKind::worker, Question::key, "gateway"},
                                       {PeerKind::worker, Question::authorize, "gateway"},
                                       {PeerKind::worker, Question::report, "gateway"},
                                       {PeerKind::authorized_keys, Question::key, "sshd"},
                                       {PeerKind::forced_command, Question::holder, "sshd"},
                                       {PeerKind::forced_command, Question::authorize, "sshd"},
                                       {PeerKind::forced_command, Question::report, "sshd"},
                                       {PeerKind::worker, Question::ready, "gateway"},
                                       {PeerKind::worker, Question::self, "gateway"},
                                       {PeerKind::worker, Question::live, "gateway"},
                                       {PeerKind::forced_command, Question::self, "sshd"},
                                       {PeerKind::forced_command, Question::live, "sshd"},
                                       {PeerKind::administrator, Question::ready, "gateway"},
                                       {PeerKind::administrator, Question::sessions, "gateway"},
                                       {PeerKind::worker, Question::anonymous, "git"},
                                       {PeerKind::worker, Question::report, "git"},
                                       {PeerKind::worker, Question::refusal, "gateway"},
                                       {PeerKind::worker, Question::refusal, "git"},
                                       {PeerKind::worker, Question::proof, "gateway"},
                                       {PeerKind::administrator, Question::change, "gateway"},
                                       {PeerKind::administrator, Question::kill, "gateway"}}};
    unsigned found = 0;
    for (const PeerKind kind :
         {PeerKind::worker, PeerKind::authorized_keys, PeerKind::forced_command, PeerKind::administrator}) {
        for (const Question question :
             {Question::key, Question::holder, Question::authorize, Question::report, Question::ready,
              Question::self, Question::live, Question::sessions, Question::kill, Question::anonymous,
              Question::proof, Question::change, Question::refusal}) {
            for (const std::string door : {"gateway", "sshd", "git", "", "window"}) {
                bool expected = false;
                for (const Row& row : allowed) {
                    expected |= row.kind == kind && row.question == question && row.door == door;
                }
                const auto as = may_ask(peer_of_kind(kind), question, door);
                CHECK(as.has_value() == expected);
                if (as) CHECK(*as == kind);
                found += as.has_value();
            }
        }
    }
    CHECK(found == allowed.size());
    CHECK_FALSE(may_ask(Peer{}, Question::key, "gateway").has_value());
}

TEST_CASE("who may be everything is what the door says") {
    const Peer peer{0, 0, "", PeerKinds::all()};
    CHECK(may_ask(peer, Question::key, "gateway") == PeerKind::worker);
    CHECK(may_ask(peer, Question::key, "sshd") == PeerKind::authorized_keys);
    CHECK(may_ask(peer, Question::authorize, "sshd") == PeerKind::forced_command);
}

TEST_CASE("a table is made of the configuration's users, and one that does not exist is an error") {
    int ends[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0);
    const Fd one(ends[0]);
    const Fd other(ends[1]);
    AuthzConfig config;
    config.worker_user = "daemon";
    const auto table = PeerTable::make(config, ::geteuid());
    REQUIRE(table.has_value());
    const Peer self = table->peer_of(one.get());
    CHECK(self.uid == ::geteuid());
    CHECK(self.pid == ::getpid());
    CHECK(self.kinds.has(PeerKind::administrator));
    CHECK(self.kinds.has(PeerKind::worker));
    // Another user runs authz: then this process is a stranger, unless it is root, an administrator.
    const Peer stranger = PeerTable({}).peer_of(one.get());
    CHECK(stranger.kinds.none());
    CHECK(stranger.user.empty());
    config.forced_command_user = "no-such-user-here";
    const auto wrong = PeerTable::make(config, ::geteuid());
    REQUIRE_FALSE(wrong.has_value());
    CHECK(wrong.error().told.find("no-such-user-here") != std::string::npos);
}

TEST_CASE("what is no connected socket has no kind") {
    CHECK(PeerTable({}).peer_of(-1).kinds.none());
}
