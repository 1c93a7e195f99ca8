// Peers: which local user is at the other end of a connection to authz, by the kernel's word (SO_PEERCRED).
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "authz/config.h"
#include "authz/wire/protocol.h"

namespace gerve {

// Which of the kinds a local user is.
class PeerKinds {
  public:
    constexpr PeerKinds() = default;
    [[nodiscard]] static constexpr PeerKinds all() { return PeerKinds(0xf); }
    constexpr void add(PeerKind kind) { bits_ |= bit(kind); }
    [[nodiscard]] constexpr bool has(PeerKind kind) const { return (bits_ & bit(kind)) != 0; }
    [[nodiscard]] constexpr bool none() const { return bits_ == 0; }

  private:
    explicit constexpr PeerKinds(unsigned bits) : bits_(bits) {}
    static constexpr unsigned bit(PeerKind kind) { return 1U << static_cast<unsigned>(kind); }
    unsigned bits_ = 0;
};

// A process at the other end of a connection.
struct Peer {
    uid_t uid = static_cast<uid_t>(-1);
    pid_t pid = 0;
    std::string user;  // its name; empty for a stranger
    PeerKinds kinds;
};

class PeerTable {
  public:
    // The users that the configuration names, and `own`, the user that authz runs as, who may ask everything.
    // Error: client, a user that the system does not know.
    [[nodiscard]] static Result<PeerTable> make(const AuthzConfig& config, uid_t own);

    struct LocalUser {
        PeerKinds kinds;
        std::string name;  // looked up once: the system's user database may be slow or away
    };
    explicit PeerTable(std::map<uid_t, LocalUser> users) : users_(std::move(users)) {}

    // Who is at the other end of a connected unix socket. A user that is none of ours has no kind.
    [[nodiscard]] Peer peer_of(int socket) const;

  private:
    std::map<uid_t, LocalUser> users_;
};

}  // namespace gerve
