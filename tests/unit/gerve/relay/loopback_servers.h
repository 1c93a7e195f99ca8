// Servers on the loopback that serve, refuse or say nothing, and a FileServers that is to reach them.
#pragma once

#include <doctest/doctest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <atomic>
#include <functional>
#include <thread>

#include "authz/base/fd.h"
#include "gerve/relay/file_servers.h"

namespace gerve {

using namespace std::chrono_literals;

// An agent on 127.0.0.1, one connection at a time; what it does may change.
class Server {
  public:
    enum class Manner {
        serves,
        on_standby,
        mute,
        is_daemon,
        refusing_daemon,
        mute_daemon,
        lacks_it,
        disk_trouble,
        disk_trouble_for_a_fetch,
        babbles
    };

    explicit Server(Manner does) : manner(does), socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        auto* generic = reinterpret_cast<sockaddr*>(&address);
        REQUIRE(::bind(socket_.get(), generic, sizeof address) == 0);
        REQUIRE(::listen(socket_.get(), 16) == 0);
        REQUIRE(::getsockname(socket_.get(), generic, &size) == 0);
        port = ntohs(address.sin_port);
        thread_ = std::thread([this] { run(); });
    }
    ~Server() {
        ::shutdown(socket_.get(), SHUT_RDWR);
        thread_.join();
    }
    [[nodiscard]] Endpoint endpoint(const std::string& host = "127.0.0.1") const {
        const Manner does = manner;
        const bool daemon = does == Manner::is_daemon || does == Manner::refusing_daemon ||
                            does == Manner::mute_daemon || does == Manner::babbles;
        return *Endpoint::parse((daemon ? "git://" : "") + host + ":" + std::to_string(port));
    }

    std::atomic<Manner> manner;
    std::atomic<unsigned> opens{0};  // OPENs that came, and requests to a daemon
    std::atomic<unsigned> pings{0};
    std::uint16_t port = 0;

  private:
    void run() {
        std::vector<Fd> silent;
        while (true) {
            Fd peer(::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC));
            if (!peer) return;
            char first[4];
            if (::recv(peer.get(), first, sizeof first, MSG_WAITALL) != sizeof first) continue;
            const bool ping = static_cast<grv1::FrameType>(first[0]) == grv1::FrameType::ping;
            ++(ping ? pings : opens);
            const std::string answer = answer_to(ping);
            if (answer.empty()) {
                silent.push_back(std::move(peer));
                continue;
            }
            ::send(peer.get(), answer.data(), answer.size(), MSG_NOSIGNAL);
            char rest[4096];
            while (::recv(peer.get(), rest, sizeof rest, 0) > 0) {
            }
        }
    }
    std::string answer_to(bool ping) const {
        switch (manner) {
            case Manner::serves:
                return ping ? grv1::encode_frame(grv1::FrameType::pong) : grv1::encode_open_ok(1);
            case Manner::on_standby: return grv1::encode_fail({grv1::FailCode::standby, true, "on standby"});
            case Manner::disk_trouble:
                return grv1::encode_fail({grv1::FailCode::storage, false, "storage trouble"});
            case Manner::disk_trouble_for_a_fetch:
                return grv1::encode_fail({grv1::FailCode::storage, true, "storage trouble"});
            case Manner::lacks_it:
                return grv1::encode_fail({grv1::FailCode::no_such_repository, false, "no such repository"});
            case Manner::babbles: return "HTTP/1.1 400 Bad Request\r\n";
            case Manner::is_daemon: return encode_packet("0123 HEAD") + "0000";
            case Manner::refusing_daemon: return encode_packet("ERR access denied");
            case Manner::mute:
            case Manner::mute_daemon: break;
        }
        return {};
    }
    Fd socket_;
    std::thread thread_;
};

inline Endpoint nobody_listens() {
    std::uint16_t port = 0;
    {
        const Server gone(Server::Manner::mute);
        port = gone.port;
    }
    return *Endpoint::parse("127.0.0.1:" + std::to_string(port));
}

struct Reached {
    Result<std::string> by = unavailable("nothing yet");  // the last attempt's endpoint
    std::chrono::milliseconds time{0};
};

struct Fixture {
    static constexpr std::chrono::milliseconds tickets_last{1'500};
    asio::io_context loop{1};
    std::vector<std::string> tried;  // endpoint and result
    UpstreamConfig config = [] {
        UpstreamConfig quick;
        quick.connect_timeout = 300ms;
        quick.answer_timeout = 1s;
        return quick;
    }();
    FileServers servers{loop, config, FileServers::Memory::kept,
                        [this](const EndpointAttempt& attempt) {
                            tried.push_back(attempt.endpoint.text() + (attempt.probe ? " probe " : " ") +
                                            std::to_string(static_cast<int>(attempt.result)));
                        },
                        tickets_last};

    Reached reach(const std::vector<Endpoint>& endpoints) {
        Granted granted{*RepoPath::parse("alice/site"), "", Rule::owner, {}};
        for (const Endpoint& endpoint : endpoints) {
            granted.destinations.push_back({*ServerName::parse("fs1"), endpoint, "OPEN"});
        }
        Reached reached;
        bool over = false;
        asio::co_spawn(loop, reach_once(granted, reached), [&](const std::exception_ptr&) { over = true; });
        loop.restart();
        while (!over) loop.run_one();
        return reached;
    }
    asio::awaitable<void> reach_once(const Granted& granted, Reached& reached) {
        SessionReport report{.handle = {}, .request = RequestId::make(), .client = {}};
        const auto start = std::chrono::steady_clock::now();
        auto upstream = co_await servers.reach(granted, report);
        reached.time =
            std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - start);
        if (upstream) {
            reached.by = tried.back();
        } else {
            reached.by = tl::make_unexpected(upstream.error());
        }
    }
    static asio::awaitable<void> reach_by(FileServers& servers, const Granted& granted, bool& reached) {
        SessionReport report{.handle = {}, .request = RequestId::make(), .client = {}};
        const auto upstream = co_await servers.reach(granted, report);
        reached = upstream.has_value();
    }
    void run_until(const std::function<bool()>& done) {
        const auto patience = std::chrono::steady_clock::now() + 5s;
        while (!done() && std::chrono::steady_clock::now() < patience) {
            loop.restart();
            loop.run_for(20ms);
        }
        CHECK(done());
    }
};

}  // namespace gerve
