#include "gerve/agent/repository/repository_check.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <optional>

#include "authz/base/text.h"
#include "gerve/agent/repository/layout.h"

namespace gerve {
namespace {

constexpr std::string_view ref_mark = "ref:";
constexpr std::string_view refs = "refs/";
constexpr std::size_t shortest_id = 40;  // hex digits of a SHA-1; a SHA-256 has more

tl::unexpected<Error> not_usable(const std::string& relative, const std::string& why) {
    return unavailable(relative + ": not a git repository: " + why);
}

// Old versions of git made HEAD a symbolic link to the ref. Nothing: it is none.
std::string linked_head(const Fd& repository) {
    std::array<char, PATH_MAX> target{};
    const ssize_t size = ::readlinkat(repository.get(), "HEAD", target.data(), target.size());
    return size > 0 ? std::string(target.data(), static_cast<std::size_t>(size)) : std::string();
}

Result<std::string> head_content(const Fd& repository, const std::string& relative) {
    struct stat status {};
    if (::fstatat(repository.get(), "HEAD", &status, AT_SYMLINK_NOFOLLOW) != 0) {
        return not_usable(relative, errno_text("HEAD"));
    }
    // A pipe of that name would never be opened.
    if (!S_ISREG(status.st_mode)) return not_usable(relative, "HEAD is not a file");
    const Fd file(::openat(repository.get(), "HEAD", O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
    if (!file) return not_usable(relative, errno_text("HEAD"));
    std::array<char, PATH_MAX> content{};
    const ssize_t size = ::read(file.get(), content.data(), content.size());
    if (size < 0) return not_usable(relative, errno_text("HEAD"));
    return std::string(content.data(), static_cast<std::size_t>(size));
}

bool names_commit(std::string_view text) {
    return text.size() >= shortest_id && std::all_of(text.begin(), text.end(), [](char c) {
               return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
           });
}

}  // namespace

Result<Fd> open_repository(const std::string& root, const std::string& relative) {
    auto directory = open_below(root, relative);
    if (!directory) return directory;
    struct stat status {};
    const std::string path = root + "/" + relative;
    if (::fstat(directory->get(), &status) != 0) return unavailable(errno_text("cannot stat " + path));
    if (status.st_uid == 0 || status.st_uid == ::geteuid()) return directory;
    return unavailable(path + ": belongs to uid " + std::to_string(status.st_uid) +
                       ", and git runs here as uid " + std::to_string(::geteuid()) +
                       ": chown -R it to the user that git runs as, or to root");
}

bool is_hg_repository(const Fd& repository) {
    struct stat status {};
    return ::fstatat(repository.get(), ".hg", &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(status.st_mode);
}

Result<std::string> read_head(const Fd& repository, const std::string& relative) {
    for (const char* needed : {"objects", "refs"}) {
        if (::faccessat(repository.get(), needed, X_OK, AT_EACCESS) == 0) continue;
        return not_usable(relative, errno_text(needed));
    }
    if (std::string target = linked_head(repository); target.starts_with(refs)) return target;
    auto content = head_content(repository, relative);
    if (!content) return content;
    std::string_view text = trim(*content);
    if (text.starts_with(ref_mark)) {
        text = trim(text.substr(ref_mark.size()));
        if (text.starts_with(refs)) return std::string(text);
    } else if (names_commit(text)) {
        return std::string();
    }
    return not_usable(relative, "HEAD is neither a ref nor a commit");
}

}  // namespace gerve
