#include "authz/os/hardening.h"

#include <sys/prctl.h>
#include <sys/resource.h>

#include "authz/base/fd.h"

namespace gerve {

Result<void> harden_process() {
    const rlimit none{0, 0};
    bool done = ::setrlimit(RLIMIT_CORE, &none) == 0;
    done = ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && done;
#if !defined(__SANITIZE_ADDRESS__)  // its leak check attaches to the process as a debugger does
    done = ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0 && done;
#endif
    if (!done) return internal_error(errno_text("setrlimit or prctl"));
    return {};
}

}  // namespace gerve
