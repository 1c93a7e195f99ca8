#include "gerve/ssh/host_keys.h"

#include <libssh/libssh.h>
#include <sys/stat.h>
#include <unistd.h>

#include <memory>

#include "authz/base/fd.h"
#include "authz/base/presence.h"
#include "authz/base/text.h"
#include "authz/model/public_key.h"

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

Result<void> make_host_key(const std::string& path, ssh_keytypes_e type, int bits) {
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
    if (::chmod(temporary.c_str(), 0600) != 0 || ::rename(temporary.c_str(), path.c_str()) != 0) {
        return internal_error(errno_text("cannot make " + path));
    }
    return write_file(path + ".pub", *line + " gerve\n", 0644);
}

std::string check_host_key(const std::string& file) {
    const auto readable = read_secret_file(file);
    if (!readable) return describe(readable.error());
    ssh_key imported = nullptr;
    if (ssh_pki_import_privkey_file(file.c_str(), nullptr, nullptr, nullptr, &imported) != SSH_OK) {
        return file +
               ": not a private key without passphrase; make one with ssh-keygen -t ed25519 -N '' -f " + file;
    }
    const Key key(imported);
    const auto line = public_line(key.get());
    const auto accepted = line ? PublicKey::parse_line(*line) : Result<PublicKey>(pass_on(line));
    return accepted ? "" : file + ": " + describe(accepted.error());
}

}  // namespace

Result<std::vector<std::string>> make_host_keys(const std::string& directory) {
    struct Wanted {
        const char* name;
        ssh_keytypes_e type;
        int bits;
    };
    std::vector<std::string> files;
    for (const Wanted& wanted : {Wanted{"/ssh_host_ed25519_key", SSH_KEYTYPE_ED25519, 0},
                                 Wanted{"/ssh_host_rsa_key", SSH_KEYTYPE_RSA, 3072}}) {
        files.push_back(directory + wanted.name);
        const auto there = is_there(files.back());
        if (!there) return pass_on(there);
        if (*there) continue;
        if (auto made = make_host_key(files.back(), wanted.type, wanted.bits); !made) return pass_on(made);
    }
    return files;
}

std::vector<std::string> check_host_keys(const std::vector<std::string>& files) {
    std::vector<std::string> problems;
    for (const std::string& file : files) {
        if (auto problem = check_host_key(file); !problem.empty()) problems.push_back(std::move(problem));
    }
    return problems;
}

}  // namespace gerve
