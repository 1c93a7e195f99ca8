#include "gerve/cli/programs.h"

#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

#include <filesystem>

namespace gerve {

Result<Programs> find_programs() {
    char path[PATH_MAX];
    const ssize_t length = ::readlink("/proc/self/exe", path, sizeof path);
    if (length <= 0) return internal_error(errno_text("cannot read /proc/self/exe"));
    std::string own(path, static_cast<std::size_t>(length));
    constexpr std::string_view gone = " (deleted)";
    if (own.ends_with(gone)) own.resize(own.size() - gone.size());
    const std::filesystem::path directory = std::filesystem::path(own).parent_path();
    for (const char* place : {"gerve-agent", "../agent/gerve-agent"}) {
        const std::string agent = (directory / place).lexically_normal().string();
        if (::access(agent.c_str(), X_OK) == 0) return Programs{own, agent};
    }
    return internal_error("there is no gerve-agent beside " + own +
                          ": install it; the embedded default needs it");
}

Result<std::string> read_inherited(Fd file) {
    std::string text;
    char chunk[16384];
    while (true) {
        const ssize_t got = ::pread(file.get(), chunk, sizeof chunk, static_cast<off_t>(text.size()));
        if (got < 0) return internal_error(errno_text("cannot read the inherited configuration"));
        if (got == 0) return text;
        text.append(chunk, static_cast<std::size_t>(got));
    }
}

void close_on_exec(int fd) {
    ::fcntl(fd, F_SETFD, FD_CLOEXEC);
}

}  // namespace gerve
