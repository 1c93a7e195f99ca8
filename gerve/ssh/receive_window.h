// ReceiveWindow: how far a client may send ahead on one channel (RFC 4254 section 5.2).
#pragma once

#include <chrono>
#include <cstdint>

namespace gerve::ssh {

// What all windows of a process have grown by, in bytes. A file server that stalls makes each window cost its
// full size in memory.
class WindowBudget {
  public:
    explicit WindowBudget(std::uint64_t most) : most_(most) {}

    [[nodiscard]] bool take(std::uint64_t bytes) {
        if (bytes > most_ - taken_) return false;
        taken_ += bytes;
        return true;
    }
    void give_back(std::uint64_t bytes) { taken_ -= bytes; }
    [[nodiscard]] std::uint64_t taken() const { return taken_; }

  private:
    std::uint64_t most_;
    std::uint64_t taken_ = 0;
};

// The window doubles each time four times its size was received, up to the largest, as long as it is the
// client that is waited for: where it is the file server, a larger window only fills memory, and what is read
// comes from beyond the cache; there it halves each time four times its size was received, down to the first
// size. What has shrunk grows again as soon as the client is waited for.
class ReceiveWindow {
  public:
    using Clock = std::chrono::steady_clock;

    static constexpr std::uint32_t first = 2 << 20;    // bytes
    static constexpr std::uint32_t largest = 8 << 20;  // bytes

    ReceiveWindow(WindowBudget& budget, Clock::time_point now) : budget_(budget), judged_(now) {}
    ~ReceiveWindow() { budget_.give_back(size_ - first); }
    ReceiveWindow(const ReceiveWindow&) = delete;
    ReceiveWindow& operator=(const ReceiveWindow&) = delete;

    void note_waited(Clock::duration time) { waited_ += time; }  // for the client to send something
    void note_taken(std::uint64_t bytes, Clock::time_point now);

    // The bytes to open the window by, if `open` of it are left to the client and `held` came that nobody has
    // taken. 0: it is not worth a packet yet.
    [[nodiscard]] std::uint32_t adjustment(std::uint64_t open, std::uint64_t held) const;

    [[nodiscard]] std::uint32_t size() const { return size_; }  // bytes

  private:
    [[nodiscard]] bool waits_for_client(Clock::time_point now);
    void shrink();

    WindowBudget& budget_;
    std::uint32_t size_ = first;
    std::uint64_t taken_ = 0;         // bytes, in all
    std::uint64_t unwaited_ = 0;      // bytes, since the client was last waited for
    std::uint64_t since_judged_ = 0;  // bytes
    Clock::duration waited_{0};       // since judged_
    Clock::time_point judged_;
};

}  // namespace gerve::ssh
