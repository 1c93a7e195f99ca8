#include "authz/store/sqlite/sqlite_rights.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "authz/base/fd.h"
#include "authz/os/system_user.h"

namespace gerve {
namespace {

// Empty: it is not for want of rights.
std::string why_not_opened(const std::string& file, bool writes) {
    struct stat status {};
    const bool looked = ::stat(file.c_str(), &status) == 0;
    const bool missing = !looked && errno == ENOENT;
    if (!looked && !missing && errno != EACCES && errno != EPERM) return errno_text("cannot access it");
    if (missing && !writes) return "";
    const auto slash = file.rfind('/');
    const std::string parent =
        slash == std::string::npos ? "." : file.substr(0, std::max<std::size_t>(slash, 1));
    const auto may_use = [](const std::string& path, int how) {
        return ::faccessat(AT_FDCWD, path.c_str(), how, AT_EACCESS) == 0;
    };
    const bool known = ::stat(file.c_str(), &status) == 0 || ::stat(parent.c_str(), &status) == 0;
    // Its write-ahead log lies beside it, and a reader shares it.
    const bool may_use_file = missing || may_use(file, writes ? R_OK | W_OK : R_OK);
    if (may_use_file && may_use(parent, W_OK | X_OK)) return "";
    const std::string who = "user " + system_user_text(::geteuid()) + " has no rights to it";
    if (!known) return who + " or to its directory: run this as the user that owns them";
    return who + ": run this as " + system_user_text(status.st_uid) + " (sudo -u " +
           system_user_text(status.st_uid) + " …)";
}

}  // namespace

tl::unexpected<Error> not_opened(const std::string& file, bool writes, std::string otherwise) {
    const std::string why = why_not_opened(file, writes);
    return unavailable(why.empty() ? std::move(otherwise) : file + ": " + why);
}

}  // namespace gerve
