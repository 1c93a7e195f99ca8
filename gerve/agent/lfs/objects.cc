#include "gerve/agent/lfs/objects.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/file.h>
#include <sys/stat.h>
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

constexpr const char* objects_name = "objects";
constexpr const char* incoming_name = "incoming";

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

// Between renewing an object and removing it: one or the other comes first.
class ObjectsLock {
  public:
    ObjectsLock(const Places& places, int how) : objects_(places.open(objects_name)) {
        if (objects_) held_ = ::flock(objects_.get(), how) == 0;
    }
    [[nodiscard]] bool held() const { return held_; }

  private:
    Fd objects_;
    bool held_ = false;
};

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
    auto aside = AsideFile::make(*incoming, object.oid.text());
    if (!aside) return pass_on(aside);
    // A file system that cannot reserve room says so when it is written to.
    if (object.size > 0 &&
        ::fallocate(aside->file().get(), FALLOC_FL_KEEP_SIZE, 0, static_cast<off_t>(object.size)) != 0 &&
        (errno == ENOSPC || errno == EDQUOT || errno == EFBIG))
        return disk_error("cannot reserve room for the object");
    return IncomingObject(places, std::move(object), std::move(*aside));
}

Result<void> IncomingObject::write(std::string_view bytes) {
    if (bytes.size() > object_.size - written_)
        return client_error("more bytes were sent than the object's size says");
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
    if (written_ != object_.size) return client_error("fewer bytes were sent than the object's size says");
    if (hash_.hex() != object_.oid.text())
        return client_error("the bytes that were sent have another hash than the object's name says");
    places_.set_file_mode(aside_.file());
    if (::fsync(aside_.file().get()) != 0) return disk_error("cannot sync the object");
    const auto home = make_home(places_, object_.oid);
    if (!home) return pass_on(home);
    // What has the name already has the same bytes, or is damaged.
    errno = aside_.move(*home, object_.oid.text(), true);
    if (errno != 0) return disk_error("cannot name the object");
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
    static_cast<void>(::futimens((*found)->file.get(), nullptr));
    return true;
}

void list_objects(const Places& places, const std::function<void(const ListedObject&)>& object,
                  const std::function<void(const std::string&)>& wrong) {
    const Fd objects = places.open(objects_name);
    if (!objects) return;
    DirectoryReader firsts(objects, ".");
    while (const dirent* first = firsts.is_open() ? firsts.next() : nullptr) {
        const std::string one = first->d_name;
        const Fd step = is_step(one) ? open_step(objects, one) : Fd();
        if (!step) wrong(one);
        if (!step) continue;
        DirectoryReader seconds(step, ".");
        while (const dirent* second = seconds.is_open() ? seconds.next() : nullptr) {
            const std::string two = second->d_name;
            DirectoryReader names(step, is_step(two) ? two : "");
            if (!names.is_open()) wrong(one + "/" + two);
            while (const dirent* entry = names.is_open() ? names.next() : nullptr) {
                const std::string name = entry->d_name;
                const auto oid = Oid::parse(name);
                struct stat status {};
                const bool is_there = ::fstatat(names.fd(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0;
                if (!is_there) continue;
                if (oid && S_ISREG(status.st_mode) && name.starts_with(one + two)) {
                    object({*oid, static_cast<std::uint64_t>(status.st_size), changed_at(status)});
                } else {
                    wrong(one + "/" + two + "/" + name);
                }
            }
        }
    }
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

}  // namespace gerve::lfs
