#include "authz/base/key_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "authz/base/digest.h"
#include "authz/base/fd.h"
#include "authz/base/text.h"

namespace gerve {

// A whole file takes the name at once or not at all.
Result<void> make_key_file(const std::string& file, std::string_view content) {
    const std::string draft = file + "." + to_hex(random_bytes(8));
    if (auto written = write_file(draft, content, 0600); !written) return written;
    if (const Fd made(::open(draft.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW)); made)
        give_to_owner_of_directory(made.get(), draft);
    const bool linked = ::link(draft.c_str(), file.c_str()) == 0 || errno == EEXIST;
    const std::string trouble = linked ? "" : errno_text("cannot create " + file);
    ::unlink(draft.c_str());
    if (!linked) return internal_error(trouble);
    return {};
}

void give_to_owner_of_directory(int file, const std::string& path) {
    struct stat directory {};
    const std::string parent = path.substr(0, path.rfind('/') + 1) + ".";
    if (::geteuid() == 0 && ::stat(parent.c_str(), &directory) == 0)
        (void)!::fchown(file, directory.st_uid, directory.st_gid);
}

}  // namespace gerve
