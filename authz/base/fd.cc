#include "authz/base/fd.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace gerve {

Fd& Fd::operator=(Fd&& other) noexcept {
    if (this != &other) {
        reset();
        number_ = std::exchange(other.number_, -1);
    }
    return *this;
}

void Fd::reset() {
    if (number_ >= 0) ::close(std::exchange(number_, -1));
}

std::string errno_text(std::string_view tried) {
    const int number = errno;
    return std::string(tried) + ": " + std::strerror(number);
}

Result<std::string> read_open_file(const Fd& file, const std::string& path, std::size_t limit) {
    std::string content;
    char chunk[16384];
    while (true) {
        const ssize_t got = ::read(file.get(), chunk, sizeof chunk);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return internal_error(errno_text("cannot read " + path));
        if (got == 0) return content;
        content.append(chunk, static_cast<std::size_t>(got));
        if (content.size() > limit)
            return internal_error(path + ": larger than " + std::to_string(limit) + " bytes");
    }
}

namespace {

Result<Fd> open_regular(const std::string& path, struct stat& status) {
    Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
    if (!file) return internal_error(errno_text("cannot open " + path));
    if (::fstat(file.get(), &status) != 0) return internal_error(errno_text("cannot stat " + path));
    if (!S_ISREG(status.st_mode)) return internal_error(path + ": not a regular file");
    return file;
}

Result<void> write_all(const Fd& file, const std::string& path, std::string_view content) {
    while (!content.empty()) {
        const ssize_t put = ::write(file.get(), content.data(), content.size());
        if (put < 0 && errno == EINTR) continue;
        if (put < 0) return internal_error(errno_text("cannot write " + path));
        content.remove_prefix(static_cast<std::size_t>(put));
    }
    return {};
}

}  // namespace

Result<std::string> read_file(const std::string& path, std::size_t limit) {
    struct stat status {};
    auto file = open_regular(path, status);
    if (!file) return pass_on(file);
    return read_open_file(*file, path, limit);
}

Result<std::string> read_secret_file(const std::string& path, std::size_t limit) {
    struct stat status {};
    auto file = open_regular(path, status);
    if (!file) return pass_on(file);
    const unsigned others = status.st_mode & 077;
    if (others != 0 && !(others == 040 && status.st_uid == 0)) {
        return internal_error(path + " is readable or writable by other users; chmod 600 " + path);
    }
    return read_open_file(*file, path, limit);
}

Result<void> write_file(const std::string& path, std::string_view content, unsigned mode) {
    const std::string temporary = path + ".new" + std::to_string(::getpid());
    Fd file(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode));
    if (!file) return internal_error(errno_text("cannot create " + temporary));
    auto written = write_all(file, temporary, content);
    if (written && ::fsync(file.get()) != 0) written = internal_error(errno_text("cannot sync " + temporary));
    if (written && ::rename(temporary.c_str(), path.c_str()) != 0) {
        written = internal_error(errno_text("cannot rename to " + path));
    }
    if (!written) ::unlink(temporary.c_str());
    return written;
}

Result<void> set_nonblocking(int fd, bool on) {
    const int flags = ::fcntl(fd, F_GETFL);
    if (flags < 0 || ::fcntl(fd, F_SETFL, on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK) != 0) {
        return internal_error(errno_text("fcntl"));
    }
    return {};
}

std::size_t raise_open_files_limit() {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 1024;
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
    ::getrlimit(RLIMIT_NOFILE, &limit);
    return limit.rlim_cur;
}

}  // namespace gerve
