#include "gerve/metrics/http_places.h"

#include <tuple>
#include <unordered_map>
#include <utility>

namespace gerve {

HttpPlaces::Place HttpPlaces::enter(std::string source, std::function<void()> cut) {
    if (held_ >= most_) make_room();
    ++held_;
    return guests_.insert(guests_.end(), Guest{std::move(source), std::move(cut)});
}

void HttpPlaces::leave(Place place) {
    if (!place->cut_off) --held_;
    guests_.erase(place);
}

void HttpPlaces::make_room() {
    std::unordered_map<std::string_view, std::size_t> held_by;
    for (const Guest& guest : guests_) {
        if (!guest.cut_off) ++held_by[guest.source];
    }
    // Of equals the oldest stays in front.
    const auto ranks = [&](const Guest& guest) {
        return std::tuple(held_by[guest.source], !guest.answering);
    };
    Guest* last = nullptr;
    for (Guest& guest : guests_) {
        if (!guest.cut_off && (last == nullptr || ranks(guest) > ranks(*last))) last = &guest;
    }
    if (last == nullptr) return;
    last->cut_off = true;
    --held_;
    last->cut();
}

}  // namespace gerve
