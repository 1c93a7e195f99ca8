#include "authz/service/peers.h"

#include <doctest/doctest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>

#include "authz/base/fd.h"

using namespace gerve;

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
