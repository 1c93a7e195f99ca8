#include "gerve/relay/relay.h"

#include <algorithm>
#include <asio/co_spawn.hpp>
#include <asio/post.hpp>
#include <asio/this_coro.hpp>
#include <cstring>
#include <exception>
#include <functional>
#include <memory>
#include <optional>

#include "gerve/loop/timer.h"

namespace gerve {
namespace {

// Bytes read at once from the agent. Larger reads cost more cache than they save system calls. libssh writes
// packets of the client's maximum less 10 bytes, which is 32 KB or 16 KB with nearly all: so much fills them,
// where 128 KB would need a fifth packet for its last 40 bytes.
constexpr std::size_t receive_size = 8 * (16 * 1024 - 10);
static_assert(receive_size <= Scratch::size);
constexpr std::size_t receive_less = 4 * 1024;  // while the client takes nothing: what is no payload is small
constexpr std::size_t max_run = 128 * 1024;     // bytes written at once to the client
constexpr std::size_t large = 32 * 1024;        // an SSH packet of the usual client

using std::chrono::steady_clock;

class Relay {
  public:
    Relay(ClientStreams& client, Upstream& upstream, Scratch& scratch, const RelayDeadlines& deadlines,
          const asio::any_io_executor& executor)
        : client_(client),
          upstream_(upstream),
          scratch_(scratch),
          deadlines_(deadlines),
          upload_ended_(executor),
          watch_(executor) {}

    asio::awaitable<RelayOutcome> run() {
        const auto executor = co_await asio::this_coro::executor;
        look_at_the_clock();
        asio::co_spawn(executor, upload(), [this](const std::exception_ptr& thrown) {
            if (thrown) failed_ = thrown;
            upload_ended_.notify();
        });
        try {
            co_await download();
        } catch (...) {
            failed_ = std::current_exception();
        }
        watch_.cancel();
        over_ = true;
        upstream_.close();
        client_.interrupt();
        co_await upload_ended_.wait();
        if (failed_) std::rethrow_exception(failed_);
        co_return std::move(outcome_);
    }

  private:
    asio::awaitable<void> upload() {
        bool agent_reads = true;  // until git has closed its input; what comes then is of no use to anybody
        while (!over_) {
            if (client_.gone()) give_up();
            if (settling_) (void)co_await upstream_.send_cancel();
            if (settling_ || over_) co_return;
            const bool moved = co_await upload_some(agent_reads);
            if (moved) continue;
            if (client_.input_ended() && !input_sent_) {
                input_sent_ = true;
                if (agent_reads) agent_reads = co_await upstream_.send_end();
            } else {
                co_await client_.wait_input(no_deadline);
            }
        }
    }

    // False: there is nothing to move now.
    asio::awaitable<bool> upload_some(bool& agent_reads) {
        BufferPool::Buffer buffer = scratch_.lend();
        const std::size_t got = client_.take_input(buffer.bytes());
        if (got == 0) co_return false;
        outcome_.bytes_in += got;
        const std::string_view bytes(buffer.bytes().data(), got);
        if (agent_reads) agent_reads = co_await upstream_.send_data(bytes);
        co_return true;
    }

    void give_up() { end_as(RelayEnd::client_gone); }

    // What a client that left asked for may still come to its end, and is listened to for a while.
    void end_as(RelayEnd end) {
        if (over_ || settling_) return;
        outcome_.end = end;
        if (end == RelayEnd::client_gone && deadlines_.settling.count() > 0 && upstream_.is_framed()) {
            settling_ = true;
            watch_.arm(deadlines_.settling, [this] { stop(); });
        } else {
            stop();
        }
    }

    void stop() {
        over_ = true;
        upstream_.close();
    }

    // One timer for both deadlines, set anew as seldom as can be: bytes only count themselves.
    void look_at_the_clock() {
        if (over_ || settling_) return;
        const auto now = steady_clock::now();
        const std::uint64_t bytes = outcome_.bytes_in + outcome_.bytes_out;
        const bool may_idle = deadlines_.idle.count() == 0 || (deadlines_.idle_while_sending && input_sent_);
        if (bytes != bytes_seen_ || may_idle || std::exchange(lives_, false)) moved_ = now;
        bytes_seen_ = bytes;
        const Deadline end = deadlines_.duration.count() == 0 ? no_deadline : started_ + deadlines_.duration;
        const Deadline idle = deadlines_.idle.count() == 0 ? no_deadline : moved_ + deadlines_.idle;
        if (now >= end || now >= idle) {
            end_as(now >= end ? RelayEnd::too_long : RelayEnd::idle);
            client_.interrupt();
            return;
        }
        // Looked at eight times in an idle deadline: so exactly is known when the last byte came.
        const Deadline next = idle == no_deadline ? end : std::min({end, idle, now + deadlines_.idle / 8});
        watch_.arm_at(next, [this] { look_at_the_clock(); });
    }

