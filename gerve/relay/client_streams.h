// ClientStreams: a git client as the relay sees it, three streams and an exit status, whatever door it came
// by.
#pragma once

#include <asio/awaitable.hpp>
#include <cstddef>
#include <span>
#include <string_view>

#include "gerve/loop/event.h"

namespace gerve {

enum class OutputStream { out, err };

class ClientStreams {
  public:
    virtual ~ClientStreams() = default;

    // Waits for news of the input: bytes, its end, the client's going, or interrupt(). News that came since
    // the last wait ends it at once, so look first and wait then. Returns false when `deadline` came first.
    virtual asio::awaitable<bool> wait_input(Deadline deadline) = 0;
    // Moves bytes the client sent into `into`; 0 when there are none now.
    virtual std::size_t take_input(std::span<char> into) = 0;
    // The client sent end-of-file and everything before it was taken.
    [[nodiscard]] virtual bool input_ended() = 0;

    // Waits until put_output() is worth another try; otherwise as wait_input.
    virtual asio::awaitable<bool> wait_output(Deadline deadline) = 0;
    // About how many bytes put_output() would take now; 0: none before wait_output() has ended.
    [[nodiscard]] virtual std::size_t output_room() { return std::size_t(-1); }
    // Takes as many bytes as go out without blocking; returns how many.
    virtual std::size_t put_output(OutputStream stream, std::string_view bytes) = 0;

    // Ends both waits.
    virtual void interrupt() = 0;

    [[nodiscard]] virtual bool gone() const = 0;
};

}  // namespace gerve
