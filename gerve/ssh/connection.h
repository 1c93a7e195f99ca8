// Connection: one SSH connection of a git client, driven by the event loop and never blocking.
#pragma once

#include <asio/awaitable.hpp>
#include <asio/io_context.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "authz/base/fd.h"
#include "authz/model/public_key.h"
#include "authz/os/tcp_options.h"
#include "gerve/loop/event.h"
#include "gerve/ssh/auth_request.h"
#include "gerve/ssh/cpu_meter.h"
#include "gerve/ssh/ending.h"
#include "gerve/ssh/seam.h"
#include "gerve/ssh/server_identity.h"
#include "gerve/ssh/traffic.h"

struct ssh_session_struct;
struct ssh_channel_struct;
struct ssh_message_struct;
struct ssh_server_callbacks_struct;

namespace gerve::ssh {

class Channel;

struct ConnectionLimits {
    std::uint64_t bytes_before_login = 512 * 1024;    // received, key exchange included
    unsigned max_channels = 16;                       // open at once
    unsigned max_channels_in_all = 10'000;            // over the life of the connection
    unsigned max_env_requests = 32;                   // per channel
    unsigned max_dropped = 200;                       // packets before login that do not ask to be let in
    std::uint64_t rekey_bytes = 0;                    // 0: the library's own limit
    std::chrono::milliseconds cpu_before_login{300};  // of the thread's time, in all
    // Told of each piece of that time as it is spent. A text ends the connection, and is its reason.
    std::function<std::string(std::chrono::nanoseconds)> spend;
};

// One request to log in, as the client sent it. With a signature it stands on its own, and owes nothing to
// earlier ones; but the signature is verified only by verify_attempt(), once it is known that the key may log
// in.
using AuthAttempt = AuthRequest;

// Of the sockets of clients.
constexpr TcpOptions options_for_clients{.keepalive_every = std::chrono::seconds(30)};

// How long a connection without channels is left to its client: one that has all of its answer goes by
// itself, and a disconnect at once would overtake the answer.
constexpr std::chrono::seconds time_to_leave{1};

// Owned through shared_ptr: the event loop's handlers hold it until close() has taken effect. Not
// thread-safe; all calls come from the event loop's thread.
class Connection final : public std::enable_shared_from_this<Connection>, private PacketWatch {
  public:
    // Takes over a connected, non-blocking TCP socket that has options_for_clients. `identity` outlives the
    // connection. Errors: internal.
    [[nodiscard]] static Result<std::shared_ptr<Connection>> open(asio::io_context& loop,
                                                                  const ServerIdentity& identity, Fd socket,
                                                                  const ConnectionLimits& limits);
    ~Connection();
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    // Waits for an authentication request. False when the connection has ended or the deadline has come.
    asio::awaitable<bool> wait_attempt(Deadline deadline);
    // The request that was waited for. Until it is answered by one of the next four the socket is not read.
    [[nodiscard]] AuthAttempt take_attempt();
    void refuse_attempt();
    void accept_probe();  // "that key would do: sign"
    // Whether the request has a signature, and it is right. Costs 0.1 to 6 ms of processor time.
    [[nodiscard]] bool verify_attempt();
    void accept_login();  // answers an attempt that was verified; channels can be opened from here on
    // Lets anybody in, proven or not, to be told something: nothing may be served on this connection.
    void let_in_to_be_told();
    // From here on the bound on the bytes of clients that have not logged in no longer holds: whoever was let
    // in is known.
    void lift_login_bounds() { known_ = true; }

    // Shows the client a text in front of the next answer (RFC 4252 section 5.4), once per connection.
    void show_banner(const std::string& text);
    [[nodiscard]] std::chrono::nanoseconds cpu_before_login() const { return cpu_before_login_; }

    // The next channel on which the client asked to run something. Nothing when the connection has ended, the
    // deadline has come, or there are learned host keys to take.
    asio::awaitable<std::shared_ptr<Channel>> next_request(Deadline deadline);

