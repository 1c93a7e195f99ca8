#include "gerve/ssh/channel.h"

#include <libssh/callbacks.h>
#include <libssh/libssh.h>
#include <libssh/server.h>

#include <algorithm>

#include "authz/model/git_command.h"
#include "gerve/ssh/connection.h"

namespace gerve::ssh {
namespace {

// A client that is slower than we are opens its window by a few KB at a time. Each of them sent on its own
// costs a packet, a system call and its wake-up: so wait until the window has room for this much, or for an
// eighth of the largest it ever was; but not for long, since a client may refill when it likes.
constexpr std::uint32_t worthwhile = 128 * 1024;
constexpr std::chrono::milliseconds hesitation{50};

// A client whose window is smaller gets it whole at every turn, and waits for the next: OpenSSH's is 2 MB.
constexpr std::uint32_t small_window = 1 << 20;

// Windows beyond the first size, all together.
constexpr std::uint64_t most_window_growth = 512ULL << 20;
WindowBudget window_budget(most_window_growth);

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
      window_(window_budget, std::chrono::steady_clock::now()),
      env_left_(max_env_requests) {
    callbacks_->userdata = this;
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
        self.open_window();  // libssh begins with 32 KB; the rest goes out with the answer
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

// What came before the client's CLOSE is still worked on, unless nothing runs that would.
bool Channel::gone() const {
    if (channel_ == nullptr) return true;
    const bool runs = callbacks_->channel_shell_request_function == nullptr;
    if (client_closed_ && !runs) return true;
    if (ssh_channel_is_closed(channel_) == 0) return false;
    const bool works_on = client_closed_ && !finished_ && untaken() > 0;
    return !works_on || ssh_is_connected(connection_->session_) == 0;
}

asio::awaitable<bool> Channel::wait_input(Deadline deadline) {
    const auto began = std::chrono::steady_clock::now();
    const bool in_time = co_await input_.wait(deadline);
    window_.note_waited(std::chrono::steady_clock::now() - began);
    co_return in_time;
}

asio::awaitable<bool> Channel::wait_output(Deadline deadline) {
    co_return co_await output_.wait(deadline);
}

void Channel::interrupt() {
    input_.notify();
    output_.notify();
}

// libssh does not get to see these bytes: it would copy them three times, and has a window of a fixed size.
void Channel::receive(std::string_view bytes) {
    received_.append(bytes);
    input_.notify();
}

std::size_t Channel::take_input(std::span<char> into) {
    if (gone()) return 0;
    const std::size_t taken = received_.take(into);
    if (taken == 0) return 0;
    bytes_in_ += taken;
    window_.note_taken(taken, std::chrono::steady_clock::now());
    open_window();
    connection_->on_input_taken();
    if (gone()) connection_->turn_soon();  // closed by the client before: no further packet tells of it
    return taken;
}

void Channel::open_window() {
    if (!numbers_ || client_closed_ || ssh_channel_is_eof(channel_) != 0) return;
    const std::uint64_t open = connection_->open_window_of(*this);
    const std::uint32_t more = window_.adjustment(open, untaken());
    if (more == 0) return;
    const Connection::Call call(*connection_);
    connection_->seam_.open_window(connection_->session_, numbers_->clients, more);
}

bool Channel::input_ended() {
    return channel_ != nullptr && untaken() == 0 && ssh_channel_is_eof(channel_) != 0;
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
