#include "gerve/agent/lfs/objects.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>

#include "authz/base/text.h"
#include "gerve/agent/repository/directory_reader.h"

namespace gerve::lfs {
namespace {

// So much is handed to the disk while more is received, so that the last sync has little left to do.
constexpr std::uint64_t write_back_size = 32 * 1024 * 1024;

constexpr std::uint64_t most_margin = 64 * 1024 * 1024;

constexpr const char* objects_name = "objects";
constexpr const char* incoming_name = "incoming";
constexpr const char* damaged_name = "damaged";

std::string first_step(const Oid& oid) {
    return oid.text().substr(0, 2);
}
std::string second_step(const Oid& oid) {
    return oid.text().substr(2, 2);
}

Fd open_home(const Places& places, const Oid& oid) {
    const Fd objects = places.open(objects_name);
    const Fd first = objects ? open_step(objects, first_step(oid)) : Fd();
    return first ? open_step(first, second_step(oid)) : Fd();
}

Result<Fd> make_home(const Places& places, const Oid& oid) {
    auto home = places.make(objects_name);
    if (home) home = places.make_step(*home, first_step(oid));
    if (home) home = places.make_step(*home, second_step(oid));
    return home;
}

// Between an object that comes or is renewed, and its removal: one or the other comes first.
class ObjectsLock {
  public:
    ObjectsLock(const Places& places, int how) : objects_(places.open(objects_name)) {
        held_ = objects_ && lock_file(objects_, how);
    }
    [[nodiscard]] bool held() const { return held_; }

