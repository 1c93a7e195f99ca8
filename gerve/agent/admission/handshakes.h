// The places of connections that have not sent their OPEN: in all, and for each address they come from.
#pragma once

#include <cstddef>
#include <mutex>
#include <string>
#include <unordered_map>

namespace gerve {

struct HandshakeBounds {
    unsigned in_all = 0;
    unsigned per_source = 0;
};

// Shared by the threads of an agent. Connections of a unix socket have no source (""): who may open that
// socket was decided by its mode, and strangers of the network cannot take their places.
class Handshakes {
  public:
    // Whether there is a place for one more. Sources that have shown a good ticket find one although
    // strangers hold all the others.
    [[nodiscard]] bool enter(const std::string& source, HandshakeBounds bounds);
    void leave(const std::string& source);

    // A good ticket came from there.
    void trust(const std::string& source);

  private:
    static constexpr std::size_t max_trusted = 4096;

    struct Source {
        unsigned places = 0;
        bool trusted = false;
    };
    std::mutex mutex_;
    unsigned strangers_ = 0;  // places of sources without trust
    std::size_t trusted_ = 0;
    std::unordered_map<std::string, Source> sources_;
};

}  // namespace gerve
