#include "gerve/agent/repository/tree_facts.h"

#include <sys/stat.h>
#include <unistd.h>

#include "gerve/agent/repository/directory_reader.h"

namespace gerve {
namespace {

// Each holds a descriptor. Refs are as deep as their names: "a/b/c".
constexpr int deepest_directory = 128;

class RepositoryWalk {
  public:
    Result<TreeFacts> run(const Fd& directory) {
        struct stat status {};
        if (::fstat(directory.get(), &status) != 0) return unavailable(errno_text("cannot stat it"));
        device_ = status.st_dev;
        take(status, ".");
        if (auto done = enter(directory, ".", "", 0); !done) return pass_on(done);
        return std::move(facts_);
    }

  private:
    Result<void> enter(const Fd& parent, const std::string& name, const std::string& prefix, int depth) {
        if (depth > deepest_directory) return unavailable(prefix + ": too many directories in each other");
        DirectoryReader reader(parent, name);
        if (!reader.is_open()) return not_read(prefix);
        const Fd directory(::fcntl(reader.fd(), F_DUPFD_CLOEXEC, 3));
        if (!directory) return unavailable(errno_text("cannot read " + prefix));
        while (const dirent* entry = reader.next()) {
            if (auto done = look(directory, entry->d_name, prefix, depth); !done) return done;
        }
        if (errno != 0) return unavailable(errno_text("cannot read " + prefix));
        return {};
    }

    Result<void> not_read(const std::string& prefix) {
        if (errno == ENOENT || errno == ENOTDIR || errno == ELOOP) return {};  // gone meanwhile
        if (errno != EACCES && errno != EPERM) return unavailable(errno_text("cannot read " + prefix));
        note(facts_.unusable, prefix.empty() ? "." : prefix);
        return {};
    }

    Result<void> look(const Fd& directory, const std::string& name, const std::string& prefix, int depth) {
        struct stat status {};
        if (::fstatat(directory.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
            return errno == ENOENT ? Result<void>() : unavailable(errno_text("cannot stat " + prefix + name));
        }
        const std::string path = prefix + name;
        take(status, path);
        if (path == "commondir") note(facts_.common_dir, path);
        if (path == "shallow") facts_.is_shallow = true;
        if (S_ISLNK(status.st_mode)) {
            const bool usual = path == "HEAD" || path == "hooks" || path.starts_with("hooks/");
            if (!usual) note(facts_.odd_link, path);
        } else if (S_ISDIR(status.st_mode)) {
            if (status.st_dev == device_) return enter(directory, name, path + "/", depth + 1);
            note(facts_.mounted, path);
        } else if (!S_ISREG(status.st_mode)) {
            note(facts_.odd_file, path);
        }
        return {};
    }

    void take(const struct stat& status, const std::string& path) {
        constexpr std::uint64_t block = 512;  // the unit of st_blocks (stat(2))
        facts_.bytes += static_cast<std::uint64_t>(status.st_blocks) * block;
        if (!S_ISLNK(status.st_mode) && (status.st_mode & S_IWOTH) != 0) note(facts_.open_to_all, path);
        if (!S_ISLNK(status.st_mode) && (status.st_mode & S_IWGRP) != 0 && status.st_gid != ::getegid())
            note(facts_.open_to_group, path);
        if (S_ISDIR(status.st_mode) && (status.st_mode & S_IRWXU) != S_IRWXU) note(facts_.unusable, path);
        if (status.st_uid == ::geteuid()) return;
        if (facts_.foreign++ > 0) return;
        facts_.foreign_name = path;
        facts_.foreign_owner = status.st_uid;
    }

    static void note(std::string& first, const std::string& path) {
        if (first.empty()) first = path;
    }

    TreeFacts facts_;
    dev_t device_ = 0;
};

}  // namespace

Result<TreeFacts> walk_repository(const Fd& directory) {
    return RepositoryWalk().run(directory);
}

}  // namespace gerve
