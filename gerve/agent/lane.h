// One thread of an agent: its event loop, the connections it accepted, and how it ends.
#pragma once

#include <memory>
#include <vector>

#include "gerve/agent/agent_listener.h"
#include "gerve/agent/relay/stream.h"
#include "gerve/agent/state.h"

namespace gerve {

// A Lane that accepts. All but the constructor belongs to the thread that runs its loop.
class AcceptingLane {
  public:
    // Shares the listeners with the other lanes: each has descriptors of its own for the same sockets.
    AcceptingLane(AgentState& state, const std::vector<Listener>& listeners);

    void run();  // until drained and idle
    // Accepts at `socket` in place of that listener's, whose name is gone.
    void replace_door(std::size_t listener, Fd socket);
    void drain();                               // accept no more; refuse those without an OPEN
    void end_sessions(const std::string& why);  // cut what is left

    [[nodiscard]] asio::io_context& loop() { return lane_.loop; }  // to post to from other threads

  private:
    struct Door {
        Door(asio::io_context& loop, Fd listening, bool is_unix)
            : socket(loop, std::move(listening)), unix_socket(is_unix), pause(loop) {}
        Stream socket;
        bool unix_socket;
        asio::steady_timer pause;  // until accepting is tried again
    };
    [[nodiscard]] asio::awaitable<void> accept_from(Door& door);
    [[nodiscard]] bool accept_some(Door& door);
    [[nodiscard]] bool is_full();
    void adopt(Fd socket, bool unix_socket);

    Lane lane_;
    bool was_full_ = false;
    std::vector<std::unique_ptr<Door>> doors_;    // in the order of the listeners
    std::vector<std::unique_ptr<Door>> retired_;  // closed, but a coroutine may still look at it
};

}  // namespace gerve
