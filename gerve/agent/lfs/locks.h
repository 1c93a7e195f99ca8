// Locks of files, of Git LFS: lfs/locks/ID in the repository, one file each, so that they go with it.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "authz/base/clock.h"
#include "gerve/agent/lfs/places.h"

namespace gerve::lfs {

// Who holds a lock: an account by its number, which survives a new login name, or a deploy key.
struct LockHolder {
    std::string id;    // "user 7", "deploy-key SHA256:…"
    std::string name;  // as it is shown: "bert"
};

struct Lock {
    std::string id;  // 32 digits in small letters; of one path always the same
    std::string path;
    UnixMillis since = 0;
    LockHolder holder;
};

[[nodiscard]] bool may_be_lock_id(std::string_view text);
[[nodiscard]] std::string lock_id(std::string_view path);

// As its file has it, and back. Nothing: it is none of ours.
[[nodiscard]] std::string encode_lock(const Lock& lock);
[[nodiscard]] std::optional<Lock> parse_lock(std::string_view id, std::string_view content);

// A repository has at most so many.
constexpr std::size_t max_locks = 10'000;

// Locks the path, or finds who has it. `made` tells which. Errors: denied (there are max_locks: told), as
// disk_error.
struct LockOutcome {
    Lock lock;
    bool made = false;
};
[[nodiscard]] Result<LockOutcome> make_lock(const Places& places, std::string_view path,
                                            const LockHolder& holder);

[[nodiscard]] std::optional<Lock> find_lock(const Places& places, const std::string& id);

// Removes the lock if `may` says so of it; nothing when there is none. Errors: client (it may not), as
// disk_error.
[[nodiscard]] Result<std::optional<Lock>> remove_lock(const Places& places, const std::string& id,
                                                      const std::function<bool(const Lock&)>& may);

// Gives the locks of this holder its present name.
void rename_holder(const Places& places, const LockHolder& holder);

// All of them, by their ids.
[[nodiscard]] std::vector<Lock> list_locks(const Places& places);

// Those of one page: at most `most` from the id `from` on, and the id at which the next page begins, empty:
// there is none.
struct LockPage {
    std::vector<Lock> locks;
    std::string next;
};
[[nodiscard]] LockPage list_page(const Places& places, std::string_view from, std::size_t most);

}  // namespace gerve::lfs
