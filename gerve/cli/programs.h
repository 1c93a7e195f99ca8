// What `gerve` needs to know of its own installation and of what a parent process handed down.
#pragma once

#include <string>

#include "authz/base/fd.h"
#include "authz/base/result.h"
#include "gerve/master/crew.h"

namespace gerve {

// This binary's path, and gerve-agent's: beside it, or where the build puts it. The path
// and not the file: after an upgrade the master starts what is there then. Error: internal.
[[nodiscard]] Result<Programs> find_programs();

// The content of an inherited file, from its beginning. Error: internal.
[[nodiscard]] Result<std::string> read_inherited(Fd file);

// No program that this process starts shall have it.
void close_on_exec(int fd);

}  // namespace gerve
