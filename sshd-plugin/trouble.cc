#include "sshd-plugin/trouble.h"

#include <syslog.h>

#include <cstdio>

namespace gerve::sshd {
namespace {

void tell(const char* program, int priority, const std::string& what) {
    ::openlog(program, LOG_PID, LOG_AUTHPRIV);
    ::syslog(priority, "%s", what.c_str());
    std::fprintf(stderr, "%s: %s\n", program, what.c_str());
}

}  // namespace

void tell_trouble(const char* program, const std::string& what) {
    tell(program, LOG_ERR, what);
}

void tell_refusal(const char* program, const std::string& what) {
    tell(program, LOG_INFO, what);
}

}  // namespace gerve::sshd
