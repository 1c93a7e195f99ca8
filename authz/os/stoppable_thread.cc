#include "authz/os/stoppable_thread.h"

#include <utility>

namespace gerve {

StoppableThread::StoppableThread(std::function<void(StoppableThread&)> work)
    : thread_([this, work = std::move(work)] {
          work(*this);
          const std::lock_guard lock(mutex_);
          ended_ = true;
          changed_.notify_all();
      }) {}

StoppableThread::~StoppableThread() {
    (void)stop(std::chrono::milliseconds(0));
    thread_.join();
}

bool StoppableThread::pause(std::chrono::milliseconds time) {
    std::unique_lock lock(mutex_);
    return !changed_.wait_for(lock, time, [this] { return stopping_; });
}

bool StoppableThread::stopping() const {
    const std::lock_guard lock(mutex_);
    return stopping_;
}

bool StoppableThread::stop(std::chrono::milliseconds patience) {
    std::unique_lock lock(mutex_);
    stopping_ = true;
    changed_.notify_all();
    return changed_.wait_for(lock, patience, [this] { return ended_; });
}

}  // namespace gerve
