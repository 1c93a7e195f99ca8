// Connection: one SSH connection of a git client, driven by the event loop and never blocking.
#pragma once

#include <asio/awaitable.hpp>
#include <asio/io_context.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "authz/base/fd.h"
#include "authz/model/public_key.h"
#include "gerve/relay/wakeup.h"
#include "gerve/ssh/ending.h"
#include "gerve/ssh/server_identity.h"

struct ssh_session_struct;
struct ssh_channel_struct;
struct ssh_event_struct;
struct ssh_message_struct;
struct ssh_server_callbacks_struct;

namespace gerve::ssh {

class Channel;

struct ConnectionLimits {
    std::uint64_t bytes_before_login = 512 * 1024;  // received, key exchange included
    unsigned max_channels = 16;                     // open at once
    unsigned max_channels_in_all = 10'000;          // over the life of the connection
    unsigned max_env_requests = 32;                 // per channel
    unsigned max_dropped = 200;     // packets before login that are no request, SSH_MSG_IGNORE among them
    std::uint64_t rekey_bytes = 0;  // 0: the library's own limit
};

// One publickey request of RFC 4252 section 7. With `proven`, its signature was verified; the key and the
// user name of a proven attempt stand on their own and owe nothing to earlier attempts.
struct AuthAttempt {
    std::string user;
    std::optional<PublicKey> key;  // none if `refusal` says why
    Refusal refusal = Refusal::none;
    std::string refusal_text;  // for logs: what was sent, or what is wrong with it; made printable
    bool proven = false;
};

// Owned through shared_ptr: the event loop's handlers hold it until close() has taken effect. Not
// thread-safe; all calls come from the event loop's thread.
class Connection : public std::enable_shared_from_this<Connection> {
  public:
    // Takes over a connected, non-blocking TCP socket. Errors: internal.
    [[nodiscard]] static Result<std::shared_ptr<Connection>> open(asio::io_context& loop,
                                                                  const ServerIdentity& identity, Fd socket,
                                                                  const ConnectionLimits& limits);
    ~Connection();
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    // Waits for an authentication request. False when the connection has ended or the deadline has come. It
    // ends, too, a while after a request that libssh dropped, unless another one comes.
    asio::awaitable<bool> wait_attempt(Deadline deadline);
    // The request that was waited for. Until it is answered by one of the next four the socket is not read.
    [[nodiscard]] AuthAttempt take_attempt();
    void refuse_attempt();
    void accept_probe();  // "that key would do: sign"
    void accept_login();  // answers a proven attempt; channels can be opened from here on
    // Lets anybody in, proven or not, to be told something: nothing may be served on this connection.
    void let_in_to_be_told();
    // From here on the bound on the bytes of clients that have not logged in no longer holds: whoever was let
    // in is known.
    void lift_login_bounds() { known_ = true; }

    // The next channel on which the client asked to run something. Nothing when the connection has ended or
    // the deadline has come.
    asio::awaitable<std::shared_ptr<Channel>> next_request(Deadline deadline);

    [[nodiscard]] std::string client_version() const;  // untrusted, without "SSH-2.0-"
    [[nodiscard]] std::string key_exchange() const;    // the algorithm that was agreed on; empty at the end
    [[nodiscard]] bool open_channels() const;
    [[nodiscard]] bool had_channels() const { return channels_in_all_ > 0; }  // open or closed by now
    // Its last channel went before `then`, and the socket has taken all that was said on it.
    [[nodiscard]] bool finished_before(Deadline then) const;
    [[nodiscard]] bool ended() const { return session_ == nullptr; }
    // EndReason::open as long as it has not.
    [[nodiscard]] const Ending& why_ended() const { return why_; }

    // Tells the client `text` as the reason of a disconnect (RFC 4253 section 11.1) and closes.
    void disconnect(EndReason reason, const std::string& text);
    // Closes without a word. Idempotent.
    void close(EndReason reason, std::string why);

  private:
    friend class Channel;
    Connection(asio::io_context& loop, const ConnectionLimits& limits);

