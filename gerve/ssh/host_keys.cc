#include "gerve/ssh/host_keys.h"

#include <fcntl.h>
#include <libssh/libssh.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <memory>

#include "authz/base/fd.h"
#include "authz/base/key_file.h"
#include "authz/base/presence.h"
#include "authz/base/text.h"

namespace gerve {
namespace {

struct FreeKey {
    void operator()(ssh_key key) const { ssh_key_free(key); }
};
using Key = std::unique_ptr<ssh_key_struct, FreeKey>;

struct FreeString {
    void operator()(char* text) const { ssh_string_free_char(text); }
};
using LibsshText = std::unique_ptr<char, FreeString>;

Result<std::string> public_line(ssh_key key) {
    char* base64 = nullptr;
    if (ssh_pki_export_pubkey_base64(key, &base64) != SSH_OK)
        return internal_error("cannot export the public key");
    const LibsshText owned(base64);
    return std::string(ssh_key_type_to_char(ssh_key_type(key))) + " " + base64;
}

struct Kind {
    HostKeyType type;
    std::string_view name;
    ssh_keytypes_e libssh;
    int bits;
};
constexpr std::array kinds{Kind{HostKeyType::ed25519, "ed25519", SSH_KEYTYPE_ED25519, 0},
                           Kind{HostKeyType::ecdsa, "ecdsa", SSH_KEYTYPE_ECDSA_P256, 256},
                           Kind{HostKeyType::rsa, "rsa", SSH_KEYTYPE_RSA, 3072}};

const Kind& kind_of(HostKeyType type) {
    return *std::find_if(kinds.begin(), kinds.end(), [&](const Kind& kind) { return kind.type == type; });
}

// A command of root's must not leave a key that the gateway cannot read.
Result<void> give_to_gateway(const std::string& path, mode_t mode) {
    const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
    if (!file || ::fchmod(file.get(), mode) != 0) return internal_error(errno_text("cannot make " + path));
    give_to_owner_of_directory(file.get(), path);
    return {};
}

// The private half last: what is there with it is then complete.
Result<void> make_host_key_file(const std::string& path, ssh_keytypes_e type, int bits) {
    ssh_key generated = nullptr;
    if (ssh_pki_generate(type, bits, &generated) != SSH_OK) return internal_error("cannot generate " + path);
    const Key key(generated);
    // libssh writes with the process's umask; the key is born in a file that only we can read, then moved
    // into place.
    const std::string temporary = path + ".new";
    if (auto made = write_file(temporary, "", 0600); !made) return made;
    if (ssh_pki_export_privkey_file(key.get(), nullptr, nullptr, nullptr, temporary.c_str()) != SSH_OK) {
        return internal_error("cannot write " + temporary);
    }
    const auto line = public_line(key.get());
    if (!line) return pass_on(line);
    if (auto given = give_to_gateway(temporary, 0600); !given) return given;
    const std::string public_file = path + ".pub";
    if (auto written = write_file(public_file, *line + " gerve\n", 0644); !written) return written;
    if (auto given = give_to_gateway(public_file, 0644); !given) return given;
    if (::rename(temporary.c_str(), path.c_str()) != 0)
        return internal_error(errno_text("cannot make " + path));
    return {};
}

// Held by whoever changes the keys of a state directory while it serves; waits for another process.
Result<Fd> lock_host_keys(const std::string& directory) {
    const std::string path = directory + "/ssh_host_keys.lock";
    Fd file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!file) return internal_error(errno_text("cannot open " + path));
    give_to_owner_of_directory(file.get(), path);
    while (::flock(file.get(), LOCK_EX) != 0) {
        if (errno != EINTR) return internal_error(errno_text("cannot lock " + path));
    }
    return file;
}

// Without a public half the one that is at `to` is another key's. The private half last, as above.
Result<void> move_key(const std::string& from, const std::string& to) {
    const std::string public_half = to + ".pub";
    if (::rename((from + ".pub").c_str(), public_half.c_str()) != 0 &&
        (errno != ENOENT || (::unlink(public_half.c_str()) != 0 && errno != ENOENT)))
        return internal_error(errno_text("cannot move " + from + ".pub to " + public_half));
    if (::rename(from.c_str(), to.c_str()) != 0)
        return internal_error(errno_text("cannot move " + from + " to " + to));
    return {};
}

Result<void> need_key(const std::string& file, const Fingerprint& judged) {
    const auto key = read_host_key(file);
    if (!key) return pass_on(key);
    if (key->fingerprint() == judged) return {};
    return client_error(
        file + " was replaced by another key meanwhile: nothing was changed; see gerve host-key list");
}

}  // namespace

Result<HostKeyType> parse_host_key_type(std::string_view name) {
    for (const Kind& kind : kinds) {
        if (kind.name == name) return kind.type;
    }
    return client_error("'" + printable(name, 40) + "' is not a type of host key: use ed25519, ecdsa or rsa");
}

HostKeyType type_of(const PublicKey& key) {
    if (key.algorithm() == "ssh-ed25519") return HostKeyType::ed25519;
    return key.algorithm() == "ssh-rsa" ? HostKeyType::rsa : HostKeyType::ecdsa;
}

std::string_view name_of(HostKeyType type) {
    return kind_of(type).name;
}

