// The commands about locks.
#include <algorithm>

#include "authz/base/text.h"
#include "authz/base/units.h"
#include "gerve/agent/lfs/transfer.h"

namespace gerve::lfs {
namespace {

constexpr std::size_t locks_of_page = 100;
constexpr std::uint64_t most_locks_of_page = 1000;

}  // namespace

Transfer::Answer Transfer::lock(const Request& request) {
    if (auto dropped = drop_body(request); !dropped) return dropped;
    const std::string_view path = request.value("path").value_or("");
    if (!may_be_locked(path))
        return say(
            400,
            "lock needs one path, relative to the top of the repository, in UTF-8, and without control "
            "or bidirectional characters");
    const auto outcome = make_lock(places_, path, terms_.holder);
    if (!outcome) return say(outcome.error());
    status(outcome->made ? 201 : 409);
    describe(outcome->lock);
    if (!outcome->made) {
        out_.delimiter();
        out_.line(outcome->lock.holder.id == terms_.holder.id ? "you have already locked it"
                                                              : "locked by " + outcome->lock.holder.name);
    }
    out_.flush();
    return sent();
}

Transfer::Answer Transfer::unlock(const Request& request) {
    if (auto dropped = drop_body(request); !dropped) return dropped;
    if (!may_be_lock_id(request.argument)) return say(404, "there is no such lock");
    std::string name;
    bool is_foreign = false;
    const auto removed = remove_lock(places_, request.argument, [&](const Lock& lock) {
        name = lock.holder.name;
        is_foreign = lock.holder.id != terms_.holder.id;
        return !is_foreign;
    });
    if (is_foreign)
        return say(403, "the lock belongs to " + name +
                            ": an administrator can remove it with gerve lfs unlock " + terms_.repo + " " +
                            request.argument);
    if (!removed) return say(removed.error());
    if (!*removed) return say(404, "there is no such lock");
    status(200);
    describe(**removed);
    out_.flush();
    return sent();
}

Transfer::Answer Transfer::list(const Request& request) {
    if (auto dropped = drop_body(request); !dropped) return dropped;
    const auto asked = parse_decimal(request.value("limit").value_or(""));
    const std::size_t most = static_cast<std::size_t>(
        std::clamp<std::uint64_t>(asked.value_or(locks_of_page), 1, most_locks_of_page));
    const LockPage page = page_of(request, most);
    status(200);
    if (!page.next.empty()) out_.line("next-cursor=" + page.next);
    out_.delimiter();
    for (const Lock& lock : page.locks) {
        out_.line("lock " + lock.id);
        out_.line("path " + lock.id + " " + lock.path);
        out_.line("locked-at " + lock.id + " " + time_text(lock.since));
        out_.line("ownername " + lock.id + " " + lock.holder.name);
        out_.line("owner " + lock.id + (lock.holder.id == terms_.holder.id ? " ours" : " theirs"));
    }
    out_.flush();
    return sent();
}

// One path has one lock, whose id it says.
LockPage Transfer::page_of(const Request& request, std::size_t most) const {
    const std::string_view cursor = request.value("cursor").value_or("");
    const auto path = request.value("path");
    const auto id = request.value("id");
    if (!path && !id) return list_page(places_, cursor, most);
    const std::string one = path ? lock_id(*path) : std::string(*id);
    if ((id && *id != one) || !may_be_lock_id(one) || one < cursor) return {};
    auto lock = find_lock(places_, one);
    LockPage page;
    if (lock) page.locks.push_back(std::move(*lock));
    return page;
}

void Transfer::describe(const Lock& lock) {
    out_.line("id=" + lock.id);
    out_.line("path=" + lock.path);
    out_.line("locked-at=" + time_text(lock.since));
    out_.line("ownername=" + lock.holder.name);
}

}  // namespace gerve::lfs
