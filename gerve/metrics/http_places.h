// HttpPlaces: how many connections the metrics server holds at once, and which of them makes room for the
// next.
#pragma once

#include <cstddef>
#include <functional>
#include <list>
#include <string>

namespace gerve {

// Whoever comes gets a place. When all are taken, the connection that has waited longest makes room: of the
// source that has the most, and one that is owed no answer before one that is. So slow connections hold up
// neither those of other sources nor a prompt request of their own.
class HttpPlaces {
  public:
    struct Guest {
        std::string source;
        std::function<void()> cut;  // ends the connection; called once at most, before enter() returns
        bool answering = false;     // its request is whole, and the answer is being made
        bool cut_off = false;
    };
    using Place = std::list<Guest>::iterator;

    explicit HttpPlaces(std::size_t most) : most_(most) {}

    // The place is valid until leave(); the guest that had to make room still has to leave by itself.
    [[nodiscard]] Place enter(std::string source, std::function<void()> cut);
    void leave(Place place);
    [[nodiscard]] bool empty() const { return guests_.empty(); }
    [[nodiscard]] std::size_t held() const { return held_; }  // without those that were cut off

  private:
    void make_room();

    std::size_t most_;
    std::size_t held_ = 0;
    std::list<Guest> guests_;  // the oldest first
};

}  // namespace gerve
