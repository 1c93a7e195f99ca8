#include "authz/os/hardening.h"

#include <sys/prctl.h>
#include <sys/resource.h>

#include "authz/base/fd.h"

namespace gerve {

Result<void> harden_process() {
    const rlimit none{0, 0};
    if (::setrlimit(RLIMIT_CORE, &none) != 0) return internal_error(errno_text("setrlimit"));
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return internal_error(errno_text("prctl"));
#if !defined(__SANITIZE_ADDRESS__)  // its check for leaks looks at the process as a debugger does
    if (::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) return internal_error(errno_text("prctl"));
#endif
    return {};
}

}  // namespace gerve
