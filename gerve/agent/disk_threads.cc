#include "gerve/agent/disk_threads.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <list>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>
#include <unordered_map>

namespace gerve {
namespace {

using namespace std::chrono_literals;

constexpr auto idle_time = 10s;  // after which a thread ends

// How many calls run, by name.
class Tally {
  public:
    [[nodiscard]] bool has_room(const std::string& name, unsigned most) const {
        const auto known = running_.find(name);
        return known == running_.end() || known->second < most;
    }
    void begin(const std::string& name) { ++running_[name]; }
    void end(const std::string& name) {
        const auto known = running_.find(name);
        if (known != running_.end() && --known->second == 0) running_.erase(known);
    }

  private:
    std::unordered_map<std::string, unsigned> running_;
};

struct Call {
    std::uint64_t number;
    DiskShare share;
    std::function<void()> work;
    bool once;  // of post_once()
};

}  // namespace

struct DiskThreads::State {
    explicit State(DiskBounds with) : bounds(with) {}

    [[nodiscard]] bool may_begin(const DiskShare& share) const {
        return owners.has_room(share.owner, bounds.per_owner) &&
               places.has_room(share.place, bounds.per_place);
    }

    // Whether a call of post_once() for the place has not begun.
    [[nodiscard]] bool has_once(const std::string& place) const {
        const auto is_it = [&](const Call& call) { return call.once && call.share.place == place; };
        return std::any_of(ready.begin(), ready.end(), is_it) ||
               std::any_of(waiting.begin(), waiting.end(), is_it);
    }

    // The next to run; it counts in its share.
    std::optional<Call> take() {
        if (ready.empty()) {
            const auto next = std::find_if(waiting.begin(), waiting.end(),
                                           [this](const Call& call) { return may_begin(call.share); });
            if (next == waiting.end()) return std::nullopt;
            begin(next->share);
            ready.splice(ready.end(), waiting, next);
        }
        Call call = std::move(ready.front());
        ready.pop_front();
        return call;
    }

    void begin(const DiskShare& share) {
        owners.begin(share.owner);
        places.begin(share.place);
        ++counted;
    }

    void finish(const DiskShare& share) {
        owners.end(share.owner);
        places.end(share.place);
        --counted;
    }

    // Finds a thread for one more call. False: none is free, and no more can be made.
    bool find_thread(const std::shared_ptr<State>& self) {
        if (idle > 0) {
            --idle;
            ++promised;
            wake.notify_one();
            return true;
        }
        if (threads >= bounds.threads) return false;
        try {
            std::thread([self] { run(self); }).detach();
        } catch (const std::system_error&) {
            return false;
        }
        ++threads;
        return true;
    }

    // Waits for a call that a poster has promised this thread. False: the thread is to end.
    bool await_promise(std::unique_lock<std::mutex>& lock) {
        ++idle;
        const bool woken = wake.wait_for(lock, idle_time, [this] { return promised > 0 || ending; });
        if (woken && promised > 0) {
            --promised;
            return true;
        }
        --idle;
        return false;
    }

    const DiskBounds bounds;
    mutable std::mutex mutex;
    std::condition_variable wake;
    std::condition_variable over;
    std::list<Call> ready;    // a thread is on its way to each, and they count in their shares
    std::list<Call> waiting;  // for their share, or for a thread
    Tally owners;
    Tally places;
    std::uint64_t last_number = 0;
    unsigned threads = 0;
    unsigned counted = 0;   // calls that are ready or run
    unsigned idle = 0;      // threads that nobody has promised a call
    unsigned promised = 0;  // of the others that sleep
    bool ending = false;
};

DiskThreads::DiskThreads(DiskBounds bounds) : state_(std::make_shared<State>(bounds)) {}

DiskThreads::~DiskThreads() {
    std::unique_lock lock(state_->mutex);
    state_->ending = true;
    state_->ready.clear();
    state_->waiting.clear();
    state_->wake.notify_all();
    state_->over.wait(lock, [this] { return state_->threads == 0; });
}

void DiskThreads::run(const std::shared_ptr<State>& state) {
    std::unique_lock lock(state->mutex);
    do {
        while (auto call = state->take()) {
            lock.unlock();
            call->work();
            call->work = nullptr;
            lock.lock();
            state->finish(call->share);
        }
    } while (state->await_promise(lock));
    --state->threads;
    state->over.notify_all();
}

std::uint64_t DiskThreads::add(DiskShare share, std::function<void()> work, bool once) {
    const std::lock_guard lock(state_->mutex);
    if (once && state_->has_once(share.place)) return 0;
    const std::uint64_t number = ++state_->last_number;
    if (state_->may_begin(share) && state_->find_thread(state_)) {
        state_->begin(share);
        state_->ready.push_back({number, std::move(share), std::move(work), once});
        return number;
    }
    // A thread takes it that has ended another call: of its share, or any.
    if (state_->threads == 0) return 0;
    state_->waiting.push_back({number, std::move(share), std::move(work), once});
    return number;
}

std::uint64_t DiskThreads::post(DiskShare share, std::function<void()> work) {
    return add(std::move(share), std::move(work), false);
}

void DiskThreads::post_once(DiskShare share, std::function<void()> work) {
    add(std::move(share), std::move(work), true);
}

bool DiskThreads::withdraw(std::uint64_t number) {
    const std::lock_guard lock(state_->mutex);
    const auto is_it = [number](const Call& call) { return call.number == number; };
    if (std::erase_if(state_->waiting, is_it) > 0) return true;
    const auto call = std::find_if(state_->ready.begin(), state_->ready.end(), is_it);
    if (call == state_->ready.end()) return false;
    state_->finish(call->share);
    state_->ready.erase(call);
    return true;
}

bool DiskThreads::is_idle() const {
    const std::lock_guard lock(state_->mutex);
    return state_->counted == 0 && state_->waiting.empty();
}

}  // namespace gerve
