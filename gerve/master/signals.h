// What the master hears: signals, through a descriptor.
#pragma once

#include "authz/base/fd.h"

namespace gerve {

// Whatever our own parent left open is none of the children's business.
void keep_inherited_descriptors();

// A signalfd of SIGHUP, SIGTERM, SIGINT and SIGCHLD, which reach this process in no other way from now on.
// SIGPIPE is ignored. Error: internal.
[[nodiscard]] Result<Fd> open_signals();

}  // namespace gerve
