#include "tests/unit/authz/store/redis/redis_server.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

namespace gerve::testing {

namespace {

Endpoint endpoint(const std::string& text) {
    return Endpoint::parse(text).value();
}

}  // namespace

std::uint16_t free_port() {
    const Fd probe(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    REQUIRE(::bind(probe.get(), reinterpret_cast<sockaddr*>(&address), size) == 0);
    REQUIRE(::getsockname(probe.get(), reinterpret_cast<sockaddr*>(&address), &size) == 0);
    return ntohs(address.sin_port);
}

bool comes_true(const std::function<bool()>& condition) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (std::chrono::steady_clock::now() < deadline) {
        if (condition()) return true;
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return condition();
}

RedisServer::RedisServer(std::vector<std::string> options)
    : port_(free_port()), arguments_(std::move(options)) {
    start();
}

RedisServer::~RedisServer() {
    if (pid_ > 0) kill();
}

void RedisServer::start() {
    std::vector<std::string> words{"redis-server"};
    // A sentinel keeps its state in its configuration file, which comes first.
    if (!arguments_.empty() && arguments_.front() == "--sentinel") {
        const std::string file = directory_.file("sentinel.conf");
        must(write_file(file, "", 0600));
        words.push_back(file);
    }
    const std::vector<std::string> always{
        "--port",       std::to_string(port_),         "--bind", "127.0.0.1",
        "--unixsocket", directory_.file("redis.sock"), "--dir",  directory_.path(),
        "--logfile",    directory_.file("log")};
    words.insert(words.end(), arguments_.begin(), arguments_.end());
    words.insert(words.end(), always.begin(), always.end());
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    REQUIRE_MESSAGE(::posix_spawnp(&pid_, "redis-server", nullptr, nullptr, argv.data(), environ) == 0,
                    "redis-server is needed for this test");
    REQUIRE(comes_true([&] {
        auto connection = RedisConnection::connect(endpoint(socket()), RedisLogin{});
        // NOAUTH is an answer as well.
        if (!connection) return false;
        const auto reply = connection->ask({"PING"});
        return reply && redis_error_word(*reply) != "LOADING";
    }));
}

void RedisServer::kill() {
    signal(SIGKILL);
    signal(SIGCONT);
    ::waitpid(std::exchange(pid_, -1), nullptr, 0);
}

void RedisServer::signal(int number) const {
    REQUIRE(pid_ > 0);
    ::kill(pid_, number);
}

RedisReply RedisServer::ask(std::initializer_list<std::string_view> words) const {
    auto connection = must(RedisConnection::connect(endpoint(socket()), RedisLogin{}));
    return must(connection.ask(words));
}

FakeRedis::FakeRedis(std::function<std::string(const std::string& received)> answer)
    : answer_(std::move(answer)), listener_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    directory_.file("fake.sock").copy(address.sun_path, sizeof address.sun_path - 1);
    REQUIRE(::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    REQUIRE(::listen(listener_.get(), 16) == 0);
    thread_ = std::thread([this] { serve(); });
}

FakeRedis::~FakeRedis() {
    stopping_ = true;
    thread_.join();
}

// One thread for all clients: whoever speaks is answered.
void FakeRedis::serve() {
    std::vector<Fd> clients;
    while (!stopping_) {
        std::vector<pollfd> polled{{listener_.get(), POLLIN, 0}};
        for (const Fd& client : clients) polled.push_back({client.get(), POLLIN, 0});
        ::poll(polled.data(), polled.size(), 20);
        for (std::size_t i = clients.size(); i > 0; --i) {
            if (polled[i].revents == 0) continue;
            char byte = 0;
            if (::recv(clients[i - 1].get(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0) {
                clients.erase(clients.begin() + static_cast<std::ptrdiff_t>(i - 1));
            } else {
                converse(clients[i - 1]);
            }
        }
        if (polled[0].revents == 0) continue;
        clients.emplace_back(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
        ++accepted;
    }
}

void FakeRedis::converse(const Fd& client) {
    char buffer[4096];
    const ssize_t got = ::recv(client.get(), buffer, sizeof buffer, MSG_DONTWAIT);
    if (got <= 0) return;
    const std::string received(buffer, static_cast<std::size_t>(got));
    const std::string reply = received.find("PING") != std::string::npos ? "+PONG\r\n" : answer_(received);
    const auto pause =
        std::chrono::milliseconds(received.find("PING") == std::string::npos ? dripping_ms.load() : 0);
    if (pause.count() == 0) {
        (void)::send(client.get(), reply.data(), reply.size(), MSG_NOSIGNAL);
        return;
    }
    for (const char byte : reply) {
        if (stopping_ || ::send(client.get(), &byte, 1, MSG_NOSIGNAL) != 1) return;
        std::this_thread::sleep_for(pause);
    }
}

}  // namespace gerve::testing
