// gerve-shell: the forced command of sshd's git account. A git-shell that asks authz and relays to a file
// server.

#include <cstdio>
#include <string>
#include <vector>

#include "authz/base/log.h"
#include "authz/base/version.h"
#include "authz/model/messages.h"
#include "sshd-plugin/forced_command.h"
#include "sshd-plugin/shell_session.h"

namespace {

constexpr const char* usage =
    "usage: gerve-shell [--socket PATH] [--notice FILE] HANDLE\n"
    "The forced command that gerve-authorized-keys writes for sshd; see gerve-shell(1).\n";

}  // namespace

int main(int argc, char** argv) {
    using namespace gerve;
    const std::vector<std::string> arguments(argv + 1, argv + argc);
    if (arguments.size() == 1 && arguments[0] == "--help") return std::fputs(usage, stdout) < 0;
    if (arguments.size() == 1 && arguments[0] == "--version")
        return std::puts(("gerve " + version_text()).c_str()) < 0;
    sshd::confine_process();
    const sshd::ClientRequest request = sshd::take_environment();
    log::start_syslog("gerve-shell");
    const auto invocation = sshd::parse_invocation(arguments);
    if (!invocation) {
        log::error("not started as a forced command", {{"why", invocation.error().told}});
        std::fprintf(stderr, "gerve-shell: %s\n", invocation.error().told.c_str());
        return static_cast<int>(ExitStatus::failed);
    }
    return sshd::serve_client(*invocation, request);
}
