// Where what sshd starts is installed.
#pragma once

namespace gerve {

// The directory of gerve-authorized-keys and gerve-shell.
extern const char* const sshd_programs;

}  // namespace gerve