  private:
    Fd objects_;
    bool held_ = false;
};

// Whether so much can come: of what is left, a sixty-fourth of the disk, at most 64 MiB, is for others. A
// file system that does not say how much is left is taken to have room.
bool has_room(const Fd& directory, std::uint64_t bytes) {
    struct statvfs disk {};
    if (::fstatvfs(directory.get(), &disk) != 0 || disk.f_blocks == 0) return true;
    const std::uint64_t margin = std::min(disk.f_blocks * disk.f_frsize / 64, most_margin);
    const std::uint64_t left = disk.f_bavail * disk.f_frsize;
    return left >= margin && bytes <= left - margin;
}

std::chrono::system_clock::time_point changed_at(const struct stat& status) {
    return std::chrono::system_clock::time_point(std::chrono::seconds(status.st_mtim.tv_sec) +
                                                 std::chrono::microseconds(status.st_mtim.tv_nsec / 1000));
}

bool is_step(std::string_view name) {
    return name.size() == 2 && name.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

}  // namespace

void Hasher::Free::operator()(EVP_MD_CTX* context) const {
    EVP_MD_CTX_free(context);
}

Hasher::Hasher() : context_(EVP_MD_CTX_new()) {
    if (!context_ || EVP_DigestInit_ex2(context_.get(), EVP_sha256(), nullptr) != 1) std::abort();
}

void Hasher::add(std::string_view bytes) {
    if (EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()) != 1) std::abort();
}

std::string Hasher::hex() {
    std::string bytes(EVP_MAX_MD_SIZE, '\0');
    unsigned size = 0;
    if (EVP_DigestFinal_ex(context_.get(), reinterpret_cast<unsigned char*>(bytes.data()), &size) != 1)
        std::abort();
    bytes.resize(size);
    return to_hex(bytes);
}

Result<IncomingObject> IncomingObject::begin(const Places& places, SizedOid object) {
    const auto incoming = places.make(incoming_name);
    if (!incoming) return pass_on(incoming);
    if (object.size > 0 && !has_room(*incoming, object.size)) {
        errno = ENOSPC;
        return disk_error("cannot store the object");
    }
    auto aside = AsideFile::make(*incoming, object.oid.text() + "." + std::to_string(object.size));
    if (!aside) return pass_on(aside);
    return IncomingObject(places, std::move(object), std::move(*aside));
}

Result<void> IncomingObject::write(std::string_view bytes) {
    if (bytes.size() > object_.size - written_)
        return client_error("more bytes were sent than the declared size");
    hash_.add(bytes);
    while (!bytes.empty()) {
        const ssize_t put = ::write(aside_.file().get(), bytes.data(), bytes.size());
        if (put < 0 && errno == EINTR) continue;
        if (put < 0) return disk_error("cannot store the object");
        bytes.remove_prefix(static_cast<std::size_t>(put));
        written_ += static_cast<std::uint64_t>(put);
    }
    if (written_ - written_back_ >= write_back_size) begin_writing_back();
    return {};
}

void IncomingObject::begin_writing_back() {
    static_cast<void>(::sync_file_range(aside_.file().get(), static_cast<off_t>(written_back_),
                                        static_cast<off_t>(written_ - written_back_), SYNC_FILE_RANGE_WRITE));
    written_back_ = written_;
}

Result<void> IncomingObject::finish() {
    if (written_ != object_.size) return client_error("fewer bytes were sent than the declared size");
    if (hash_.hex() != object_.oid.text())
        return client_error("the data that was sent does not match its OID");
    places_.set_file_mode(aside_.file());
    if (::fsync(aside_.file().get()) != 0) return disk_error("cannot sync the object");
    const auto home = make_home(places_, object_.oid);
    if (!home) return pass_on(home);
    const ObjectsLock lock(places_, LOCK_SH);
    if (!lock.held()) return disk_error("cannot lock the objects");
    // What has the name already has the same bytes, or is damaged.
    errno = aside_.move(*home, object_.oid.text(), true);
    if (errno != 0) return disk_error("cannot store the object");
    if (::fsync(home->get()) != 0) return disk_error("cannot sync the object");
    return {};
}

Result<std::optional<StoredObject>> find_object(const Places& places, const Oid& oid) {
    const Fd home = open_home(places, oid);
    if (!home && (errno == ENOENT || errno == ENOTDIR || errno == ELOOP)) return std::nullopt;
    if (!home) return disk_error("cannot look for the object");
    // A pipe of that name would never be opened.
    struct stat status {};
    if (::fstatat(home.get(), oid.text().c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
        if (errno == ENOENT) return std::nullopt;
        return disk_error("cannot look for the object");
    }
    if (!S_ISREG(status.st_mode)) return std::nullopt;
    Fd file(::openat(home.get(), oid.text().c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
    if (!file && errno == ENOENT) return std::nullopt;
    if (!file || ::fstat(file.get(), &status) != 0) return disk_error("cannot open the object");
    return StoredObject{std::move(file), static_cast<std::uint64_t>(status.st_size)};
}

Result<bool> renew_object(const Places& places, const SizedOid& object) {
    const ObjectsLock lock(places, LOCK_SH);
    const auto found = find_object(places, object.oid);
    if (!found) return pass_on(found);
    if (!*found || (*found)->size != object.size) return false;
    return lock.held() && ::futimens((*found)->file.get(), nullptr) == 0;
}

std::uint64_t declared_bytes(const Places& places) {
    constexpr std::uint64_t block = 512;  // the unit of st_blocks (stat(2))
    const Fd incoming = places.open(incoming_name);
    DirectoryReader reader(incoming, ".");
    std::uint64_t all = 0;
    while (const dirent* entry = reader.is_open() ? reader.next() : nullptr) {
        const std::string name = entry->d_name;
        const auto words = split(name, '.');  // OID.SIZE.NUMBER
        const auto size =
            words.size() == 3 && Oid::parse(words[0]) ? parse_object_size(words[1]) : std::nullopt;
        struct stat status {};
        if (!size || !is_held(reader.fd(), name) ||
            ::fstatat(reader.fd(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0)
            continue;
        const std::uint64_t there = static_cast<std::uint64_t>(status.st_blocks) * block;
        all += *size - std::min(*size, there);
    }
    return all;
}

namespace {

// Each entry of a directory by its name; `wrong` when it cannot be read, or not to its end.
void each_name(const Fd& parent, const std::string& name, const std::string& shown, const Wrong& wrong,
               const std::function<void(int directory, const std::string& name)>& take) {
    DirectoryReader reader(parent, name);
    if (!reader.is_open()) {
        const bool is_other = errno == ENOTDIR || errno == ELOOP;
        if (errno != ENOENT) wrong(shown, is_other ? 0 : errno);
        return;
    }
    while (const dirent* entry = reader.next()) take(reader.fd(), entry->d_name);
    if (errno != 0) wrong(shown, errno);
}

}  // namespace

void list_objects(const Places& places, const std::function<void(const ListedObject&)>& object,
                  const Wrong& wrong) {
    const auto look = [&](int directory, const std::string& steps, const std::string& name) {
        struct stat status {};
        const std::string shown = steps.substr(0, 2) + "/" + steps.substr(2) + "/" + name;
        if (::fstatat(directory, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
            if (errno != ENOENT) wrong(shown, errno);
            return;
        }
        const auto oid = Oid::parse(name);
        if (!oid || !S_ISREG(status.st_mode) || !name.starts_with(steps)) return wrong(shown, 0);
        object({*oid, static_cast<std::uint64_t>(status.st_size), changed_at(status)});
    };
    const Fd objects = places.open(objects_name);
    if (!objects && errno != ENOENT) wrong("", errno);
    if (!objects) return;
    each_name(objects, ".", "", wrong, [&](int, const std::string& first) {
        const Fd step = is_step(first) ? open_step(objects, first) : Fd();
        if (!step) {
            const bool is_other = !is_step(first) || errno == ENOTDIR || errno == ELOOP;
            if (is_other || errno != ENOENT) wrong(first, is_other ? 0 : errno);
            return;
        }
        each_name(step, ".", first, wrong, [&](int, const std::string& second) {
            const std::string shown = first + "/" + second;
            if (!is_step(second)) return wrong(shown, 0);
            each_name(step, second, shown, wrong,
                      [&](int directory, const std::string& name) { look(directory, first + second, name); });
        });
    });
}

bool remove_object(const Places& places, const Oid& oid, std::chrono::system_clock::time_point before) {
    const ObjectsLock lock(places, LOCK_EX);
    const Fd home = open_home(places, oid);
    struct stat status {};
    if (!lock.held() || !home ||
        ::fstatat(home.get(), oid.text().c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0 ||
        changed_at(status) >= before)
        return false;
    return ::unlinkat(home.get(), oid.text().c_str(), 0) == 0;
}

Result<bool> set_aside(const Places& places, const Oid& oid, const Fd& file) {
    const auto damaged = places.make(damaged_name);
    if (!damaged) return pass_on(damaged);
    const ObjectsLock lock(places, LOCK_EX);
    if (!lock.held()) return disk_error("cannot lock the objects");
    const Fd home = open_home(places, oid);
    const std::string& name = oid.text();
    struct stat known {};
    struct stat found {};
    if (!home || ::fstatat(home.get(), name.c_str(), &found, AT_SYMLINK_NOFOLLOW) != 0) {
        if (errno == ENOENT) return false;
        return disk_error("cannot look for the object");
    }
    if (::fstat(file.get(), &known) != 0) return disk_error("cannot look for the object");
    if (known.st_dev != found.st_dev || known.st_ino != found.st_ino) return false;
    if (::renameat(home.get(), name.c_str(), damaged->get(), name.c_str()) != 0 ||
        ::fsync(damaged->get()) != 0 || ::fsync(home.get()) != 0)
        return disk_error("cannot move the object");
    return true;
}

}  // namespace gerve::lfs
