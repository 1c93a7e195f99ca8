// LiveLink: tells authz what runs in this process, and hears from it what has to end.
#pragma once

#include <asio/awaitable.hpp>
#include <asio/io_context.hpp>
#include <map>
#include <string>
#include <vector>

#include "authz/wire/live_protocol.h"
#include "gerve/loop/event.h"
#include "gerve/relay/authz_socket.h"

namespace gerve {

// A git operation or a connection, for as long as it is live.
class LiveSubject {
  public:
    virtual ~LiveSubject() = default;
    [[nodiscard]] virtual LiveEntry describe() const = 0;  // its number is filled in
    [[nodiscard]] virtual LiveTraffic traffic() const { return {}; }
    // authz says so. Called from the event loop; it may not go away before this has returned.
    virtual void end(LiveEnd why) = 0;
};

// Over a connection to authz of its own, opened when it is needed first and again when it breaks. What is
// over within a second is never told of and costs nothing; what is not costs one message when it begins, one
// when it ends, and a number of each that moves bytes every few seconds, all that is due in one message.
// While authz is away, all lives on.
class LiveLink {
  public:
    struct Pace {
        std::chrono::milliseconds turn{1'000};           // between two looks for news
        std::chrono::milliseconds worth_telling{1'000};  // what is older than that
        std::chrono::milliseconds traffic{3'000};  // at least, between two counts of one subject's bytes
        std::chrono::milliseconds answer{10'000};  // that authz may take
    };

    LiveLink(asio::io_context& loop, std::string socket_path, Door door);
    LiveLink(asio::io_context& loop, std::string socket_path, Door door, Pace pace);
    LiveLink(const LiveLink&) = delete;
    LiveLink& operator=(const LiveLink&) = delete;

    // Holds a subject in the link.
    class Place {
      public:
        Place() = default;
        Place(LiveLink& link, std::uint64_t number) : link_(&link), number_(number) {}
        Place(Place&& other) noexcept : link_(std::exchange(other.link_, nullptr)), number_(other.number_) {}
        Place& operator=(Place&& other) noexcept {
            std::swap(link_, other.link_);
            std::swap(number_, other.number_);
            return *this;
        }
        ~Place() {
            if (link_ != nullptr) link_->leave(number_);
        }

      private:
        LiveLink* link_ = nullptr;
        std::uint64_t number_ = 0;
    };
    [[nodiscard]] Place enter(LiveSubject& subject);
    // For a subject without a principal. authz is not told of it: there is no access that it could withdraw.
    [[nodiscard]] Place hold(LiveSubject& subject);
    // Ends all that is in the link, whether authz has heard of it or not.
    void end_all(LiveEnd why);

  private:
    struct Item {
        LiveSubject* subject;
        std::chrono::steady_clock::time_point entered;
        bool told = false;             // over this connection
        std::uint64_t told_bytes = 0;  // both ways
    };
    // One look at all there is, told in as many messages as it takes.
    struct Look {
        bool traffic;            // counts bytes as well
        std::uint64_t next = 0;  // number that was not looked at yet
    };

    void leave(std::uint64_t number);
    asio::awaitable<void> run();
    asio::awaitable<void> tell_news();
    [[nodiscard]] LiveNews collect(Look& look);
    asio::awaitable<bool> ask(const LiveNews& news);
    void hear(std::string_view message);
    void obey(const LiveOrder& order);
    void disconnected();

    asio::io_context& loop_;
    const Door door_;
    const Pace pace_;
    AuthzSocket socket_;
    std::map<std::uint64_t, Item> items_;
    std::map<std::uint64_t, LiveSubject*> held_;  // authz is not told of them
    std::vector<std::uint64_t> ended_;            // which authz still counts as live
    News answered_;
    std::uint64_t last_number_ = 0;
    std::uint64_t last_question_ = 0;
    std::uint64_t last_answer_ = 0;                     // to which question
    bool taken_in_ = false;                             // what it said
    std::chrono::steady_clock::time_point traffic_at_;  // told last
    bool running_ = false;
};

}  // namespace gerve
