#include "gerve/agent/lfs/room.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "authz/base/clock.h"
#include "authz/base/text.h"
#include "authz/model/messages.h"
#include "gerve/agent/lfs/objects.h"
#include "gerve/agent/repository/disk_usage.h"

namespace gerve::lfs {
namespace {

// As of pushes: what git collects, and what others push, is noticed by then.
constexpr std::int64_t known_for = 600'000;  // ms
// In which what is full is not measured twice.
constexpr std::int64_t measure_pause = 5'000;

constexpr const char* usage_name = "usage";

Result<Fd> open_usage(const Places& places) {
    const auto incoming = places.make("incoming");
    if (!incoming) return pass_on(incoming);
    Fd file(::openat(incoming->get(), usage_name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!file || !lock_file(file, LOCK_EX)) return disk_error("cannot measure the repository");
    return file;
}

}  // namespace

Room::Room(SizeLimits limits, Layout layout, RepoPath repo) : limits_(limits), repo_(std::move(repo)) {
    if (layout == Layout::hashed_id) limits_.owner = 0;
}

bool Room::limited() const {
    return limits_.repository != 0 || limits_.owner != 0;
}

Room::Known Room::read(const Fd& file) {
    std::array<char, 128> bytes{};
    const ssize_t got = ::pread(file.get(), bytes.data(), bytes.size(), 0);
    if (got <= 0) return {};
    const auto words = split(trim({bytes.data(), static_cast<std::size_t>(got)}), ' ');
    if (words.size() != 3) return {};
    const auto repository = parse_decimal(words[0]);
    const auto owner = parse_decimal(words[1]);
    const auto since = parse_decimal(words[2]);
    if (!repository || !owner || !since) return {};
    return {*repository, *owner, static_cast<std::int64_t>(*since)};
}

void Room::write(const Fd& file, const Known& known) {
    const std::string text = std::to_string(known.repository) + " " + std::to_string(known.owner) + " " +
                             std::to_string(known.since) + "\n";
    // What cannot be written is measured again.
    const bool done = ::ftruncate(file.get(), 0) == 0 &&
                      ::pwrite(file.get(), text.data(), text.size(), 0) == static_cast<ssize_t>(text.size());
    if (!done && ::ftruncate(file.get(), 0) != 0) return;
}

// What this process has open, whatever its name is by now.
Result<Room::Known> Room::measure(const Places& places) const {
    const std::string here = "/proc/self/fd/" + std::to_string(places.repository().get());
    const std::uint64_t declared = declared_bytes(places);
    Known known{0, 0, unix_now()};
    if (limits_.repository != 0) {
        const auto bytes = measure_disk_usage(here + "/.");
        if (!bytes) return pass_on(bytes);
        known.repository = *bytes + declared;
    }
    if (limits_.owner != 0) {
        const auto bytes = KnownUsage().of_all_in(here + "/..", std::chrono::minutes(1));
        if (!bytes) return pass_on(bytes);
        known.owner = *bytes + declared;
    }
    return known;
}

Result<void> Room::check(const Known& known, std::uint64_t bytes) const {
    const auto fits = [bytes](std::uint64_t used, std::uint64_t limit) {
        return limit == 0 || (used <= limit && bytes <= limit - used);
    };
    std::string told;
    if (!fits(known.repository, limits_.repository)) {
        told = messages::repository_full(repo_, known.repository, limits_.repository);
    } else if (!fits(known.owner, limits_.owner)) {
        told = messages::owner_full(repo_.owner(), known.owner, limits_.owner);
    } else {
        return {};
    }
    constexpr std::string_view mark = "ERROR: ";
    if (told.starts_with(mark)) told.erase(0, mark.size());
    return fail(ErrorKind::denied, std::string(trim(told)));
}

Result<Room::Known> Room::known_with_room(const Places& places, const Fd& file, std::uint64_t bytes) const {
    Known known = read(file);
    const std::int64_t age = unix_now() - known.since;
    const bool fresh = age >= 0 && age <= known_for;
    if (fresh && check(known, bytes)) return known;
    if (!fresh || age > measure_pause) {
        auto measured = measure(places);
        if (!measured) return measured;
        known = *measured;
        write(file, known);
    }
    if (auto room = check(known, bytes); !room) return pass_on(room);
    return known;
}

Result<Fd> Room::take(const Places& places, std::uint64_t bytes) const {
    if (!limited()) return Fd();
    auto file = open_usage(places);
    if (!file) return pass_on(file);
    auto known = known_with_room(places, *file, bytes);
    if (!known) return pass_on(known);
    known->repository += bytes;
    known->owner += bytes;
    write(*file, *known);
    return file;
}

void Room::give_back(const Places& places) const {
    if (!limited()) return;
    const auto file = open_usage(places);
    if (!file) return;
    Known known = read(*file);
    known.since = std::min(known.since, unix_now() - measure_pause - 1);
    write(*file, known);
}

Result<void> Room::look(const Places& places, std::uint64_t bytes) const {
    if (!limited()) return {};
    const auto file = open_usage(places);
    if (!file) return pass_on(file);
    return without_value(known_with_room(places, *file, bytes));
}

}  // namespace gerve::lfs