    asio::awaitable<void> download() {
        std::string early = upstream_.take_early();
        bool going = co_await deliver(early);
        if (!going) co_return;
        bool emptied = early.size() < receive_less / 2;  // the socket, as far as can be told
        while (!over_) {
            if (client_.gone()) give_up();
            if (over_) co_return;
            if (std::exchange(emptied, false)) {
                going = co_await upstream_.wait_readable();
                if (!going) co_return;
                continue;
            }
            const std::size_t room = settling_ ? receive_size : client_.output_room();
            if (room == 0 && upstream_.payload_waits()) {
                co_await client_.wait_output(no_deadline);
                continue;
            }
            const auto buffer =
                scratch_.bytes().first(room == 0 ? receive_less : std::min(room, receive_size));
            const auto got = upstream_.receive(buffer);
            if (!got) {
                going = co_await upstream_.wait_readable();
                if (!going) co_return;
                continue;
            }
            if (*got == 0) co_return judge_end();
            const auto bytes = buffer.first(*got);
            going = co_await deliver(bytes);
            if (!going) co_return;
            if (*got == buffer.size()) co_await yield();
            emptied = *got < std::min(receive_less, buffer.size());
        }
    }

    // Without EXIT it is lost, as the outcome says already; a git daemon has no EXIT.
    void judge_end() {
        if (over_ || upstream_.is_framed() || !upstream_.packets().may_end()) return;
        outcome_.end = RelayEnd::exited;
        outcome_.exit_status = 0;
    }

    // Others have their turn between two full buffers.
    static asio::awaitable<void> yield() {
        co_await asio::post(co_await asio::this_coro::executor, asio::use_awaitable);
    }

    // The functions below share one buffer. In order of address it holds the run, parsed bytes that are no
    // longer needed, and `rest`, which is not parsed yet. The buffer is the scratch until this coroutine
    // waits for the client, and then `held`, because other sessions use the scratch meanwhile. So:
    // - only frames().next() and write() move the beginning of `rest`;
    // - append() moves bytes within the parsed part, never into `rest`;
    // - write() returns when the whole run is written, with `rest` in the buffer that is then in use. It is
    //   given a payload that could not join the run as the beginning of `rest`, so that it survives the wait.

    // Payloads of one stream that lie side by side, so that many small frames make one large write.
    struct Run {
        OutputStream stream = OutputStream::out;
        char* begin = nullptr;
        std::size_t size = 0;

        // What fills packets by itself is not worth the copy.
        [[nodiscard]] bool joins(OutputStream other, std::size_t more) const {
            if (size == 0) return true;
            return stream == other && size + more <= max_run && (size < large || more < large);
        }
        // `payload` lies behind the run in the same buffer; the smaller of them moves.
        void append(OutputStream other, std::string_view payload) {
            auto* const next = const_cast<char*>(payload.data());
            stream = other;
            if (size == 0) begin = next;
            if (size < payload.size()) {
                begin = static_cast<char*>(std::memmove(next - size, begin, size));
            } else {
                std::memmove(begin + size, next, payload.size());
            }
            size += payload.size();
        }
    };

