// Redis servers of the tests' own: real ones, stopped with their owner, and one that says what a test wants.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "authz/base/fd.h"
#include "authz/store/redis/redis_connection.h"
#include "tests/unit/authz/store/fixture.h"

namespace gerve::testing {

[[nodiscard]] std::uint16_t free_port();

// A redis-server (or a sentinel) on a unix socket and a port of the loopback, without persistence.
class RedisServer {
  public:
    explicit RedisServer(std::vector<std::string> options = {});
    ~RedisServer();
    RedisServer(const RedisServer&) = delete;
    RedisServer& operator=(const RedisServer&) = delete;

    void start();  // again, after kill()
    void kill();   // SIGKILL, and waits for the end
    void signal(int number) const;

    [[nodiscard]] std::string socket() const { return "unix:" + directory_.file("redis.sock"); }
    [[nodiscard]] std::string tcp() const { return "127.0.0.1:" + std::to_string(port_); }
    [[nodiscard]] std::uint16_t port() const { return port_; }
    [[nodiscard]] const TemporaryDirectory& directory() const { return directory_; }
    // As the user `default`; the test ends when Redis does not answer.
    RedisReply ask(std::initializer_list<std::string_view> words) const;

  private:
    TemporaryDirectory directory_;
    std::uint16_t port_;
    std::vector<std::string> arguments_;
    pid_t pid_ = -1;
};

// Answers each thing that it receives with what `answer` makes of it; an empty answer is silence. Answers
// PING itself. `answer` runs on a thread of this object.
class FakeRedis {
  public:
    explicit FakeRedis(std::function<std::string(const std::string& received)> answer);
    ~FakeRedis();
    [[nodiscard]] std::string socket() const { return "unix:" + directory_.file("fake.sock"); }

    std::atomic<int> accepted{0};
    std::atomic<int> dripping_ms{0};  // between the bytes of an answer

  private:
    void serve();
    void converse(const Fd& client);

    TemporaryDirectory directory_;
    std::function<std::string(const std::string&)> answer_;
    Fd listener_;
    std::atomic<bool> stopping_{false};
    std::thread thread_;
};

// Waits up to ten seconds for something to become true.
[[nodiscard]] bool comes_true(const std::function<bool()>& condition);

}  // namespace gerve::testing
