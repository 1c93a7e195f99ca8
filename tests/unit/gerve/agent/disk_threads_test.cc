#include "gerve/agent/disk_threads.h"

#include <doctest/doctest.h>

#include <atomic>
#include <filesystem>
#include <future>
#include <iterator>
#include <memory>
#include <thread>
#include <vector>

#include "gerve/agent/admission/descriptor_budget.h"

namespace gerve {
namespace {

// A call that runs until it is let go.
class Hang {
  public:
    std::function<void()> work() {
        return [begun = begun_, go = go_.get_future().share()] {
            ++*begun;
            go.wait();
        };
    }
    void let_go() { go_.set_value(); }
    [[nodiscard]] int begun() const { return *begun_; }
    void await_begun(int count) const {
        while (begun() < count) std::this_thread::yield();
    }

  private:
    std::shared_ptr<std::atomic<int>> begun_ = std::make_shared<std::atomic<int>>(0);
    std::promise<void> go_;
};

// Posts one that ends at once, and waits for it.
void call_and_wait(DiskThreads& threads, DiskShare share) {
    auto done = std::make_shared<std::promise<void>>();
    auto over = done->get_future();
    REQUIRE(threads.post(std::move(share), [done] { done->set_value(); }) != 0);
    over.wait();
}

TEST_CASE("a place that hangs takes its share of the threads, and an owner theirs") {
    DiskThreads threads({.threads = 16, .per_owner = 3, .per_place = 2});
    Hang hang;
    const auto work = hang.work();
    std::vector<std::uint64_t> numbers;
    for (int i = 0; i < 5; ++i) numbers.push_back(threads.post({"mojombo", "mojombo/slow"}, work));
    hang.await_begun(2);
    call_and_wait(threads, {"mojombo", "mojombo/other"});
    CHECK(hang.begun() == 2);
    threads.post({"mojombo", "mojombo/slow2"}, work);
    hang.await_begun(3);
    call_and_wait(threads, {"defunkt", "defunkt/ace"});
    const auto late = threads.post({"mojombo", "mojombo/other"}, work);
    call_and_wait(threads, {"defunkt", "defunkt/ace"});
    CHECK(hang.begun() == 3);  // the owner has three
    // What has not begun can be taken back; what has cannot.
    CHECK(threads.withdraw(late));
    CHECK_FALSE(threads.withdraw(late));
    CHECK_FALSE(threads.withdraw(numbers.front()));
    for (std::size_t i = 2; i < numbers.size(); ++i) CHECK(threads.withdraw(numbers[i]));
    CHECK_FALSE(threads.is_idle());
    hang.let_go();
    while (!threads.is_idle()) std::this_thread::yield();
    CHECK(hang.begun() == 3);
    call_and_wait(threads, {"mojombo", "mojombo/slow"});
}

TEST_CASE("no thread is made for what has to wait for its share") {
    const auto tasks = [] {
        return std::distance(std::filesystem::directory_iterator("/proc/self/task"), {});
    };
    DiskThreads threads({.threads = 64, .per_owner = 8, .per_place = 2});
    Hang hang;
    const auto work = hang.work();
    const auto before = tasks();
    std::vector<std::uint64_t> numbers;
    // As fast as they come, before the first thread has looked at its call.
    for (int i = 0; i < 40; ++i) numbers.push_back(threads.post({"mojombo", "mojombo/slow"}, work));
    CHECK(tasks() - before <= 2);
    hang.await_begun(2);
    for (std::size_t i = 2; i < numbers.size(); ++i) CHECK(threads.withdraw(numbers[i]));
    hang.let_go();
}

TEST_CASE("what is taken back before its thread came leaves its share to the next") {
    for (int round = 0; round < 200; ++round) {
        DiskThreads threads({.threads = 4, .per_owner = 1, .per_place = 1});
        std::atomic<int> done = 0;
        const auto first = threads.post({"o", "o/a"}, [&] { ++done; });
        threads.post({"o", "o/a"}, [&] { ++done; });
        const bool taken_back = threads.withdraw(first);
        while (!threads.is_idle()) std::this_thread::yield();
        CHECK(done == (taken_back ? 1 : 2));
    }
}

TEST_CASE("what waits for its share begins when the share is free, with every thread") {
    DiskThreads threads({.threads = 2, .per_owner = 2, .per_place = 1});
    std::atomic<int> done = 0;
    std::atomic<int> now = 0;
    std::atomic<int> most = 0;
    for (int i = 0; i < 400; ++i) {
        threads.post({"o", i % 2 == 0 ? "o/a" : "o/b"}, [&] {
            const int running = ++now;
            int seen = most;
            while (running > seen && !most.compare_exchange_weak(seen, running)) {
            }
            --now;
            ++done;
        });
    }
    while (!threads.is_idle()) std::this_thread::yield();
    CHECK(done == 400);
    CHECK(most <= 2);
}

TEST_CASE("an idle thread that was promised to one call is not promised to the next") {
    DiskThreads threads({.threads = 3, .per_owner = 8, .per_place = 8});
    call_and_wait(threads, {"o", "o/a"});  // leaves one thread idle
    Hang hang;
    threads.post({"o", "o/a"}, hang.work());
    call_and_wait(threads, {"o", "o/b"});  // behind the one that hangs it would wait for ever
    hang.let_go();
}

TEST_CASE("few descriptors leave room for one of each, many for as many as are wanted") {
    for (const std::size_t limit : {0UL, 20UL, 64UL, 128UL, 1024UL, 262'144UL, SIZE_MAX}) {
        CAPTURE(limit);
        const auto budget = DescriptorBudget::from(limit, 4);
        CHECK(budget.connections >= 1);
        CHECK(budget.operations >= 1);
        CHECK(budget.disk_threads >= 2);
        if (limit < 128) continue;
        const std::size_t needed = budget.connections +
                                   std::size_t{budget.operations} * DescriptorBudget::per_operation +
                                   budget.disk_threads * DescriptorBudget::per_disk_thread;
        CHECK(needed <= limit);
    }
    CHECK(DescriptorBudget::from(262'144, 4).operations > 2048);
}

TEST_CASE("of calls that need be made but once, one waits for each place") {
    DiskThreads threads({.threads = 4, .per_owner = 4, .per_place = 1});
    Hang hang;
    std::atomic<int> made{0};
    const auto count = [&made] { ++made; };
    threads.post({"mojombo", "mojombo/bert"}, hang.work());
    hang.await_begun(1);
    for (int i = 0; i < 3; ++i) threads.post_once({"mojombo", "mojombo/bert"}, count);
    call_and_wait(threads, {"mojombo", "mojombo/other"});
    CHECK(made == 0);
    hang.let_go();
    call_and_wait(threads, {"mojombo", "mojombo/bert"});
    CHECK(made == 1);
    threads.post_once({"mojombo", "mojombo/bert"}, count);  // the one before has begun
    call_and_wait(threads, {"mojombo", "mojombo/bert"});
    CHECK(made == 2);
}

}  // namespace
}  // namespace gerve
