// Bounds on connections of people who have not logged in: in all, and per source.
#pragma once

#include <chrono>
#include <functional>
#include <list>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>

#include "authz/base/fd.h"
#include "authz/base/metrics.h"

namespace gerve {

// Whoever comes when all places are taken gets the place of another: of the connection that has waited
// longest, of the source that has the most, else of all. So hostile sources that hold on to their places,
// however many they are, keep nobody out who has one to fill: each connection has `fair_wait` to log in, at
// least, while others come.
class UnauthenticatedLimit {
  public:
    using Clock = std::chrono::steady_clock;
    static constexpr std::chrono::seconds fair_wait{5};

    // `doing`: what the connections that are counted do, for the text of a refusal.
    UnauthenticatedLimit(unsigned in_all, unsigned per_source, std::string doing = "are logging in")
        : in_all_(in_all), per_source_(per_source), doing_(std::move(doing)) {}
    UnauthenticatedLimit(const UnauthenticatedLimit&) = delete;
    UnauthenticatedLimit& operator=(const UnauthenticatedLimit&) = delete;
    UnauthenticatedLimit(UnauthenticatedLimit&&) = default;  // before the first place is given

  private:
    struct Source;
    struct Entry {
        Source* source;
        Clock::time_point since;
        std::function<void()> cut{};
        std::list<std::list<Entry>::iterator>::iterator of_source{};
        bool counted = true;
    };
    struct Source {
        std::string name;
        std::list<std::list<Entry>::iterator> entries{};  // the oldest first
    };

  public:
    // A place that is given back when it goes out of scope. The limit must outlive it.
    class Place {
      public:
        Place(Place&& other) noexcept : limit_(std::exchange(other.limit_, nullptr)), entry_(other.entry_) {}
        Place& operator=(Place&&) = delete;
        ~Place() { give_back(); }
        void give_back();
        // How the connection is ended when somebody else gets its place; without that, nobody does. Called
        // once at most; the place itself still has to be given back.
        void can_be_cut_by(std::function<void()> cut) { entry_->cut = std::move(cut); }

      private:
        friend class UnauthenticatedLimit;
        Place(UnauthenticatedLimit& limit, std::list<Entry>::iterator entry)
            : limit_(&limit), entry_(entry) {}
        UnauthenticatedLimit* limit_;
        std::list<Entry>::iterator entry_;
    };

    struct Refusal {
        bool by_source = false;  // which limit was met
        std::string text;        // one line for the client, telling which limit and when to retry
    };

    [[nodiscard]] std::optional<Place> admit(const std::string& address, Refusal& refusal,
                                             Clock::time_point now = Clock::now());
    [[nodiscard]] unsigned waiting() const { return static_cast<unsigned>(entries_.size()); }
    // Keeps that number in a gauge, which must outlive the limit.
    void show_in(Gauge& gauge) { shown_ = &gauge; }

  private:
    [[nodiscard]] bool make_room(const Source* source, std::size_t held, Clock::time_point now);
    [[nodiscard]] bool cut(std::list<Entry>::iterator entry);
    void uncount(std::list<Entry>::iterator entry);
    void rank(Source& source, std::ptrdiff_t change);
    void show() const {
        if (shown_ != nullptr) shown_->set(waiting());
    }

    unsigned in_all_;
    unsigned per_source_;
    std::string doing_;
    Gauge* shown_ = nullptr;
    std::list<Entry> entries_;  // the oldest first
    std::list<Entry> cut_off_;  // those that still have to give their place back
    std::unordered_map<std::string, Source> sources_;
    std::set<std::pair<std::size_t, Source*>> ranks_;  // by how many places they have
};

// Tells a client why it is not taken on. RFC 4253 section 4.2 lets a server speak before its version string;
// nothing was spent on a handshake yet.
void refuse_connection(const Fd& socket, const std::string& text);

}  // namespace gerve
