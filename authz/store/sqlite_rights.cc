#include "authz/store/sqlite_rights.h"

#include <fcntl.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace gerve {
namespace {

std::string owner_name(uid_t uid) {
    const passwd* found = ::getpwuid(uid);
    return found != nullptr ? found->pw_name : "uid " + std::to_string(uid);
}

}  // namespace

std::string why_not_opened(const std::string& file, bool writes) {
    struct stat status {};
    if (::stat(file.c_str(), &status) != 0 && errno == ENOENT) return "there is no such file";
    const auto slash = file.rfind('/');
    const std::string parent =
        slash == std::string::npos ? "." : file.substr(0, std::max<std::size_t>(slash, 1));
    const auto may_use = [](const std::string& path, int how) {
        return ::faccessat(AT_FDCWD, path.c_str(), how, AT_EACCESS) == 0;
    };
    const bool known = ::stat(file.c_str(), &status) == 0 || ::stat(parent.c_str(), &status) == 0;
    // Its write-ahead log lies beside it, and a reader shares it.
    if (may_use(file, writes ? R_OK | W_OK : R_OK) && may_use(parent, W_OK | X_OK)) return "";
    const std::string who = "user " + owner_name(::geteuid()) + " has no rights to it";
    if (!known) return who + " or to its directory: run this as the user that owns them";
    return who + ": run this as " + owner_name(status.st_uid) + " (sudo -u " + owner_name(status.st_uid) +
           " …)";
}

}  // namespace gerve
