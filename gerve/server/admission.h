// Bounds on connections of people who have not logged in: in all, and per source.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>

#include "authz/base/fd.h"
#include "authz/base/metrics.h"

namespace gerve {

class UnauthenticatedLimit {
  public:
    // `doing`: what the connections that are counted do, for the text of a refusal.
    UnauthenticatedLimit(unsigned in_all, unsigned per_source, std::string doing = "are logging in")
        : in_all_(in_all), per_source_(per_source), doing_(std::move(doing)) {}

    // A place that is given back when it goes out of scope. The limit must outlive it.
    class Place {
      public:
        Place(UnauthenticatedLimit& limit, std::string source) : limit_(&limit), source_(std::move(source)) {}
        Place(Place&& other) noexcept
            : limit_(std::exchange(other.limit_, nullptr)), source_(std::move(other.source_)) {}
        Place& operator=(Place&&) = delete;
        ~Place() { give_back(); }
        void give_back();

      private:
        UnauthenticatedLimit* limit_;
        std::string source_;
    };

    struct Refusal {
        bool by_source = false;  // which limit was met
        std::string text;        // one line for the client, telling which limit and when to retry
    };

    [[nodiscard]] std::optional<Place> admit(const std::string& address, Refusal& refusal);
    [[nodiscard]] unsigned waiting() const { return waiting_; }
    // Keeps that number in a gauge, which must outlive the limit.
    void show_in(Gauge& gauge) { shown_ = &gauge; }

  private:
    unsigned in_all_;
    unsigned per_source_;
    std::string doing_;
    unsigned waiting_ = 0;
    Gauge* shown_ = nullptr;
    std::unordered_map<std::string, unsigned> by_source_;
};

// Tells a client why it is not taken on. RFC 4253 section 4.2 lets a server speak before its version string;
// nothing was spent on a handshake yet.
void refuse_connection(const Fd& socket, const std::string& text, const std::string& address);

}  // namespace gerve
