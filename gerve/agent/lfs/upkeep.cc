#include "gerve/agent/lfs/upkeep.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "authz/base/text.h"
#include "authz/base/units.h"
#include "gerve/agent/lfs/pointers.h"
#include "gerve/agent/repository/directory_reader.h"
#include "gerve/agent/repository/layout.h"

namespace gerve::lfs {
namespace {

using std::chrono::system_clock;

Result<Places> places_below(const std::string& root, const std::string& directory) {
    const auto below = open_below(root, directory);
    if (!below) return pass_on(below);
    Fd repository(::openat(below->get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!repository) return unavailable(errno_text("cannot open " + root + "/" + directory));
    return Places(std::move(repository));
}

std::string line_of(const Lock& lock) {
    std::string name = lock.holder.name;
    std::replace(name.begin(), name.end(), ' ', '-');
    return lock.id + " " + time_text(lock.since) + " " + lock.holder.id + " " + name + " " + lock.path;
}

// When the oldest of the sessions that run began; those that do not run are removed by remove_abandoned().
system_clock::time_point oldest_session(const Places& places) {
    auto oldest = system_clock::time_point::max();
    const Fd incoming = places.open("incoming");
    DirectoryReader reader(incoming, ".");
    while (const dirent* entry = reader.is_open() ? reader.next() : nullptr) {
        struct stat status {};
        if (!std::string_view(entry->d_name).starts_with("session.") ||
            ::fstatat(reader.fd(), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) != 0)
            continue;
        oldest = std::min(oldest, system_clock::from_time_t(status.st_mtim.tv_sec));
    }
    return oldest;
}

// What its bytes say; empty when they cannot be read.
std::string hash_of(const Fd& file) {
    Hasher hash;
    std::string buffer(256 * 1024, '\0');
    while (true) {
        const ssize_t got = ::read(file.get(), buffer.data(), buffer.size());
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return "";
        if (got == 0) return hash.hex();
        hash.add({buffer.data(), static_cast<std::size_t>(got)});
    }
}

}  // namespace

std::optional<Pruning> Pruning::parse(std::string_view text) {
    const auto words = split(text, ' ');
    const auto seconds = parse_decimal(words[0]);
    constexpr std::uint64_t most = std::uint64_t{100} * 366 * 86400;
    if (!seconds || *seconds > most || words.size() > 2 || (words.size() == 2 && words[1] != "remove"))
        return std::nullopt;
    return Pruning{std::chrono::seconds(*seconds), words.size() == 2};
}

std::string Pruning::text() const {
    return std::to_string(older_than.count()) + (removes ? " remove" : "");
}

Result<std::string> locks_text(const std::string& root, const std::string& directory) {
    const auto places = places_below(root, directory);
    if (!places) return pass_on(places);
    std::vector<Lock> locks = list_locks(*places);
    std::sort(locks.begin(), locks.end(), [](const Lock& a, const Lock& b) { return a.path < b.path; });
    std::vector<std::string> lines;
    for (const Lock& lock : locks) lines.push_back(line_of(lock));
    return join(lines, "\n");
}

Result<std::string> force_unlock(const std::string& root, const std::string& directory,
                                 const std::string& id) {
    const auto places = places_below(root, directory);
    if (!places) return pass_on(places);
    const auto lock = remove_lock(*places, id, [](const Lock&) { return true; });
    if (!lock) return pass_on(lock);
    if (!*lock) return fail(ErrorKind::denied, "there is no lock " + id + ": see `gerve lfs locks`");
    return line_of(**lock);
}

Result<std::string> prune(const std::string& root, const std::string& directory, const GitPlace& place,
                          const Pruning& pruning) {
    const auto places = places_below(root, directory);
    if (!places) return pass_on(places);
    // Before the pointers are read: what comes later is younger than this.
    auto before = system_clock::now() - pruning.older_than;
    const Fd incoming = places->open("incoming");
    if (pruning.removes && incoming) remove_abandoned(incoming);
    before = std::min(before, oldest_session(*places));
    const auto named = named_objects(place);
    if (!named) return pass_on(named);
    std::vector<std::string> lines;
    std::uint64_t count = 0;
    std::uint64_t bytes = 0;
    const auto look = [&](const ListedObject& object) {
        if (named->contains(object.oid) || object.changed >= before) return;
        if (pruning.removes && !remove_object(*places, object.oid, before)) return;
        ++count;
        bytes += object.size;
        if (lines.size() < max_told) lines.push_back(object.oid.text() + " " + std::to_string(object.size));
    };
    list_objects(*places, look, [](const std::string&) {});
    std::sort(lines.begin(), lines.end());
    lines.insert(lines.begin(), std::to_string(count) + " " + std::to_string(bytes));
    return join(lines, "\n");
}

Result<std::string> carry_out(const std::string& root, const std::string& directory, const GitPlace& place,
                              std::string_view order, const std::string& argument) {
    if (order == "lfs-locks") return locks_text(root, directory);
    if (order == "lfs-unlock" && may_be_lock_id(argument)) return force_unlock(root, directory, argument);
    const auto pruning = order == "lfs-prune" ? Pruning::parse(argument) : std::nullopt;
    if (pruning) return prune(root, directory, place, *pruning);
    return client_error("invalid order for large files: " + printable(order) + " " + printable(argument));
}

Leftovers check_objects(const std::string& root, const std::string& directory, Repair repair) {
    Leftovers found;
    const auto places = places_below(root, directory);
    if (!places) return found;
    const auto tell = [&found](const std::string& line) { found.lines += line + "\n"; };
    const auto wrong = [&](const std::string& name, const std::string& what) {
        tell("lfs/objects/" + printable(name) + ": " + what);
        found.remains = true;
    };
    list_objects(
        *places,
        [&](const ListedObject& object) {
            const std::string& oid = object.oid.text();
            const std::string name = oid.substr(0, 2) + "/" + oid.substr(2, 2) + "/" + oid;
            const auto stored = find_object(*places, object.oid);
            const std::string hash = stored && *stored ? hash_of((*stored)->file) : "";
            if (hash.empty()) {
                wrong(name, "cannot be read");
            } else if (hash != oid) {
                wrong(name, "its bytes have another hash; push it again (git lfs push --all), or restore it");
            }
        },
        [&](const std::string& name) {
            tell("lfs/objects/" + printable(name) + ": is no object of Git LFS");
        });
    const Fd incoming = places->open("incoming");
    const std::size_t removed = incoming && repair == Repair::yes ? remove_abandoned(incoming) : 0;
    if (removed > 0) tell("lfs/incoming: removed " + std::to_string(removed) + " files of dead sessions");
    return found;
}

}  // namespace gerve::lfs
