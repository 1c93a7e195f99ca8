#include "gerve/agent/lfs/hook_process.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "authz/base/fd.h"
#include "authz/base/log.h"
#include "authz/base/text.h"
#include "authz/os/spawn.h"
#include "gerve/agent/lfs/places.h"
#include "gerve/agent/lfs/receive_hooks.h"
#include "gerve/agent/lfs/required_objects.h"

namespace gerve::lfs {
namespace {

// Of a push: "OLD NEW REF", a line each. Two hundred thousand refs need no more.
constexpr std::size_t most_commands = 64 << 20;  // bytes

constexpr int declines = 1;

std::string text_of_variable(const char* name) {
    const char* value = std::getenv(name);
    return value == nullptr ? "" : value;
}

std::string_view last_part(std::string_view path) {
    return path.substr(path.rfind('/') + 1);
}

int decline(const std::string& told) {
    std::fputs(told.c_str(), stderr);
    return declines;
}

void write_syslog(log::Level level, const std::string& text, const Error& error) {
    log::start_syslog("gerve-agent", log::Level::info);  // the standard error is the client's
    log::write(level, text, {{"request", text_of_variable("GERVE_REQUEST_ID")}, {"why", describe(error)}});
}

// Behind a text that sends the client to the operator.
std::string request_text() {
    return " (request " + printable(text_of_variable("GERVE_REQUEST_ID")) + ")\n";
}

// The client reads that the check failed; the reason goes to the log.
int cannot_check(const Error& error) {
    write_syslog(log::Level::error, "a push cannot be checked for objects of Git LFS", error);
    return decline(
        "ERROR: The file server cannot check the large files (Git LFS) of this push: tell its operator." +
        request_text());
}

// What each ref is to name; deletions name nothing.
std::string tips_of(std::string_view commands) {
    std::string tips;
    for (const std::string_view line : split(commands, '\n')) {
        const auto words = split(line, ' ');
        if (words.size() < 3 || words[1].find_first_not_of('0') == std::string_view::npos) continue;
        tips.append(words[1]).append("\n");
    }
    return tips;
}

// Whether git can read what is new, as it has tried itself by now; it asks its hook all the same. What is
// pushed may be malformed where `check_objects` of the agent is false.
bool is_readable(const GitReader& reader, std::string_view tips) {
    const auto pass = [](std::string_view) -> Result<void> { return {}; };
    return each_line(reader, {"rev-list", "--objects", "--quiet", "--stdin", "--not", "--all"}, tips, pass)
        .has_value();
}

// Most likely the client's objects are malformed, but the repository's own may be.
int cannot_read(const Error& error) {
    write_syslog(log::Level::warn, "git cannot read what is pushed", error);
    return decline(
        "ERROR: git cannot read the objects of this push: run `git fsck` in your clone, "
        "and if it finds nothing, tell the operator of the file server." +
        request_text());
}

// 0: every object that the push needs is there.
int check_objects_of(std::string_view commands) {
    const std::string tips = tips_of(commands);
    if (tips.empty()) return 0;
    const Places places(Fd(::open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)));
    if (!places.repository())
        return cannot_check(unavailable(errno_text("cannot open the repository")).value());
    GitReader reader{text_of_variable(git_variable), {}, own_environment()};
    reader.own_group = false;  // whoever ends the push ends what reads it
    const auto missing = find_missing(reader, places, tips);
    if (!missing && missing.error().kind == ErrorKind::internal && !is_readable(reader, tips))
        return cannot_read(missing.error());
    if (!missing) return cannot_check(missing.error());
    return missing->count == 0 ? 0 : decline(missing->told());
}

// The same bytes once more, for the next reader.
Result<Fd> as_file(std::string_view bytes) {
    Fd file(::memfd_create("commands", MFD_CLOEXEC));
    if (!file) return unavailable(errno_text("memfd_create"));
    while (!bytes.empty()) {
        const ssize_t put = ::write(file.get(), bytes.data(), bytes.size());
        if (put < 0 && errno != EINTR) return unavailable(errno_text("cannot keep the commands of a push"));
        if (put > 0) bytes.remove_prefix(static_cast<std::size_t>(put));
    }
    if (::lseek(file.get(), 0, SEEK_SET) != 0) return unavailable(errno_text("lseek"));
    return file;
}

// As git names it: in $GIT_DIR; or where core.hooksPath leads, which may be relative to the directory in
// which hooks run (git-config(1)). Some run in a work tree.
std::string own_hook(std::string_view name) {
    const std::string own = text_of_variable(own_hooks_variable);
    const std::string repository = text_of_variable("GIT_DIR");
    const bool elsewhere = own == usual_hooks && !repository.empty() && repository != ".";
    return (elsewhere ? repository + "/" : "") + own + "/" + std::string(name);
}

// In place of this process: so it has the parent, the directory, the arguments and the streams that git gave
// it. Returns only if there is none (0), or if it cannot be run.
int become_own_hook(std::string_view name, std::vector<std::string> words, const Fd& input) {
    const std::string hook = own_hook(name);
    if (::access(hook.c_str(), X_OK) != 0) return 0;
    words.insert(words.begin(), hook);
    const auto environment = without_redirection(own_environment());
    if (input && ::dup2(input.get(), STDIN_FILENO) < 0)
        return cannot_check(unavailable(errno_text("dup2")).value());
    ::execve(hook.c_str(), pointers_to(words).data(), pointers_to(environment).data());
    const std::string why =
        errno == ENOEXEC ? "its first line does not name a program (#!)" : std::strerror(errno);
    return decline("ERROR: The hook " + std::string(name) + " of this repository cannot be run: " + why +
                   ". Tell the operator of the file server.\n");
}

}  // namespace

bool is_hook(std::string_view program) {
    return !text_of_variable(own_hooks_variable).empty() &&
           std::find(hook_names.begin(), hook_names.end(), last_part(program)) != hook_names.end();
}

int run_hook(std::string_view program, const std::vector<std::string>& words) {
    const std::string_view name = last_part(program);
    if (name != hook_names.front()) return become_own_hook(name, words, Fd());
    const Fd input(::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3));
    const auto commands = read_open_file(input, "the commands of the push", most_commands);
    if (!commands) return cannot_check(commands.error());
    if (const int status = check_objects_of(*commands); status != 0) return status;
    const auto again = as_file(*commands);
    return again ? become_own_hook(name, words, *again) : cannot_check(again.error());
}

}  // namespace gerve::lfs
