// A client, an agent and a relay between them, each of which does as the test says.
#pragma once

#include <doctest/doctest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>
#include <filesystem>
#include <functional>
#include <thread>

#include "authz/base/fd.h"
#include "authz/model/ticket.h"
#include "gerve/relay/relay.h"

namespace gerve::testing {

// A client whose input is all there from the start, and whose output window is as large as it says.
class ScriptedClient final : public ClientStreams {
  public:
    explicit ScriptedClient(asio::io_context& loop)
        : news_(loop.get_executor()), room_(loop.get_executor()) {}

    asio::awaitable<bool> wait_input(Deadline deadline) override { co_return co_await news_.wait(deadline); }
    std::size_t take_input(std::span<char> into) override {
        const std::size_t count = std::min(into.size(), input.size());
        input.copy(into.data(), count);
        input.erase(0, count);
        return count;
    }
    bool input_ended() override { return ends && input.empty(); }
    asio::awaitable<bool> wait_output(Deadline deadline) override { co_return co_await room_.wait(deadline); }
    std::size_t output_room() override { return tells_room ? window : SIZE_MAX; }
    std::size_t put_output(OutputStream stream, std::string_view bytes) override {
        largest_put = std::max(largest_put, bytes.size());
        const std::size_t count = std::min(bytes.size(), window);
        window -= count;
        (stream == OutputStream::out ? out : err).append(bytes.substr(0, count));
        if (count == 0) ++refused;
        return count;
    }
    void interrupt() override {
        news_.notify();
        room_.notify();
    }
    bool gone() const override { return left; }

    void open_window(std::size_t more) {
        window += more;
        room_.notify();
    }
    void leave() {
        left = true;
        interrupt();
    }

    std::string input;
    std::string out;
    std::string err;
    std::size_t window = SIZE_MAX / 2;
    unsigned refused = 0;
    std::size_t largest_put = 0;
    bool tells_room = false;
    bool ends = true;
    bool left = false;

  private:
    News news_;
    News room_;
};

inline void write_all(int fd, std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t put = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (put <= 0) return;
        bytes.remove_prefix(static_cast<std::size_t>(put));
    }
}

inline std::string data_frame(grv1::FrameType type, std::string_view payload) {
    std::string frame(grv1::header_size, '\0');
    grv1::encode_header(type, payload.size(), frame.data());
    return frame.append(payload);
}

// An agent of one connection that runs `script` behind a received OPEN.
class ScriptedAgent {
  public:
    explicit ScriptedAgent(std::function<void(int)> script)
        : path_(std::filesystem::temp_directory_path() /
                ("gerve-relay-" + std::to_string(::getpid()) + ".sock")) {
        ::unlink(path_.c_str());
        listener_ = Fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        path_.copy(address.sun_path, sizeof address.sun_path - 1);
        REQUIRE(::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
        REQUIRE(::listen(listener_.get(), 1) == 0);
        thread_ = std::thread([this, script = std::move(script)] {
            const Fd peer(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
            std::string open(4, '\0');
            if (::recv(peer.get(), open.data(), open.size(), MSG_WAITALL) == 4) script(peer.get());
        });
    }
    ~ScriptedAgent() {
        thread_.join();
        ::unlink(path_.c_str());
    }
    [[nodiscard]] Endpoint endpoint() const { return *Endpoint::parse("unix:" + path_); }

  private:
    std::string path_;
    Fd listener_;
    std::thread thread_;
};

// Everything the gateway sends until it shuts its side or the connection is closed.
inline std::string read_to_end(int fd) {
    std::string all;
    char chunk[65536];
    for (ssize_t got = ::recv(fd, chunk, sizeof chunk, 0); got > 0;
         got = ::recv(fd, chunk, sizeof chunk, 0)) {
        all.append(chunk, static_cast<std::size_t>(got));
    }
    return all;
}

inline asio::awaitable<void> run(Endpoint endpoint, ScriptedClient& client, Scratch& scratch,
                                 RelayDeadlines deadlines, RelayOutcome& outcome) {
    const Deadline deadline = std::chrono::steady_clock::now() + std::chrono::seconds(5);
    std::string open = "OPEN";
    Destined destined{endpoint, {}, std::chrono::seconds(5)};
    auto upstream = co_await Upstream::open(std::move(destined), std::move(open), deadline, deadline);
    REQUIRE(upstream.has_value());
    outcome = co_await relay(client, *upstream, scratch, deadlines);
}

inline asio::awaitable<void> open_only(Endpoint endpoint, std::optional<OpenFailure>& failed) {
    const Deadline deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(300);
    std::string open = "OPEN";
    Destined destined{endpoint, {}, std::chrono::seconds(5)};
    const auto upstream = co_await Upstream::open(std::move(destined), std::move(open), deadline, deadline);
    if (!upstream) failed = upstream.error();
}

struct Fixture {
    asio::io_context loop{1};
    ScriptedClient client{loop};
    Scratch scratch;
    RelayDeadlines deadlines;
    RelayOutcome outcome;

    void relay_with(const ScriptedAgent& agent) {
        asio::co_spawn(loop, run(agent.endpoint(), client, scratch, deadlines, outcome), asio::detached);
        loop.run_for(std::chrono::seconds(20));
    }
};

inline std::string pattern(std::size_t size) {
    std::string bytes(size, '\0');
    for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>(i * 31 + i / 251);
    return bytes;
}

}  // namespace gerve::testing
