// StoppableThread: a thread that an object owns and can ask to end.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

namespace gerve {

// Make it the last member: its work uses the others, and the destructor waits for it, however long that
// takes.
class StoppableThread {
  public:
    // Starts at once. `work` returns soon after pause() has returned false, or stopping() true.
    explicit StoppableThread(std::function<void(StoppableThread&)> work);
    ~StoppableThread();
    StoppableThread(const StoppableThread&) = delete;
    StoppableThread& operator=(const StoppableThread&) = delete;

    // For the thread itself. Returns false at once when the thread has been asked to end.
    [[nodiscard]] bool pause(std::chrono::milliseconds time);
    [[nodiscard]] bool stopping() const;

    // Asks it to end and waits for that; whether it ended within `patience`.
    [[nodiscard]] bool stop(std::chrono::milliseconds patience);

  private:
    mutable std::mutex mutex_;
    std::condition_variable changed_;
    bool stopping_ = false;
    bool ended_ = false;
    std::thread thread_;
};

}  // namespace gerve