    void let_in();
    [[nodiscard]] Result<void> start(const ServerIdentity& identity, Fd socket);
    void turn();  // reads, writes and dispatches what the socket has for us now
    void note_dropped();
    [[nodiscard]] bool count_dropped();  // whether there are more of them than before
    void collect_message();
    [[nodiscard]] Ending abuse() const;                   // why the client has to go, or EndReason::open
    void take_auth_request(ssh_message_struct* message);  // which came off the queue
    [[nodiscard]] std::uint64_t received() const;         // bytes, from the socket
    [[nodiscard]] std::uint64_t sent() const;             // bytes that the socket has taken
    [[nodiscard]] std::uint64_t packed() const;           // bytes that libssh has made packets of
    [[nodiscard]] std::uint64_t packets_received() const;
    void acknowledge(std::uint64_t received);
    void consider_rest(std::uint64_t received);  // behind a turn that received so much
    void rest(std::chrono::microseconds time);   // leaves the socket alone so long
    void stop_resting();
    void on_input_taken();
    [[nodiscard]] std::uint64_t untaken() const;  // by all channels
    [[nodiscard]] bool write_pending() const;
    void drain();
    void note_written(std::size_t bytes, std::uint64_t packed_before);  // which libssh took from a channel
    [[nodiscard]] bool holds_back() const;
    void pump(std::uint64_t received_before);  // behind a call that may have written, and read
    void turn_soon();
    void on_ready(const asio::error_code& failed);
    void arm();          // asks the event loop for the next readiness
    void check_state();  // notices the end, and limits that were passed
    void wake_channels();
    void drop_closed_channels();
    void detach_channels();
    [[nodiscard]] ssh_channel_struct* accept_channel();  // in libssh's callback
    static ssh_channel_struct* on_channel_open(ssh_session_struct* session, void* self);

    ConnectionLimits limits_;
    asio::posix::stream_descriptor socket_;  // our own duplicate: libssh closes its descriptor when it likes
    ssh_session_struct* session_ = nullptr;
    ssh_event_struct* event_ = nullptr;
    ssh_message_struct* pending_ = nullptr;  // the authentication request that waits for an answer
    std::unique_ptr<ssh_server_callbacks_struct> callbacks_;
    struct Counters;
    std::unique_ptr<Counters> counters_;
    std::vector<std::shared_ptr<Channel>> channels_;
    std::deque<std::shared_ptr<Channel>> requests_;
    std::optional<AuthAttempt> attempt_;
    Signal news_;
    Ending why_;
    Deadline opened_ = std::chrono::steady_clock::now();
    std::uint64_t packets_at_service_ = 0;  // received when "ssh-userauth" was accepted; 0: not yet
    std::uint64_t auth_requests_ = 0;       // taken off the queue since then
    std::uint64_t dropped_ = 0;             // packets since then that made no request
    bool unanswered_ = false;               // the last of them came behind the last request
    bool asked_for_another_service_ = false;
    unsigned channels_in_all_ = 0;
    Deadline last_channel_end_{};
    bool logged_in_ = false;
    bool known_ = false;                     // and it is known who it is
    std::uint64_t data_bytes_in_ = 0;        // of all channels
    std::size_t written_since_drained_ = 0;  // bytes of channel data, since libssh was seen to hold none
    std::uint64_t packed_when_sent_ = 0;     // packed(), once nothing of them waits for new keys
    std::uint64_t sent_at_acknowledgement_ = 0;
    Deadline last_bulk_{};
    asio::steady_timer rest_timer_;
    std::chrono::microseconds rest_{0};
    Fd resting_;                // the socket, while it is left alone
    bool until_taken_ = false;  // the rest ends when a channel's input is taken
    std::uint64_t sent_at_turn_ = 0;
    bool undrained_ = false;  // libssh holds bytes that the socket has not taken
    bool turn_posted_ = false;
    bool closing_ = false;
    bool waiting_read_ = false;
    bool waiting_write_ = false;
};

}  // namespace gerve::ssh
