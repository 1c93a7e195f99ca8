#include "sshd-plugin/forced_command.h"

#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>

#include "authz/base/text.h"
#include "authz/os/hardening.h"
#include "sshd-plugin/command_line.h"
#include "sshd-plugin/installation.h"

namespace gerve::sshd {
namespace {

constexpr std::string_view program = "gerve-shell";
constexpr std::size_t max_handle = 1024;      // bytes
constexpr std::size_t max_words = 16 * 1024;  // bytes behind "-c"

tl::unexpected<Error> not_ours() {
    return client_error(
        "this is the forced command that gerve-authorized-keys writes for sshd; see gerve-shell(1)");
}

// The words behind "-c", without the program's name. No quoting: what is written there needs none.
Result<std::vector<std::string>> split_command(std::string_view command) {
    if (command.size() > max_words) return not_ours();
    std::vector<std::string> words;
    for (const std::string_view word : split(command, ' ')) {
        if (!is_plain(word)) return not_ours();
        words.emplace_back(word);
    }
    const std::string& name = words.front();
    if (std::string_view(name).substr(name.rfind('/') + 1) != program) return not_ours();
    words.erase(words.begin());
    return words;
}

std::string take_variable(const char* name) {
    const char* value = std::getenv(name);
    return value == nullptr ? "" : value;
}

}  // namespace

Result<Invocation> parse_invocation(const std::vector<std::string>& arguments) {
    std::vector<std::string> words = arguments;
    if (arguments.size() == 2 && arguments[0] == "-c") {
        auto split = split_command(arguments[1]);
        if (!split) return pass_on(split);
        words = std::move(*split);
    }
    Invocation invocation{default_socket, "", ""};
    const auto rest = take_options(
        words, {{"--socket", [&](std::string_view value) { return take_path(value, invocation.socket); }},
                {"--notice", [&](std::string_view value) { return take_path(value, invocation.notice); }}});
    if (!rest) return pass_on(rest);
    if (rest->size() != 1 || !is_plain(rest->front()) || rest->front().size() > max_handle) return not_ours();
    invocation.handle = rest->front();
    return invocation;
}

ClientRequest take_environment() {
    ClientRequest request;
    if (const char* command = std::getenv("SSH_ORIGINAL_COMMAND"); command != nullptr)
        request.command = command;
    request.git_protocol = take_variable("GIT_PROTOCOL");
    const std::string connection = take_variable("SSH_CONNECTION");
    const std::string address = connection.substr(0, connection.find(' '));
    if (address.size() <= 64 && is_plain(address)) request.address = address;
    request.connection = connection + " " + std::to_string(::getppid());
    ::clearenv();
    return request;
}

void confine_process() {
    if (!harden_process()) std::_Exit(128);
    std::signal(SIGPIPE, SIG_IGN);
    ::prctl(PR_SET_PDEATHSIG, SIGHUP, 0, 0, 0);
    ::umask(077);
    if (::chdir("/") != 0) std::_Exit(128);
}

}  // namespace gerve::sshd
