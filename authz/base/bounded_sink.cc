#include "authz/base/bounded_sink.h"

#include <fcntl.h>
#include <poll.h>
#include <spdlog/details/log_msg.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>

namespace gerve::log {

BoundedSink::BoundedSink(int descriptor) : descriptor_(descriptor) {
    struct stat status {};
    if (::fstat(descriptor, &status) != 0) return;
    is_socket_ = S_ISSOCK(status.st_mode);
    is_file_ = S_ISREG(status.st_mode);
    if (is_socket_ || is_file_) return;
    const std::string same = "/proc/self/fd/" + std::to_string(descriptor);
    own_ = Fd(::open(same.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY));
}

ssize_t BoundedSink::write_some(std::string_view text) const {
    if (is_socket_) return ::send(descriptor_, text.data(), text.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (own_) return ::write(own_.get(), text.data(), text.size());
    // Somebody else's pipe, which may not be opened. Up to PIPE_BUF bytes go in without waiting where poll(2)
    // sees room, unless another process takes that in between.
    pollfd room{descriptor_, POLLOUT, 0};
    if (!is_file_ && ::poll(&room, 1, 0) <= 0) {
        errno = EAGAIN;
        return -1;
    }
    return ::write(descriptor_, text.data(),
                   is_file_ ? text.size() : std::min<std::size_t>(text.size(), PIPE_BUF));
}

bool BoundedSink::put_rest() {
    while (!rest_.empty()) {
        const ssize_t put = write_some(rest_);
        if (put < 0 && errno == EINTR) continue;
        if (put < 0 && errno == EPIPE) rest_.clear();  // nobody reads there any more
        if (put <= 0) return rest_.empty();
        rest_.erase(0, static_cast<std::size_t>(put));
    }
    return true;
}

bool BoundedSink::put(std::string_view text) {
    if (!put_rest()) return false;
    const ssize_t put = write_some(text);
    if (put < 0) return false;
    rest_ = text.substr(static_cast<std::size_t>(put));
    (void)put_rest();
    return true;
}

void BoundedSink::sink_it_(const spdlog::details::log_msg& message) {
    if (dropped_ > 0) {
        const std::string text =
            "log lines were dropped: the log reader did not keep up count=" + std::to_string(dropped_);
        spdlog::details::log_msg note(message.logger_name, spdlog::level::warn, text);
        spdlog::memory_buf_t line;
        formatter_->format(note, line);
        if (!put({line.data(), line.size()})) {
            ++dropped_;
            return;
        }
        dropped_ = 0;
    }
    spdlog::memory_buf_t line;
    formatter_->format(message, line);
    if (!put({line.data(), line.size()})) ++dropped_;
}

}  // namespace gerve::log
