// The keydir of a gitolite: which user each key file is for (the ssh-authkeys trigger of gitolite 3).
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "authz/model/public_key.h"
#include "gerve/cli/import/import_finding.h"

namespace gerve {

struct KeydirFile {
    std::string path;  // for messages; what is behind its last '/' names the user
    std::string content;
};

struct KeydirKey {
    PublicKey key;
    std::string path;
};

struct Keydir {
    std::map<std::string, std::vector<KeydirKey>> users;  // also those of whom no key can be taken
    ImportFindings findings;                              // files and keys that are not taken
};

// alice.pub, work/alice.pub, alice@laptop.pub: alice. alice@example.com.pub: alice@example.com.
[[nodiscard]] std::string gitolite_user_of(std::string_view path);

// A key that stands there for two users is taken for neither.
[[nodiscard]] Keydir sort_keydir(const std::vector<KeydirFile>& files);

}  // namespace gerve
