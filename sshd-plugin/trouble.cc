#include "sshd-plugin/trouble.h"

#include <syslog.h>

#include <cstdio>

namespace gerve::sshd {

void tell_trouble(const char* program, const std::string& what) {
    ::openlog(program, LOG_PID, LOG_AUTHPRIV);
    ::syslog(LOG_ERR, "%s", what.c_str());
    std::fprintf(stderr, "%s: %s\n", program, what.c_str());
}

}  // namespace gerve::sshd
