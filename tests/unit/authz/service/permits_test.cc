#include "authz/service/permits.h"

#include <doctest/doctest.h>

#include <array>

using namespace gerve;

namespace {

constexpr auto worker = PeerKind::worker;
constexpr auto authorized_keys = PeerKind::authorized_keys;
constexpr auto forced_command = PeerKind::forced_command;
constexpr auto administrator = PeerKind::administrator;
constexpr auto gateway = Door::gateway;
constexpr auto sshd = Door::sshd;
constexpr auto git = Door::git;

Peer peer_of_kind(PeerKind kind) {
    Peer peer;
    peer.kinds.add(kind);
    return peer;
}

struct Allowed {
    PeerKind kind;
    Door door;
    std::string_view request;
};

std::size_t index_of(std::string_view name) {
    for (std::size_t i = 0; i < request_count; ++i) {
        if (request_names[i] == name) return i;
    }
    return request_count;
}

}  // namespace

TEST_CASE("each kind of peer asks what its row allows, through its own door, and nothing else") {
    const std::array<Allowed, 25> allowed{{
        {worker, gateway, "key"},
        {worker, gateway, "authorize"},
        {worker, gateway, "report"},
        {worker, gateway, "ready"},
        {worker, gateway, "proof"},
        {worker, gateway, "self"},
        {worker, gateway, "live"},
        {worker, gateway, "refusal"},
        {worker, git, "anonymous"},
        {worker, git, "report"},
        {worker, git, "refusal"},
        {authorized_keys, sshd, "key"},
        {forced_command, sshd, "holder"},
        {forced_command, sshd, "authorize"},
        {forced_command, sshd, "report"},
        {forced_command, sshd, "self"},
        {forced_command, sshd, "live"},
        {administrator, gateway, "ready"},
        {administrator, gateway, "change"},
        {administrator, gateway, "sessions"},
        {administrator, gateway, "kill"},
        {worker, gateway, "push"},
        {forced_command, sshd, "push"},
        {worker, gateway, "certificate"},
        {authorized_keys, sshd, "certificate"},
    }};
    std::size_t found = 0;
    for (const PeerKind kind : {worker, authorized_keys, forced_command, administrator}) {
        for (std::size_t request = 0; request < request_count; ++request) {
            for (const Door door : {gateway, sshd, git}) {
                bool expected = false;
                for (const Allowed& row : allowed) {
                    expected |= row.kind == kind && index_of(row.request) == request && row.door == door;
                }
                const Permit* permit = find_permit(peer_of_kind(kind), request, door);
                CHECK((permit != nullptr) == expected);
                if (permit != nullptr) CHECK(permit->kind == kind);
                found += permit != nullptr ? 1 : 0;
            }
        }
    }
    CHECK(found == allowed.size());
    CHECK(find_permit(Peer{}, index_of("key"), gateway) == nullptr);
}

TEST_CASE("as which kind somebody asks who may be several, the door says") {
    const Peer peer{0, 0, "", PeerKinds::all()};
    CHECK(find_permit(peer, index_of("key"), gateway)->kind == worker);
    CHECK(find_permit(peer, index_of("key"), sshd)->kind == authorized_keys);
    CHECK(find_permit(peer, index_of("authorize"), sshd)->kind == forced_command);
}
