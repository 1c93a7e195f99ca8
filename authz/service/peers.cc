#include "authz/service/peers.h"

#include <pwd.h>
#include <sys/socket.h>

#include <array>
#include <vector>

#include "authz/audit/operator.h"

namespace gerve {
namespace {

std::optional<uid_t> find_uid(const std::string& user) {
    std::array<char, 16384> buffer{};
    passwd entry{};
    passwd* found = nullptr;
    if (::getpwnam_r(user.c_str(), &entry, buffer.data(), buffer.size(), &found) != 0 || found == nullptr) {
        return std::nullopt;
    }
    return entry.pw_uid;
}

}  // namespace

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
        const auto uid = find_uid(user);
        if (!uid)
            return client_error("[authz] names the user '" + user + "', whom this system does not know");
        users[*uid].kinds.add(kind);
        users[*uid].name = user;
    }
    users[own] = {PeerKinds::all(), find_user(own)};
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
