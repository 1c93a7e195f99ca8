#include "gerve/agent/lfs/upkeep.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstring>

#include "authz/base/text.h"
#include "authz/base/units.h"
#include "gerve/agent/lfs/pointers.h"
#include "gerve/agent/repository/directory_reader.h"

namespace gerve::lfs {
namespace {

using std::chrono::system_clock;

std::string line_of(const Lock& lock) {
    std::string name = lock.holder.name;
    std::replace(name.begin(), name.end(), ' ', '-');
    return lock.id + " " + time_text(lock.since) + " " + lock.holder.id + " " + name + " " + lock.path;
}

// When the oldest of the sessions that run began.
system_clock::time_point oldest_session(const Places& places) {
    auto oldest = system_clock::time_point::max();
    const Fd incoming = places.open("incoming");
    DirectoryReader reader(incoming, ".");
    while (const dirent* entry = reader.is_open() ? reader.next() : nullptr) {
        struct stat status {};
        if (!std::string_view(entry->d_name).starts_with("session.") ||
            ::fstatat(reader.fd(), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) != 0 ||
            !is_held(reader.fd(), entry->d_name))
            continue;
        oldest = std::min(oldest, system_clock::from_time_t(status.st_mtim.tv_sec));
    }
    return oldest;
}

// Where it is by now, without symbolic links; empty: that is not known.
std::string path_of(const Fd& directory) {
    std::array<char, PATH_MAX> target{};
    const std::string link = "/proc/self/fd/" + std::to_string(directory.get());
    const ssize_t size = ::readlink(link.c_str(), target.data(), target.size());
    return size <= 0 ? "" : std::string(target.data(), static_cast<std::size_t>(size));
}

// What a push that runs is about to name is not known.
Result<void> without_push(const Places& places) {
    if (!has_process(path_of(places.repository()), "receive-pack")) return {};
    return fail(ErrorKind::denied,
                "nothing was removed, because a push is under way that may name any of the objects: run it "
                "again when `gerve sessions` shows none");
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
    const auto places = Places::below(root, directory);
    if (!places) return pass_on(places);
    std::vector<Lock> locks = list_locks(*places);
    std::sort(locks.begin(), locks.end(), [](const Lock& a, const Lock& b) { return a.path < b.path; });
    std::vector<std::string> lines;
    for (const Lock& lock : locks) lines.push_back(line_of(lock));
    return join(lines, "\n");
}

Result<std::string> force_unlock(const std::string& root, const std::string& directory,
                                 const std::string& id) {
    const auto places = Places::below(root, directory);
    if (!places) return pass_on(places);
    const auto lock = remove_lock(*places, id, [](const Lock&) { return true; });
    if (!lock) return pass_on(lock);
    if (!*lock) return fail(ErrorKind::denied, "there is no lock " + id + ": see `gerve lfs locks`");
    return line_of(**lock);
}

Result<std::string> prune(const std::string& root, const std::string& directory, const GitPlace& place,
                          const Pruning& pruning) {
    const auto places = Places::below(root, directory);
    if (!places) return pass_on(places);
    auto quiet = pruning.removes ? without_push(*places) : Result<void>();
    if (!quiet) return pass_on(quiet);
    // Before the pointers are read: what comes later is younger than this.
    auto before = system_clock::now() - pruning.older_than;
    const Fd incoming = places->open("incoming");
    if (pruning.removes && incoming) remove_abandoned(incoming);
    before = std::min(before, oldest_session(*places));
    const auto named = named_objects(place);
    if (!named) return pass_on(named);
    if (pruning.removes) quiet = without_push(*places);
    if (!quiet) return pass_on(quiet);
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
    list_objects(*places, look, [](const std::string&, int) {});
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

namespace {

// One look at all objects of a repository.
class ObjectsCheck {
  public:
    ObjectsCheck(const Places& places, Repair repair) : places_(places), repair_(repair) {}

    Leftovers run() {
        list_objects(
            places_, [this](const ListedObject& object) { check(object.oid); },
            [this](const std::string& name, int error) {
                const std::string place = name.empty() ? "" : "/" + name;
                if (error == 0) tell(place, "is not an object of Git LFS");
                if (error != 0) tell_remaining(place, std::string("cannot be read: ") + std::strerror(error));
            });
        const Fd incoming = places_.open("incoming");
        const std::size_t removed = incoming && repair_ == Repair::yes ? remove_abandoned(incoming) : 0;
        if (removed > 0)
            found_.lines += "lfs/incoming: removed " + std::to_string(removed) + " files of dead sessions\n";
        return std::move(found_);
    }

  private:
    void check(const Oid& oid) {
        const std::string& text = oid.text();
        const std::string place = "/" + text.substr(0, 2) + "/" + text.substr(2, 2) + "/" + text;
        const auto stored = find_object(places_, oid);
        if (!stored) return tell_remaining(place, stored.error().told);
        if (!*stored) return;  // pruned meanwhile
        const std::string hash = hash_of((*stored)->file);
        if (hash.empty())
            return tell_remaining(place, std::string("cannot be read: ") + std::strerror(errno));
        if (hash == text) return;
        const std::string remedy = "push it again (git lfs push --all), or restore it";
        if (repair_ == Repair::no)
            return tell_remaining(place,
                                  "does not match its OID; run fsck with --repair, which moves it "
                                  "away, then " +
                                      remedy);
        const auto moved = set_aside(places_, oid, (*stored)->file);
        if (!moved) return tell_remaining(place, "does not match its OID; not moved: " + moved.error().told);
        if (*moved)
            tell_remaining(place, "did not match its OID; moved to lfs/damaged/" + text + ": " + remedy);
    }
    void tell(const std::string& place, const std::string& what) {
        found_.lines += "lfs/objects" + printable(place) + ": " + what + "\n";
    }
    void tell_remaining(const std::string& place, const std::string& what) {
        tell(place, what);
        found_.remains = true;
    }

    const Places& places_;
    Repair repair_;
    Leftovers found_;
};

}  // namespace

Leftovers check_objects(const std::string& root, const std::string& directory, Repair repair) {
    const auto places = Places::below(root, directory);
    if (!places) return {"lfs: cannot be read: " + describe(places.error()) + "\n", true};
    return ObjectsCheck(*places, repair).run();
}

}  // namespace gerve::lfs
