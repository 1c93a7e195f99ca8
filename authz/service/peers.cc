#include "authz/service/peers.h"

#include <sys/socket.h>

#include <vector>

#include "authz/os/system_user.h"

namespace gerve {
Result<PeerTable> PeerTable::make(const AuthzConfig& config, uid_t own) {
    std::vector<std::pair<std::string, PeerKind>> named{
        {config.worker_user, PeerKind::worker},
        {config.authorized_keys_user, PeerKind::authorized_keys},
        {config.forced_command_user, PeerKind::forced_command},
    };
    for (const std::string& user : config.administrators) named.emplace_back(user, PeerKind::administrator);
    std::map<uid_t, LocalUser> users;
    for (const auto& [user, kind] : named) {
        if (user.empty()) continue;
        const auto found = find_system_user(user);
        if (!found)
            return client_error("[authz] names the user '" + user + "', which does not exist on this system");
        users[found->uid].kinds.add(kind);
        users[found->uid].name = user;
    }
    const auto self = find_system_user(own);
    users[own] = {PeerKinds::all(), self ? self->name : ""};
    return PeerTable(std::move(users));
}

Peer PeerTable::peer_of(int socket) const {
    ucred credentials{};
    socklen_t size = sizeof credentials;
    if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) return {};
    const auto found = users_.find(credentials.uid);
    if (found == users_.end()) return {credentials.uid, credentials.pid, {}, {}};
    return {credentials.uid, credentials.pid, found->second.name, found->second.kinds};
}

}  // namespace gerve
