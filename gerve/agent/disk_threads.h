// Calls to the file system on threads of their own, so that a disk that hangs holds up what needs it and
// nothing else.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace gerve {

// Whose share of the threads a call counts against.
struct DiskShare {
    std::string owner;  // folded; of both, the empty name is one like others
    std::string place;  // a repository, folded, or a file
};

struct DiskBounds {
    unsigned threads = 64;
    unsigned per_owner = 8;
    unsigned per_place = 2;
};

// Any thread may call it. Threads are made when they are needed, up to the bound, and end when they have had
// nothing to do for a while. Calls begin in the order in which they came, but a place or an owner that has
// its share holds up nobody else.
class DiskThreads {
  public:
    explicit DiskThreads(DiskBounds bounds);
    // Waits for what runs, and forgets what has not begun. A call that hangs cannot be waited for: see
    // is_idle().
    ~DiskThreads();
    DiskThreads(const DiskThreads&) = delete;
    DiskThreads& operator=(const DiskThreads&) = delete;

    // `work` must not throw. Returns a number for withdraw(); it is 0 when no thread can be had for it at
    // all.
    std::uint64_t post(DiskShare share, std::function<void()> work);

    // The same, unless another call of post_once() for that place has not begun yet. Without a thread for it
    // nothing is done.
    void post_once(DiskShare share, std::function<void()> work);

    // Whether the call had not begun, and never will now.
    bool withdraw(std::uint64_t number);

    [[nodiscard]] bool is_idle() const;  // nothing runs, nothing waits

  private:
    struct State;
    static void run(const std::shared_ptr<State>& state);
    std::uint64_t add(DiskShare share, std::function<void()> work, bool once);

    std::shared_ptr<State> state_;
};

}  // namespace gerve
