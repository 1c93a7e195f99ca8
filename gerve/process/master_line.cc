#include "gerve/process/master_line.h"

#include <sys/socket.h>

#include <cerrno>

#include "gerve/loop/wait.h"
#include "gerve/process/control_words.h"

namespace gerve {

asio::awaitable<void> hear_master(asio::posix::stream_descriptor& control,
                                  std::function<void(std::string_view)> hear) {
    while (true) {
        char message[max_control_message];
        const ssize_t got = ::recv(control.native_handle(), message, sizeof message, MSG_DONTWAIT);
        if (got > 0) {
            hear({message, static_cast<std::size_t>(got)});
        } else if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
            const bool ready = co_await wait_ready(control, control.wait_read);
            if (!ready) co_return;
        } else {
            co_return;
        }
    }
}

}  // namespace gerve
