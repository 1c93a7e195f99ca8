// Host keys of the SSH server: loading them with the checks sshd makes, and making them on first start.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "authz/base/result.h"
#include "authz/model/public_key.h"

namespace gerve {

// The types of host keys that Gerve makes. Named as `ssh-keygen -t` names them.
enum class HostKeyType { ed25519, ecdsa, rsa };
[[nodiscard]] Result<HostKeyType> parse_host_key_type(std::string_view name);
// The type by which libssh tells host keys apart: it has one of each.
[[nodiscard]] HostKeyType type_of(const PublicKey& key);
[[nodiscard]] std::string_view name_of(HostKeyType type);

enum class HostKeyRole {
    serving,    // connections begin with it: ssh_host_TYPE_key
    announced,  // told to clients, which prepare for it: ssh_host_TYPE_next_key
    made,       // nobody knows of it yet: ssh_host_TYPE_new_key
    dropped,    // no longer used: ssh_host_TYPE_dropped_key
};
[[nodiscard]] std::string host_key_file(const std::string& directory, HostKeyType type,
                                        HostKeyRole role = HostKeyRole::serving);

// Makes the host keys of a state directory that has none: ed25519, ECDSA (nistp256) and RSA (3072 bits). One
// that has some keeps to their types, ed25519 and RSA at least: a client that prefers a new type and has
// pinned a key of another would be warned of a changed host. Returns the paths of all that are there, ed25519
// first. Files have mode 0600; a .pub file stands beside each. Once they are made, ssh_host_keys.made says
// so: an ed25519 or RSA key that is gone then is an error (internal, with the remedy) and not made anew,
// since clients would be warned of another host.
[[nodiscard]] Result<std::vector<std::string>> make_host_keys(const std::string& directory);

// Makes an Ed25519 key to be announced, unless there is one: the next rotation then finds clients prepared.
[[nodiscard]] Result<void> make_spare_host_key(const std::string& directory);

// Those that serve, then those that are announced. Error: internal, when the directory cannot be looked at.
[[nodiscard]] Result<std::vector<std::string>> find_host_keys(const std::string& directory);

// Makes one of that type in the directory; returns its path. Error: client, when it is there already.
[[nodiscard]] Result<std::string> make_host_key(const std::string& directory, HostKeyType type,
                                                HostKeyRole role);

// The key that was made is announced from now on. Errors: client, when there is none, or when one is
// announced already and is not to be replaced; with the remedy.
[[nodiscard]] Result<void> announce_host_key(const std::string& directory, HostKeyType type, bool replace);

// The announced key serves from now on, and the one that served is kept aside; at no moment does none serve.
// `judged_…`: the two as the caller knows them. Error: client, when the files have other keys by now.
[[nodiscard]] Result<void> drop_host_key(const std::string& directory, HostKeyType type,
                                         const Fingerprint& judged_serving, const Fingerprint& judged_next);

// The public half of the host key in `file`. Error: internal, naming the file and the remedy (unreadable,
// readable by others, encrypted, a type or size not accepted).
[[nodiscard]] Result<PublicKey> read_host_key(const std::string& file);

}  // namespace gerve
