#include "gerve/agent/lfs/places.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "authz/base/digest.h"
#include "authz/base/text.h"
#include "gerve/agent/repository/directory_reader.h"
#include "gerve/agent/repository/layout.h"

namespace gerve::lfs {
namespace {

constexpr mode_t usual_directory_mode = 0750;
constexpr int attempts = 8;  // to make a file that nobody removes meanwhile

mode_t mode_of_objects(const Fd& repository) {
    struct stat status {};
    if (::fstatat(repository.get(), "objects", &status, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISDIR(status.st_mode))
        return usual_directory_mode;
    return status.st_mode & 07777;
}

bool has_name(const Fd& file) {
    struct stat status {};
    return ::fstat(file.get(), &status) == 0 && status.st_nlink > 0;
}

// Its writer holds an exclusive lock. A shared one finds that out as well, and it is all that NFS gives to
// what is open for reading.
Fd open_aside(int directory, const char* name) {
    Fd file(::openat(directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    struct stat status {};
    return file && ::fstat(file.get(), &status) == 0 && S_ISREG(status.st_mode) ? std::move(file) : Fd();
}

int rename_over_nothing(const Fd& from, const std::string& name, const Fd& to, const std::string& new_name) {
    if (::renameat2(from.get(), name.c_str(), to.get(), new_name.c_str(), RENAME_NOREPLACE) == 0) return 0;
    if (errno != EINVAL && errno != ENOSYS) return errno;
    // A file system that cannot say "only if there is none" can still link.
    if (::linkat(from.get(), name.c_str(), to.get(), new_name.c_str(), 0) != 0) return errno;
    ::unlinkat(from.get(), name.c_str(), 0);
    return 0;
}

}  // namespace

bool lock_file(const Fd& file, int how) {
    int done = 0;
    do {
        done = ::flock(file.get(), how);
    } while (done != 0 && errno == EINTR);
    return done == 0;
}

Fd open_step(const Fd& parent, const std::string& name) {
    return Fd(::openat(parent.get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
}

Places::Places(Fd repository) : repository_(std::move(repository)), mode_(mode_of_objects(repository_)) {}

Result<Places> Places::below(const std::string& root, const std::string& directory) {
    const auto found = open_below(root, directory);
    if (!found) return pass_on(found);
    Fd repository = open_step(*found, ".");
    if (!repository) return unavailable(errno_text("cannot open " + root + "/" + directory));
    return Places(std::move(repository));
}

Fd Places::open(const std::string& name) const {
    const Fd lfs = open_step(repository_, "lfs");
    return lfs ? open_step(lfs, name) : Fd();
}

Result<Fd> Places::make(const std::string& name) const {
    auto lfs = make_step(repository_, "lfs");
    if (!lfs) return lfs;
    return make_step(*lfs, name);
}

Result<Fd> Places::make_step(const Fd& parent, const std::string& name) const {
    const bool made = ::mkdirat(parent.get(), name.c_str(), 0700) == 0;
    if (!made && errno != EEXIST) return disk_error("cannot make a directory");
    Fd directory = open_step(parent, name);
    if (!directory) return disk_error("cannot open a directory");
    if (!made) return directory;
    if (::fchmod(directory.get(), mode_) != 0 || ::fsync(parent.get()) != 0)
        return disk_error("cannot make a directory");
    return directory;
}

void Places::set_file_mode(const Fd& file) const {
    static_cast<void>(::fchmod(file.get(), mode_ & 0444));
}

tl::unexpected<Error> disk_error(const std::string& tried) {
    const bool full = errno == ENOSPC || errno == EDQUOT;
    const std::string told = full ? "the disk of the file server is full: tell its operator"
                                  : tried + " on the file server: " + std::strerror(errno);
    return fail(full ? ErrorKind::denied : ErrorKind::unavailable, told);
}

Result<AsideFile> AsideFile::make(const Fd& directory, const std::string& name) {
    Fd own(::fcntl(directory.get(), F_DUPFD_CLOEXEC, 3));
    if (!own) return disk_error("cannot open a directory");
    for (int i = 0; i < attempts; ++i) {
        const std::string full = name + "." + to_hex(random_bytes(8));
        Fd file(::openat(own.get(), full.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
        if (!file) return disk_error("cannot make a file");
        // Whoever removes what was abandoned may have been quicker.
        if (lock_file(file, LOCK_EX | LOCK_NB) && has_name(file))
            return AsideFile(std::move(own), std::move(file), full);
    }
    errno = EAGAIN;
    return disk_error("cannot lock a file");
}

AsideFile::AsideFile(AsideFile&& other) noexcept
    : directory_(std::move(other.directory_)),
      file_(std::move(other.file_)),
      name_(std::exchange(other.name_, {})) {}

AsideFile::~AsideFile() {
    if (!name_.empty()) ::unlinkat(directory_.get(), name_.c_str(), 0);
}

int AsideFile::move(const Fd& directory, const std::string& name, bool replace) {
    int failed = 0;
    if (replace) {
        if (::renameat(directory_.get(), name_.c_str(), directory.get(), name.c_str()) != 0) failed = errno;
    } else {
        failed = rename_over_nothing(directory_, name_, directory, name);
    }
    if (failed == 0) name_.clear();
    return failed;
}

bool is_held(int directory, const std::string& name) {
    const Fd file = open_aside(directory, name.c_str());
    return file && !lock_file(file, LOCK_SH | LOCK_NB) && errno == EWOULDBLOCK;
}

std::size_t remove_abandoned(const Fd& directory) {
    DirectoryReader reader(directory, ".");
    if (!reader.is_open()) return 0;
    std::size_t removed = 0;
    while (const dirent* entry = reader.next()) {
        if (std::string_view(entry->d_name).find('.') == std::string_view::npos) continue;
        const Fd file = open_aside(reader.fd(), entry->d_name);
        if (!file || !lock_file(file, LOCK_SH | LOCK_NB)) continue;
        if (::unlinkat(reader.fd(), entry->d_name, 0) == 0) ++removed;
    }
    return removed;
}

}  // namespace gerve::lfs
