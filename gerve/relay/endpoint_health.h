// EndpointHealth: what one process remembers of endpoints that did not serve, and which to try first.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <unordered_map>
#include <vector>

#include "authz/base/backoff.h"

namespace gerve {

// How an endpoint met the last attempt to use it. Worse ones are tried later.
enum class Health {
    serving,
    refusing,  // it answers at once, and not with service: refused, on standby, draining, busy
    silent,    // no answer in time: trying it costs a timeout
};

// Endpoints are named by their text. Times are given, so that this can be tested.
class EndpointHealth {
  public:
    using Clock = std::chrono::steady_clock;
    static constexpr std::chrono::milliseconds first_pause{1'000};
    static constexpr std::chrono::milliseconds longest_pause{30'000};
    // Whom nobody has wanted for so long is not asked after any more.
    static constexpr std::chrono::minutes forgotten_after{10};

    [[nodiscard]] Health of(const std::string& endpoint) const;
    // Places in `endpoints` in the order in which to try them: as they stand, but who serves before who
    // refuses, and who is silent last. None is left out: the memory may be wrong. Says that they are wanted.
    [[nodiscard]] std::vector<std::size_t> order(const std::vector<std::string>& endpoints,
                                                 Clock::time_point now);

    void note_serving(const std::string& endpoint);
    // True when it served until now, so that somebody has to begin asking after it.
    [[nodiscard]] bool note_failed(const std::string& endpoint, Health how, Clock::time_point now);
    // Before it is asked after again: doubled with each failure; see Backoff.
    [[nodiscard]] std::chrono::milliseconds next_pause(const std::string& endpoint);
    // False: it serves again, or nobody wants it any more; then it is forgotten.
    [[nodiscard]] bool worth_probing(const std::string& endpoint, Clock::time_point now);

  private:
    struct Trouble {
        Health how;
        Backoff pauses{first_pause, longest_pause};
        Clock::time_point wanted;
    };
    std::unordered_map<std::string, Trouble> troubles_;  // of those that do not serve
};

}  // namespace gerve
