#include "gerve/cli/standing.h"

#include <nlohmann/json.hpp>

namespace gerve {
namespace {

Json json_via(const AccessWay& way) {
    return way.via.empty() ? Json() : Json(way.via);
}

}  // namespace

std::string way_text(const AccessWay& way) {
    return std::string(rule_name(way.because)) + (way.via.empty() ? "" : " " + way.via);
}

std::string because_text(const Standing& standing, std::string_view stands_against) {
    const std::string granted(access_name(standing.way().access));
    if (stands_against.empty() && standing.is_held_back()) stands_against = rule_name(standing.because);
    if (!stands_against.empty())
        return std::string(stands_against) + " (" + granted + " by " + way_text(standing.way()) + ")";
    if (standing.access == standing.way().access) return way_text(standing.way());
    return way_text(standing.way()) + " (" + granted + " once unarchived)";
}

void add_standing(Json& to, const Standing& standing, std::string_view stands_against) {
    const bool by_way = stands_against.empty() && !standing.is_held_back();
    to["access"] = access_name(standing.access);
    to["because"] = stands_against.empty() ? rule_name(standing.because) : stands_against;
    to["via"] = by_way ? json_via(standing.way()) : Json();
    to["granted"] = access_name(standing.way().access);
    to["also"] = Json::array();
    for (std::size_t i = by_way ? 1 : 0; i < standing.ways.size(); ++i) {
        const AccessWay& way = standing.ways[i];
        to["also"].push_back({{"access", access_name(way.access)},
                              {"because", rule_name(way.because)},
                              {"via", json_via(way)}});
    }
}

}  // namespace gerve
