#include "gerve/cli/import/gitolite_keydir.h"

#include <algorithm>
#include <optional>
#include <set>

#include "authz/model/public_key_file.h"
#include "gerve/cli/import/gitolite_conf.h"

namespace gerve {
namespace {

// gitolite passes over a file that has not exactly one line.
std::size_t lines_in(std::string_view content) {
    const auto ends = std::ranges::count(content, '\n');
    return static_cast<std::size_t>(ends) + (content.empty() || content.ends_with('\n') ? 0 : 1);
}

ImportFinding unusable(const std::string& path, std::string why, ImportEffect effect) {
    return {{path, 0}, gitolite_user_of(path), std::move(why), effect, {}};
}

std::optional<PublicKey> take_key(const KeydirFile& file, ImportFindings& findings) {
    const std::size_t lines = lines_in(file.content);
    if (lines != 1 && !is_private_key(file.content)) {
        findings.push_back(
            unusable(file.path,
                     "gitolite ignores a key file that does not have exactly one line; this one has " +
                         std::to_string(lines) + ": the key is not taken",
                     ImportEffect::same));
        return std::nullopt;
    }
    const auto keys = parse_key_file(file.content);
    if (!keys || keys->size() != 1) {
        findings.push_back(unusable(
            file.path,
            "Gerve does not take this key: " + (keys ? "it is more than one" : describe(keys.error())),
            ImportEffect::less));
        return std::nullopt;
    }
    return keys->front().key;
}

// Which of the users sshd takes depends on the order of the lines in authorized_keys.
void drop_shared(Keydir& keydir) {
    std::map<Fingerprint, std::set<std::string>> holders;
    for (const auto& [user, keys] : keydir.users) {
        for (const KeydirKey& one : keys) holders[one.key.fingerprint()].insert(user);
    }
    for (auto& [user, keys] : keydir.users) {
        std::erase_if(keys, [&, &user = user](const KeydirKey& one) {
            const auto& users = holders.at(one.key.fingerprint());
            if (users.size() == 1) return false;
            std::string others;
            for (const std::string& other : users) {
                if (other != user) others += (others.empty() ? "" : ", ") + other;
            }
            std::string why = "the same key is there for " + others +
                              " as well, so it is taken for neither: give it to one user with "
                              "`gerve key add`";
            keydir.findings.push_back(unusable(one.path, std::move(why), ImportEffect::less));
            return true;
        });
    }
}

}  // namespace

// s(.*/)(); s/(\@[^.]+)?\.pub$//
std::string gitolite_user_of(std::string_view path) {
    path.remove_prefix(path.rfind('/') + 1);  // npos + 1 is 0
    if (path.ends_with(".pub")) path.remove_suffix(4);
    const auto dot = path.rfind('.');
    const auto at = path.find('@', dot == std::string_view::npos ? 0 : dot);
    const bool has_place = at != std::string_view::npos && at + 1 < path.size();
    return std::string(has_place ? path.substr(0, at) : path);
}

Keydir sort_keydir(const std::vector<KeydirFile>& files) {
    Keydir keydir;
    for (const KeydirFile& file : files) {
        const std::string user = gitolite_user_of(file.path);
        if (!is_gitolite_user(user) || user.starts_with('@')) {
            keydir.findings.push_back(unusable(
                file.path, "gitolite has no user of this name: the key is not taken", ImportEffect::same));
            continue;
        }
        auto& keys = keydir.users[user];
        auto key = take_key(file, keydir.findings);
        const auto is_it = [&](const KeydirKey& one) { return one.key == *key; };
        if (key && std::ranges::none_of(keys, is_it)) keys.push_back({std::move(*key), file.path});
    }
    drop_shared(keydir);
    return keydir;
}

}  // namespace gerve