    [[nodiscard]] std::string client_version() const;  // untrusted, without "SSH-2.0-"
    [[nodiscard]] std::string key_exchange() const;    // the algorithm that was agreed on; empty at the end
    // The fingerprint of the host key that the client accepted, by itself or in a certificate; empty before
    // the first key exchange.
    [[nodiscard]] const std::string& host_key() const { return host_key_; }
    // The fingerprints of host keys that were proven to the client at its request, since the last call.
    [[nodiscard]] std::vector<std::string> take_learned_host_keys();
    [[nodiscard]] bool open_channels() const;
    [[nodiscard]] bool had_channels() const { return channels_in_all_ > 0; }  // open or closed by now
    // Its last channel went before `then`, and the socket has taken all that was said on it.
    [[nodiscard]] bool finished_before(Deadline then) const;
    [[nodiscard]] bool ended() const { return session_ == nullptr; }
    [[nodiscard]] bool heard_anything() const { return received_ > 0; }
    // EndReason::open as long as it has not.
    [[nodiscard]] const Ending& why_ended() const { return why_; }

    // Tells the client `text` as the reason of a disconnect (RFC 4253 section 11.1) and closes.
    void disconnect(EndReason reason, const std::string& text);
    enum class Farewell {
        none,
        said,  // what was sent last is to reach the client
    };
    // Closes without a word, unless one was said. Idempotent.
    void close(EndReason reason, std::string why, Farewell farewell = Farewell::none);

  private:
    friend class Channel;
    Connection(asio::io_context& loop, const ConnectionLimits& limits);

    void accept_webauthn_probe(ssh_message_struct* message);
    enum class Announcement { none, host_keys };
    void let_in(Announcement announcement);
    [[nodiscard]] Result<void> start(const ServerIdentity& identity, Fd socket);
    // Stands around every call into libssh. Behind the outermost one, what libssh did inside of it is looked
    // at and what it wrote is sent.
    class Call {
      public:
        explicit Call(Connection& connection);
        ~Call();
        Call(const Call&) = delete;
        Call& operator=(const Call&) = delete;

      private:
        Connection& connection_;
        Seam::Inside inside_;
        std::optional<CpuMeter::Mark> began_;
    };
    void settle();
    void spend(std::chrono::nanoseconds time);

    bool take_packet(std::uint8_t type, std::string_view payload) override;
    void note_sent(std::uint8_t type, std::string_view payload) override;
    void note_signed(std::string_view input) override;
    void note_key_exchange(std::uint8_t type, std::string_view payload);
    void deliver(std::string_view data);  // the payload of SSH_MSG_CHANNEL_DATA
    void note_confirmation(std::string_view payload);
    // What the client may still send on it, once it was told of all that it may; in bytes.
    [[nodiscard]] std::uint64_t open_window_of(const Channel& channel) const;
    void announce_host_keys();
    void take_global_request(std::string_view payload);
    bool take_packet_before_login(std::uint8_t type, std::string_view payload);
    void cut(EndReason reason, std::string text);  // from inside libssh: takes effect behind the call