    // `bytes` may be changed. False: the session is over.
    asio::awaitable<bool> deliver(std::span<char> bytes) {
        Run run;
        std::string held;  // what is left of `bytes` once we had to wait: the scratch is not ours by then
        std::string_view rest(bytes.data(), bytes.size());
        if (!upstream_.is_framed()) {
            upstream_.packets().take(rest);
            run.append(OutputStream::out, rest);
            std::string_view nothing = rest.substr(rest.size());
            const bool delivered = co_await write(run, nothing, held, {});
            co_return delivered;
        }
        while (true) {
            const auto part = upstream_.frames().next(rest);
            const bool data = part && *part && grv1::is_data((*part)->type);
            if (data) {
                const auto stream =
                    (*part)->type == grv1::FrameType::stdout_data ? OutputStream::out : OutputStream::err;
                if (run.joins(stream, (*part)->payload.size())) {
                    run.append(stream, (*part)->payload);
                    continue;
                }
                // Cannot join: goes out behind the run, as the first of the next.
                const bool written = co_await write(run, rest, held, (*part)->payload);
                if (!written) co_return false;
                const std::size_t payload = (*part)->payload.size();
                run = Run();
                run.append(stream, rest.substr(0, payload));
                rest.remove_prefix(payload);
                continue;
            }
            // The frame's payload may lie in the scratch, which is not ours any more once write() has waited.
            const bool control = part && *part;
            const std::string payload(control ? (*part)->payload : std::string_view());
            const bool written = co_await write(run, rest, held, {});
            if (!written || !part) co_return false;
            run = Run();
            if (!control) co_return true;
            if (take_control({(*part)->type, payload})) co_return false;
        }
    }

    // Writes the run to the client, waiting while the client does not read. On return `rest` begins with
    // `payload`, which stood in front of it, and both lie in `held` if we had to wait.
    asio::awaitable<bool> write(const Run& run, std::string_view& rest, std::string& held,
                                std::string_view payload) {
        if (!payload.empty()) rest = std::string_view(payload.data(), payload.size() + rest.size());
        std::string_view left(run.begin, settling_ ? 0 : run.size);
        std::string own;
        while (!left.empty()) {
            const std::size_t put = client_.put_output(run.stream, left);
            outcome_.bytes_out += put;
            left.remove_prefix(put);
            if (left.empty()) break;
            if (put > 0) continue;
            if (client_.gone()) give_up();
            if (over_) co_return false;
            if (settling_) break;
            if (own.empty()) {
                own.assign(left).append(rest);
                const std::size_t size = left.size();
                left = std::string_view(own).substr(0, size);
                rest = std::string_view(own).substr(size);
            }
            co_await client_.wait_output(no_deadline);
            if (over_) co_return false;
            if (settling_) break;
        }
        if (!own.empty()) {
            // Moving may relocate a short string's bytes: find `rest` anew by its length.
            const std::size_t size = rest.size();
            held = std::move(own);
            rest = std::string_view(held).substr(held.size() - size);
        }
        co_return true;
    }

    // True when this was the last frame.
    bool take_control(const grv1::FramePart& part) {
        if (part.type == grv1::FrameType::report) {
            const auto parsed = grv1::parse_report(part.payload, outcome_.report);
            if (!parsed) outcome_.bad_report = describe(parsed.error());
            return false;
        }
        // Unasked for: the operation waits for another one of its client, which moves (docs/grv1.md).
        if (part.type == grv1::FrameType::pong) lives_ = true;
        if (part.type != grv1::FrameType::exit) return false;
        const auto exit = grv1::parse_exit(part.payload);
        if (!exit) return true;
        if (!settling_) outcome_.end = RelayEnd::exited;
        outcome_.exit_status =
            exit->code == grv1::Exit::no_code ? 128 + exit->signal : static_cast<int>(exit->code);
        outcome_.reason = exit->reason;
        return true;
    }

    ClientStreams& client_;
    Upstream& upstream_;
    Scratch& scratch_;
    const RelayDeadlines deadlines_;
    const steady_clock::time_point started_ = steady_clock::now();
    steady_clock::time_point moved_ = started_;  // when a byte was last known to have gone through
    std::uint64_t bytes_seen_ = 0;               // of both directions, at the last look
    News upload_ended_;
    RelayOutcome outcome_;
    std::exception_ptr failed_;
    bool input_sent_ = false;  // the client has ended its stream, and all of it went on
    bool settling_ = false;    // what still comes for the client is dropped
    bool over_ = false;
    bool lives_ = false;  // a PONG came since the last look at the clock
    Timer watch_;
};

}  // namespace

asio::awaitable<RelayOutcome> relay(ClientStreams& client, Upstream& upstream, Scratch& scratch,
                                    RelayDeadlines deadlines) {
    const auto executor = co_await asio::this_coro::executor;
    Relay relay(client, upstream, scratch, deadlines, executor);
    co_return co_await relay.run();
}

}  // namespace gerve
