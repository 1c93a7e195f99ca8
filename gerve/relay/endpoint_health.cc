#include "gerve/relay/endpoint_health.h"

#include <algorithm>
#include <numeric>

namespace gerve {

Health EndpointHealth::of(const std::string& endpoint) const {
    const auto trouble = troubles_.find(endpoint);
    return trouble == troubles_.end() ? Health::serving : trouble->second.how;
}

std::vector<std::size_t> EndpointHealth::order(const std::vector<std::string>& endpoints,
                                               Clock::time_point now) {
    std::vector<std::size_t> places(endpoints.size());
    std::iota(places.begin(), places.end(), 0);
    if (troubles_.empty()) return places;
    std::stable_sort(places.begin(), places.end(),
                     [&](std::size_t a, std::size_t b) { return of(endpoints[a]) < of(endpoints[b]); });
    for (const std::string& endpoint : endpoints) {
        if (const auto trouble = troubles_.find(endpoint); trouble != troubles_.end())
            trouble->second.wanted = now;
    }
    return places;
}

void EndpointHealth::note_serving(const std::string& endpoint) {
    if (!troubles_.empty()) troubles_.erase(endpoint);
}

bool EndpointHealth::note_failed(const std::string& endpoint, Health how, Clock::time_point now) {
    const auto [trouble, is_new] = troubles_.try_emplace(endpoint, Trouble{.how = how, .wanted = now});
    trouble->second.how = how;
    return is_new;
}

std::chrono::milliseconds EndpointHealth::next_pause(const std::string& endpoint) {
    const auto trouble = troubles_.find(endpoint);
    return trouble == troubles_.end() ? first_pause : trouble->second.pauses.next();
}

bool EndpointHealth::worth_probing(const std::string& endpoint, Clock::time_point now) {
    const auto trouble = troubles_.find(endpoint);
    if (trouble == troubles_.end()) return false;
    if (now - trouble->second.wanted < forgotten_after) return true;
    troubles_.erase(trouble);
    return false;
}

}  // namespace gerve