    // Gives libssh what has arrived, and sends what it has to send. The order of the steps matters:
    // - reading is first: the login and the channels see only what libssh has parsed;
    // - acknowledge() makes TCP acknowledge at once, unless bulk data flows or an answer does;
    // - check_state() may end the connection because of what was read;
    // - wake_channels() resumes coroutines later, not from here: none runs inside a call of libssh;
    // - drop_closed_channels() comes after that, so that each channel has seen its end;
    // - nudge(), consider_rest() and arm() decide when the next turn comes. arm() is last, because it waits
    //   for room to send if this turn has left anything unsent.
    void turn();
    void read_before_login();
    void read_in_bulk();
    void answer_service_requests();
    [[nodiscard]] ssh_message_struct* held_message();  // made of the request that is held, by libssh
    void release_attempt();
    void go_on();
    [[nodiscard]] bool given_up() const;  // by libssh
    void check_end();                     // of a session that libssh has given up
    [[nodiscard]] Ending abuse() const;   // why the client has to go, or EndReason::open
    [[nodiscard]] std::uint64_t sent() const { return seam_.sent(); }  // bytes that the socket has taken
    [[nodiscard]] int wire();                                          // the socket's descriptor
    void acknowledge(std::uint64_t received, bool answered);
    void nudge(std::uint64_t received);  // a client that sends something behind the end of its last channel
    void consider_rest(std::uint64_t received);  // behind a turn that received so much
    void rest(std::chrono::microseconds time);   // leaves the socket alone so long
    void stop_resting();
    void on_input_taken();
    [[nodiscard]] std::uint64_t untaken() const;  // by all channels
    // Else nothing more is read from the client: libssh answers much of what it reads at once, whatever waits
    // to be sent.
    [[nodiscard]] bool takes_its_answers() const { return seam_.unsent() < most_unsent; }
    static constexpr std::size_t most_unsent = 512 * 1024;  // bytes; more than channels wait for
    [[nodiscard]] bool write_pending() const { return seam_.unsent() > 0; }
    [[nodiscard]] std::size_t unsent()
        const;                             // bytes of channel data and all else that the socket has not taken
    void note_written(std::size_t bytes);  // which libssh took from a channel
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
    const ServerIdentity* identity_ = nullptr;
    asio::posix::stream_descriptor socket_;
    Seam seam_;
    Traffic traffic_;  // since the login
    ssh_session_struct* session_ = nullptr;
    std::string session_id_;
    std::string host_key_;
    std::string host_key_shown_;  // the same, or the fingerprint of its certificate
    std::string signed_with_;     // the algorithm of the host key's signature
    std::vector<std::string> host_keys_learned_;
    std::optional<std::string> held_;        // the request to log in that waits for an answer, as it came
    bool held_by_webauthn_ = false;          // AuthRequest::by_webauthn
    ssh_message_struct* message_ = nullptr;  // the same, as libssh sees it, once it has
    bool verified_ = false;
    std::unique_ptr<ssh_server_callbacks_struct> callbacks_;
    std::vector<std::shared_ptr<Channel>> channels_;
    std::deque<std::weak_ptr<Channel>> unconfirmed_;  // their confirmation is not sent
    std::deque<std::shared_ptr<Channel>> requests_;
    std::optional<AuthAttempt> attempt_;
    News news_;
    Ending why_;
    Deadline opened_ = std::chrono::steady_clock::now();
    std::uint64_t received_ = 0;  // bytes
    std::uint64_t dropped_ = 0;   // packets before login that did not ask to be let in
    bool service_asked_ = false;
    bool service_pending_ = false;  // asked for, and not answered
    bool banner_shown_ = false;
    bool host_keys_announced_ = false;
    bool proofs_given_ = false;  // of host keys
    bool keys_agreed_ = false;
    bool client_left_ = false;  // it said so
    bool gone_ = false;         // the socket is at its end, or broken
    Ending cut_;                // takes effect behind the call into libssh
    unsigned calls_ = 0;        // into libssh, one inside the other
    std::chrono::nanoseconds cpu_before_login_{0};
    unsigned channels_in_all_ = 0;
    Deadline last_channel_end_{};
    unsigned nudges_left_ = 0;
    bool logged_in_ = false;
    bool known_ = false;         // and it is known who it is
    std::uint64_t written_ = 0;  // bytes of channel data that libssh was given
    std::uint64_t sent_at_acknowledgement_ = 0;
    Deadline last_bulk_{};
    asio::steady_timer rest_timer_;
    std::chrono::microseconds rest_{0};
    Fd resting_;                // the socket, while it is left alone
    bool until_taken_ = false;  // the rest ends when a channel's input is taken
    std::uint64_t sent_at_turn_ = 0;
    bool turn_posted_ = false;
    bool turning_ = false;
    bool packets_left_ = false;  // before login: whole packets may wait in the seam
    bool closing_ = false;
    bool waiting_read_ = false;
    bool waiting_write_ = false;
};

}  // namespace gerve::ssh
