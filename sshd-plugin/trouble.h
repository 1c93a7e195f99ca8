// Trouble of a program that sshd starts: the stderr of a daemon goes nowhere, so the system log has to hear
// of it.
#pragma once

#include <string>

namespace gerve::sshd {

// One line to syslog (LOG_AUTHPRIV) and to stderr, which a terminal shows. Untrusted bytes
// are quoted by the caller.
void tell_trouble(const char* program, const std::string& what);

// The same for why a client is not let in, which needs no attention.
void tell_refusal(const char* program, const std::string& what);

}  // namespace gerve::sshd
