#include "gerve/ssh/channel.h"

#include <libssh/callbacks.h>
#include <libssh/libssh.h>
#include <libssh/server.h>

#include <algorithm>

#include "authz/model/git_command.h"
#include "gerve/ssh/connection.h"

namespace gerve::ssh {
namespace {

constexpr std::size_t max_read = 2 << 20;

// A client that is slower than we are opens its window by a few KB at a time. Each of them sent on its own
// costs a packet, a system call and its wake-up: so wait until the window has room for this much, or for an
// eighth of the largest it ever was; but not for long, since a client may refill when it likes.
constexpr std::uint32_t worthwhile = 128 * 1024;
constexpr std::chrono::milliseconds hesitation{50};

// A client whose window is smaller gets it whole at every turn, and waits for the next: OpenSSH's is 2 MB.
constexpr std::uint32_t small_window = 1 << 20;

// The receive window, in bytes. libssh 0.10 opens 64,000 and refills to 1.28 MB; a push over a long line
// needs more. The window doubles each time twice its size was received, up to the cap, where it is the client
// that is waited for: where it is the file server, a larger window only fills memory, and what is read comes
// from beyond the cache. All windows of the process together stay below the budget, since a stalled file
// server makes each cost its full size in memory.
constexpr std::uint32_t first_window = 2 << 20;
constexpr std::uint32_t max_window = 8 << 20;
constexpr std::uint64_t window_budget = 512ULL << 20;
std::uint64_t windows_granted = 0;

// From 0.11 on libssh keeps a window of 2 MiB, whatever is asked for.
bool window_can_grow() {
    static const bool can = ssh_version(SSH_VERSION_INT(0, 11, 0)) == nullptr;
    return can;
}

Channel& self_of(void* user) {
    return *static_cast<Channel*>(user);
}

}  // namespace

// The callbacks of libssh only note what came; all work is done by the coroutines they wake.
Channel::Channel(Connection& connection, ssh_channel_struct* channel, unsigned max_env_requests)
    : connection_(&connection),
      channel_(channel),
      callbacks_(std::make_unique<ssh_channel_callbacks_struct>()),
      input_(connection.socket_.get_executor()),
      output_(connection.socket_.get_executor()),
      patience_(connection.socket_.get_executor()),
      env_left_(max_env_requests) {
    callbacks_->userdata = this;
    callbacks_->channel_data_function = [](ssh_session, ssh_channel, void*, uint32_t size, int is_stderr,
                                           void* user) {
        // libssh tells the size of all that lies in its buffer, not of what came.
        Channel& self = self_of(user);
        if (is_stderr == 0) self.untaken_ = size;
        self.input_.notify();
        return 0;  // stays in libssh's buffer until take_input()
    };
    callbacks_->channel_eof_function = [](ssh_session, ssh_channel, void* user) {
        self_of(user).input_.notify();
    };
    callbacks_->channel_close_function = [](ssh_session, ssh_channel, void* user) {
        self_of(user).client_closed_ = true;
        self_of(user).input_.notify();
        self_of(user).output_.notify();
    };
    callbacks_->channel_env_request_function = [](ssh_session, ssh_channel, const char* name,
                                                  const char* value, void* user) {
        Channel& self = self_of(user);
        if (self.env_left_ == 0) return 1;
        --self.env_left_;
        if (std::string_view(name) != "GIT_PROTOCOL" || self.command_ || self.requested_) return 1;
        if (!GitProtocol::parse(value)) return 1;
        self.git_protocol_ = value;
        return 0;
    };
    callbacks_->channel_exec_request_function = [](ssh_session, ssh_channel, const char* command,
                                                   void* user) {
        Channel& self = self_of(user);
        if (self.callbacks_->channel_shell_request_function == nullptr) return 1;
        self.command_ = command;
        self.requested();
        return 0;
    };
    callbacks_->channel_shell_request_function = [](ssh_session, ssh_channel, void* user) {
        self_of(user).requested();
        return 0;
    };
    ssh_callbacks_init(callbacks_.get());
    ssh_set_channel_callbacks(channel_, callbacks_.get());
}

Channel::~Channel() {
    windows_granted -= window_;
    if (channel_ == nullptr) return;
    ssh_remove_channel_callbacks(channel_, callbacks_.get());
    ssh_channel_free(channel_);
}

void Channel::detach() {
    if (channel_ != nullptr) {
        ssh_remove_channel_callbacks(channel_, callbacks_.get());
        ssh_channel_free(std::exchange(channel_, nullptr));
    }
    connection_ = nullptr;
    interrupt();
}

// One request per channel (RFC 4254 section 6.5): a second is refused from here on.
void Channel::requested() {
    callbacks_->channel_shell_request_function = nullptr;
    requested_ = true;
}

void Channel::wake() {
    if (gone()) input_.notify();
    const std::size_t space = room();
    if (gone() || space >= std::max<std::size_t>(refused_, 1)) {
        output_.notify();
    } else if (space > 0) {
        hesitate();
    }
}

// There is room, but less than is worth while: it will do if no more comes.
void Channel::hesitate() {
    if (std::exchange(hesitating_, true)) return;
    patience_.expires_after(hesitation);
    patience_.async_wait([self = shared_from_this()](const asio::error_code& stopped) {
        self->hesitating_ = false;
        if (stopped) return;
        self->impatient_ = true;
        self->output_.notify();
    });
}

bool Channel::lives_on_its_window() const {
    return refused_ != 0 && largest_window_ < small_window;
}

// libssh calls a channel open until the client's last data have been read, which nobody does where nothing
// runs.
bool Channel::gone() const {
    const bool runs = callbacks_->channel_shell_request_function == nullptr;
    return channel_ == nullptr || ssh_channel_is_closed(channel_) != 0 || (client_closed_ && !runs);
}

asio::awaitable<bool> Channel::wait_input(Deadline deadline) {
    const auto began = std::chrono::steady_clock::now();
    const bool in_time = co_await input_.wait(deadline);
    waited_ += std::chrono::steady_clock::now() - began;
    co_return in_time;
}

asio::awaitable<bool> Channel::wait_output(Deadline deadline) {
    co_return co_await output_.wait(deadline);
}

void Channel::interrupt() {
    input_.notify();
    output_.notify();
}

// libssh enlarges a window only when it is asked for more bytes than the present window holds. So when the
// window is due to grow and a quarter of the time was spent waiting for the client, grow_window() chooses the
// next size, within the budget of the process, and one call asks for that many bytes, into a buffer of that
// size. Every other call asks for at most max_read. Each call returns what is there at once.
std::size_t Channel::take_input(std::span<char> into) {
    if (gone()) return 0;
    const std::uint32_t wanted = window_ == 0 ? first_window : window_;
    const bool due = window_can_grow() && since_asked_ >= wanted / 8 && bytes_in_ >= 2ULL * first_window &&
                     into.size() >= wanted;
    if (due) since_asked_ = 0;
    const bool grow = due && waits_for_client();
    if (grow) grow_window();
    const Connection::Call call(*connection_);
    const std::span<char> some = into.first(std::min<std::size_t>(into.size(), max_read));
    // Asking libssh for more than its window holds is what makes it offer a larger one; see
    // docs/performance.md.
    const int got = grow && window_ != 0 ? ssh_channel_read_timeout(channel_, into.data(), window_, 0, 0)
                                         : ssh_channel_read_nonblocking(
                                               channel_, some.data(), static_cast<uint32_t>(some.size()), 0);
    const auto taken = static_cast<std::size_t>(std::max(got, 0));
    if (taken == 0) return 0;
    bytes_in_ += taken;
    untaken_ -= std::min<std::uint64_t>(untaken_, taken);
    since_asked_ += taken;
    connection_->on_input_taken();
    return taken;
}

// For a quarter of the time at least, since this was last asked.
bool Channel::waits_for_client() {
    const auto now = std::chrono::steady_clock::now();
    return 4 * std::exchange(waited_, {}) >= now - std::exchange(asked_, now);
}

void Channel::grow_window() {
    std::uint32_t next = window_ == 0 ? first_window : window_;
    if (window_ != 0 && window_ < max_window && bytes_in_ >= 4ULL * window_) next = window_ * 2;
    if (next == window_ || windows_granted + (next - window_) > window_budget) return;
    windows_granted += next - window_;
    window_ = next;
}

bool Channel::input_ended() {
    return channel_ != nullptr && ssh_channel_is_eof(channel_) != 0;
}

std::size_t Channel::room() const {
    if (channel_ == nullptr || connection_ == nullptr || connection_->session_ == nullptr) return 0;
    const std::size_t pending = connection_->unsent();
    if (pending >= max_write) return 0;
    return std::min<std::size_t>(ssh_channel_window_size(channel_), max_write - pending);
}

// The room for `wanted` bytes, or 0 while there is less than is worth while.
std::size_t Channel::worthwhile_room(std::size_t wanted) {
    if (gone()) return 0;
    if (client_closed_) return wanted;
    largest_window_ = std::max(largest_window_, ssh_channel_window_size(channel_));
    const std::size_t least = std::min<std::size_t>({wanted, worthwhile, largest_window_ / 8 + 1});
    const std::size_t space = room();
    const bool enough = space >= least || (impatient_ && space > 0);
    refused_ = enough ? 0 : least;
    if (!enough && space > 0) hesitate();
    return enough ? space : 0;
}

std::size_t Channel::put_output(OutputStream stream, std::string_view bytes) {
    if (gone() || finished_) return 0;
    // Nobody reads behind the client's CLOSE; but what it sent before is still worked on.
    if (client_closed_) return bytes.size();
    const std::size_t space = worthwhile_room(bytes.size());
    impatient_ = false;
    if (space == 0) return 0;
    const auto size = static_cast<uint32_t>(std::min(bytes.size(), space));
    const Connection::Call call(*connection_);
    const int put = stream == OutputStream::out ? ssh_channel_write(channel_, bytes.data(), size)
                                                : ssh_channel_write_stderr(channel_, bytes.data(), size);
    const auto taken = static_cast<std::size_t>(std::max(put, 0));
    connection_->note_written(taken);
    bytes_out_ += taken;
    return taken;
}

void Channel::finish(int exit_status) {
    if (gone() || finished_) return;
    finished_ = true;
    const Connection::Call call(*connection_);
    ssh_channel_request_send_exit_status(channel_, exit_status);
    ssh_channel_send_eof(channel_);
    ssh_channel_close(channel_);
}

}  // namespace gerve::ssh
