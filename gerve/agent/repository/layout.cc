#include "gerve/agent/repository/layout.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <cstdlib>

#include "authz/base/digest.h"
#include "authz/base/text.h"

namespace gerve {
namespace {

constexpr int directory_flags = O_PATH | O_DIRECTORY | O_CLOEXEC;

std::string md5_owner_directory(const RepoPath& repo) {
    const std::string hash = md5_hex(repo.owner().text());
    return hash.substr(0, 1) + "/" + hash.substr(0, 2) + "/" + hash.substr(2, 2) + "/" + hash.substr(4, 2) +
           "/" + repo.text() + ".git";
}

std::string hashed_directory(std::uint64_t id) {
    const std::string hash = to_hex(sha256(std::to_string(id)));
    return "@hashed/" + hash.substr(0, 2) + "/" + hash.substr(2, 2) + "/" + hash + ".git";
}

Result<Fd> open_root(const std::string& root) {
    Fd directory(::open(root.c_str(), directory_flags));
    // A root that is missing says nothing about the repositories that were below it.
    if (!directory) return unavailable(errno_text("cannot open " + root));
    return directory;
}

// What `errno` says about a place that could not be opened. Only two numbers say that nothing is there; of
// all others, those that are not known yet among them, nobody may conclude it.
tl::unexpected<Error> not_opened(const std::string& root, const std::string& relative) {
    if (errno == ENOENT || errno == ENOTDIR) {
        return fail(ErrorKind::denied, "no such repository", errno_text(relative));
    }
    if (errno == EXDEV) return fail(ErrorKind::denied, "no such repository", "the path leaves the root");
    const std::string path = root + "/" + relative;
    if (errno == ELOOP)
        return unavailable(path + ": the path contains a symbolic link, which is not followed");
    return unavailable(errno_text("cannot open " + path));
}

// The directory `name` below `parent`. A symbolic link fails with ELOOP, as with RESOLVE_NO_SYMLINKS.
Fd open_step(const Fd& parent, const std::string& name) {
    Fd next(::openat(parent.get(), name.c_str(), O_PATH | O_CLOEXEC | O_NOFOLLOW));
    struct stat status {};
    if (!next || ::fstat(next.get(), &status) != 0) return {};
    if (S_ISDIR(status.st_mode)) return next;
    next.reset();
    errno = S_ISLNK(status.st_mode) ? ELOOP : ENOTDIR;
    return {};
}

}  // namespace

Result<RepoPath> parse_storage_path(std::string_view storage_path, std::string_view owner) {
    auto repo = RepoPath::parse(storage_path);
    if (!repo) return repo;
    if (repo->text() + ".git" != storage_path) return client_error("the storage path is not OWNER/NAME.git");
    if (repo->owner().text() != owner) return client_error("the storage path does not belong to the owner");
    return repo;
}

Result<std::string> repository_directory(Layout layout, const RepoPath& repo, std::uint64_t id) {
    switch (layout) {
        case Layout::flat: return repo.text() + ".git";
        case Layout::md5_owner: return md5_owner_directory(repo);
        case Layout::hashed_id: break;
    }
    if (id == 0) return client_error("the layout hashed-id needs the repository's id");
    return hashed_directory(id);
}

std::string real_path(const std::string& path) {
    std::array<char, PATH_MAX> resolved{};
    return ::realpath(path.c_str(), resolved.data()) == nullptr ? "" : resolved.data();
}

Result<Fd> open_below(const std::string& root, const std::string& relative) {
    auto directory = open_root(root);
    if (!directory) return directory;
    open_how how{};
    how.flags = directory_flags;
    how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
    Fd found(static_cast<int>(::syscall(SYS_openat2, directory->get(), relative.c_str(), &how, sizeof how)));
    // A kernel without openat2, or a seccomp filter that does not know it.
    if (!found && (errno == ENOSYS || errno == EPERM)) return walk_below(root, relative);
    if (!found) return not_opened(root, relative);
    return found;
}

Result<Fd> walk_below(const std::string& root, const std::string& relative) {
    auto directory = open_root(root);
    if (!directory) return directory;
    for (const std::string_view name : split(relative, '/')) {
        if (name.empty() || name == "." || name == "..") {
            return fail(ErrorKind::denied, "no such repository", "the path leaves the root");
        }
        Fd next = open_step(*directory, std::string(name));
        if (!next) return not_opened(root, relative);
        *directory = std::move(next);
    }
    return directory;
}

}  // namespace gerve
