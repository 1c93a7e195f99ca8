// How an operation waits for a call to the file system: until it has an outcome, its time is over, or the
// operation is ended.
#pragma once

#include <asio/awaitable.hpp>
#include <asio/post.hpp>
#include <chrono>
#include <exception>
#include <functional>
#include <memory>
#include <optional>

#include "authz/base/log.h"
#include "gerve/agent/disk_threads.h"
#include "gerve/loop/event.h"
#include "gerve/loop/timer.h"

namespace gerve {

// The call that an operation waits for at present; it has one at a time.
class DiskWait {
  public:
    explicit DiskWait(asio::io_context& loop) : loop_(loop) {}

    // What `work` returns. Nothing when it did not come in time, when give_up() was called, or when it threw;
    // `work` may still run then, so it owns all that it uses. If it had not begun it never will.
    template <class T>
    [[nodiscard]] asio::awaitable<std::optional<T>> call(DiskThreads& threads, DiskShare share,
                                                         std::function<T()> work,
                                                         std::chrono::milliseconds patience) {
        const auto outcome = std::make_shared<Outcome<T>>(loop_);
        const std::uint64_t number =
            threads.post(std::move(share), [&loop = loop_, work = std::move(work), outcome]() mutable {
                std::optional<T> made = attempt(work);
                asio::post(loop, [outcome = std::move(outcome), made = std::move(made)]() mutable {
                    outcome->value = std::move(made);
                    outcome->done.set();
                });
            });
        if (number == 0) co_return std::nullopt;
        waited_for_ = std::shared_ptr<Event>(outcome, &outcome->done);
        Timer deadline(loop_);
        if (patience != forever) deadline.arm(patience, [this] { give_up(); });
        co_await outcome->done.wait();
        waited_for_.reset();
        threads.withdraw(number);
        std::optional<T> value = std::move(outcome->value);
        co_return value;
    }

    void give_up() {
        if (waited_for_) waited_for_->set();
    }

    static constexpr std::chrono::milliseconds forever = std::chrono::milliseconds::max();

  private:
    template <class T>
    struct Outcome {
        explicit Outcome(asio::io_context& loop) : done(loop) {}
        Event done;
        std::optional<T> value;
    };

    template <class T>
    static std::optional<T> attempt(const std::function<T()>& work) {
        try {
            return work();
        } catch (const std::exception& error) {
            log::error("a disk operation failed", {{"error", error.what()}});
            return std::nullopt;
        }
    }

    asio::io_context& loop_;
    std::shared_ptr<Event> waited_for_;
};

}  // namespace gerve
