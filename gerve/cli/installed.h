// Where what sshd starts is installed, and what configures sshd for it.
#pragma once

namespace gerve {

// The directory of gerve-authorized-keys and gerve-shell.
extern const char* const sshd_programs;

// packaging/sshd/gerve.conf.in, with that directory in it.
extern const char* const sshd_profile;

}  // namespace gerve
