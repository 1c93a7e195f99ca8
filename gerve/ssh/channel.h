// Channel: one "session" channel of a connection (RFC 4254 section 6): its request, its streams, its exit
// status.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "gerve/relay/client_streams.h"
#include "gerve/ssh/byte_queue.h"
#include "gerve/ssh/receive_window.h"

struct ssh_channel_struct;
struct ssh_session_struct;
struct ssh_channel_callbacks_struct;

namespace gerve::ssh {

class Connection;

class Channel final : public ClientStreams, public std::enable_shared_from_this<Channel> {
  public:
    Channel(Connection& connection, ssh_channel_struct* channel, unsigned max_env_requests);
    ~Channel() override;
    Channel(const Channel&) = delete;
    Channel& operator=(const Channel&) = delete;

    // What was asked to run: an exec string, or nothing for a shell.
    [[nodiscard]] const std::optional<std::string>& command() const { return command_; }
    [[nodiscard]] const std::string& git_protocol() const { return git_protocol_; }  // as sent, unchecked

    asio::awaitable<bool> wait_input(Deadline deadline) override;
    std::size_t take_input(std::span<char> into) override;
    [[nodiscard]] bool input_ended() override;
    asio::awaitable<bool> wait_output(Deadline deadline) override;
    [[nodiscard]] std::size_t output_room() override { return worthwhile_room(max_write); }
    std::size_t put_output(OutputStream stream, std::string_view bytes) override;
    void interrupt() override;
    [[nodiscard]] bool gone() const override;

    // exit-status, EOF, close, in that order; nothing can be sent behind.
    void finish(int exit_status);

    [[nodiscard]] std::uint64_t bytes_in() const { return bytes_in_; }
    [[nodiscard]] std::uint64_t bytes_out() const { return bytes_out_; }

  private:
    friend class Connection;
    // So much is put into libssh at most before the socket has taken it.
    static constexpr std::size_t max_write = 256 * 1024;

    // The numbers that this channel has with us and with the client (RFC 4254 section 5.1).
    struct Numbers {
        std::uint32_t ours = 0;
        std::uint32_t clients = 0;
    };
    void receive(std::string_view bytes);
    void open_window();
    [[nodiscard]] std::uint64_t untaken() const { return received_.size(); }
    [[nodiscard]] bool lives_on_its_window() const;
    void requested();  // the one request of this channel is complete
    void detach();     // it has ended, or its connection does: forget the libssh object
    void wake();
    void hesitate();
    [[nodiscard]] std::size_t room() const;
    [[nodiscard]] std::size_t worthwhile_room(std::size_t wanted);

    Connection* connection_;
    ssh_channel_struct* channel_;
    std::unique_ptr<ssh_channel_callbacks_struct> callbacks_;
    std::optional<std::string> command_;
    std::string git_protocol_;
    News input_;
    News output_;
    asio::steady_timer patience_;
    std::uint64_t bytes_in_ = 0;
    std::uint64_t bytes_out_ = 0;
    std::optional<Numbers> numbers_;  // once the channel is confirmed
    ByteQueue received_;              // what the client has sent
    ReceiveWindow window_;
    std::uint32_t largest_window_ = 0;  // of the client's
    std::size_t refused_ = 0;           // room that put_output() waits for
    unsigned env_left_;
    bool requested_ = false;
    bool finished_ = false;
    bool client_closed_ = false;
    bool hesitating_ = false;
    bool impatient_ = false;
};

}  // namespace gerve::ssh