std::string host_key_file(const std::string& directory, HostKeyType type, HostKeyRole role) {
    constexpr std::array<std::string_view, 4> words{"_key", "_next_key", "_new_key", "_dropped_key"};
    return directory + "/ssh_host_" + std::string(name_of(type)) +
           std::string(words[static_cast<std::size_t>(role)]);
}

Result<std::vector<std::string>> find_host_keys(const std::string& directory) {
    std::vector<std::string> files;
    for (const HostKeyRole role : {HostKeyRole::serving, HostKeyRole::announced}) {
        for (const Kind& kind : kinds) {
            std::string file = host_key_file(directory, kind.type, role);
            const auto there = is_there(file);
            if (!there) return pass_on(there);
            if (*there) files.push_back(std::move(file));
        }
    }
    return files;
}

Result<void> make_spare_host_key(const std::string& directory) {
    const std::string file = host_key_file(directory, HostKeyType::ed25519, HostKeyRole::announced);
    const auto lock = lock_host_keys(directory);
    if (!lock) return pass_on(lock);
    const auto there = is_there(file);
    if (!there) return pass_on(there);
    return *there ? Result<void>{} : make_host_key_file(file, SSH_KEYTYPE_ED25519, 0);
}

Result<std::vector<std::string>> make_host_keys(const std::string& directory) {
    const auto found = find_host_keys(directory);
    if (!found) return found;
    const std::string made_before = directory + "/ssh_host_keys.made";
    const auto was_made = is_there(made_before);
    if (!was_made) return pass_on(was_made);
    for (const Kind& kind : kinds) {
        const std::string file = host_key_file(directory, kind.type);
        const bool there = std::find(found->begin(), found->end(), file) != found->end();
        if (there || (!found->empty() && kind.type == HostKeyType::ecdsa)) continue;
        if (*was_made && kind.type == HostKeyType::ecdsa) continue;
        if (*was_made)
            return internal_error(
                file +
                " is missing, and clients know this server by it: restore it from a backup; "
                "or remove " +
                made_before + " to have new keys made: every client will then show a warning");
        if (auto made = make_host_key_file(file, kind.libssh, kind.bits); !made) return pass_on(made);
    }
    if (!*was_made) {
        auto noted = write_file(made_before, "Host keys were made here. See gerve(1), FILES.\n", 0600);
        if (!noted) return pass_on(noted);
    }
    return find_host_keys(directory);
}

Result<std::string> make_host_key(const std::string& directory, HostKeyType type, HostKeyRole role) {
    const Kind& kind = kind_of(type);
    std::string file = host_key_file(directory, type, role);
    const auto lock = lock_host_keys(directory);
    if (!lock) return pass_on(lock);
    const auto there = is_there(file);
    if (!there) return pass_on(there);
    if (*there) return client_error(file + " already exists");
    if (auto made = make_host_key_file(file, kind.libssh, kind.bits); !made) return pass_on(made);
    return file;
}

Result<void> announce_host_key(const std::string& directory, HostKeyType type, bool replace) {
    const std::string made = host_key_file(directory, type, HostKeyRole::made);
    const std::string announced = host_key_file(directory, type, HostKeyRole::announced);
    const auto lock = lock_host_keys(directory);
    if (!lock) return pass_on(lock);
    const auto there = is_there(made);
    if (!there) return pass_on(there);
    if (!*there)
        return client_error("there is no " + made + "; make one: gerve host-key new " +
                            std::string(name_of(type)));
    const auto known = is_there(announced);
    if (!known) return pass_on(known);
    if (*known && !replace)
        return client_error(
            announced + " is announced, and clients may have learned it: use it first (gerve host-key drop " +
            std::string(name_of(type)) + "), or replace it with --force");
    return move_key(made, announced);
}

Result<void> drop_host_key(const std::string& directory, HostKeyType type, const Fingerprint& judged_serving,
                           const Fingerprint& judged_next) {
    const std::string next = host_key_file(directory, type, HostKeyRole::announced);
    const std::string serving = host_key_file(directory, type);
    const std::string dropped = host_key_file(directory, type, HostKeyRole::dropped);
    const auto lock = lock_host_keys(directory);
    if (!lock) return pass_on(lock);
    if (auto same = need_key(serving, judged_serving); !same) return same;
    if (auto same = need_key(next, judged_next); !same) return same;
    for (const std::string part : {"", ".pub"}) {
        ::unlink((dropped + part).c_str());
        if (::link((serving + part).c_str(), (dropped + part).c_str()) != 0 &&
            (errno != ENOENT || part.empty()))
            return internal_error(errno_text("cannot keep " + serving + part + " as " + dropped + part));
    }
    return move_key(next, serving);
}

Result<PublicKey> read_host_key(const std::string& file) {
    const auto readable = read_secret_file(file);
    if (!readable) return pass_on(readable);
    ssh_key imported = nullptr;
    if (ssh_pki_import_privkey_file(file.c_str(), nullptr, nullptr, nullptr, &imported) != SSH_OK) {
        return internal_error(file +
                              ": not a private key without passphrase; make one with ssh-keygen -t ed25519 "
                              "-N '' -f " +
                              file);
    }
    const Key key(imported);
    const auto line = public_line(key.get());
    if (!line) return pass_on(line);
    auto accepted = PublicKey::parse_line(*line);
    if (!accepted) return internal_error(file + ": " + describe(accepted.error()));
    return accepted;
}

}  // namespace gerve
