#include "gerve/metrics/http_places.h"

#include <doctest/doctest.h>

#include <vector>

using namespace gerve;

namespace {

// Places, and who was cut off, in order.
struct House {
    explicit House(std::size_t most) : places(most) {}
    HttpPlaces::Place enter(const std::string& source, const std::string& name) {
        return places.enter(source, [this, name] { cut.push_back(name); });
    }
    HttpPlaces places;
    std::vector<std::string> cut;
};

}  // namespace

TEST_CASE("the oldest makes room") {
    House house(2);
    (void)house.enter("192.0.2.1", "first");
    (void)house.enter("192.0.2.1", "second");
    CHECK(house.cut.empty());
    (void)house.enter("192.0.2.1", "third");
    (void)house.enter("192.0.2.1", "fourth");
    CHECK(house.cut == std::vector<std::string>{"first", "second"});
    CHECK(house.places.held() == 2);
}

TEST_CASE("one source makes no room at the expense of another") {
    House house(4);
    (void)house.enter("192.0.2.1", "honest");
    for (int i = 0; i < 100; ++i) (void)house.enter("192.0.2.66", "hostile");
    CHECK(house.cut.size() == 97);
    for (const std::string& who : house.cut) CHECK(who == "hostile");
}

TEST_CASE("who is owed an answer goes last") {
    House house(3);
    const auto first = house.enter("192.0.2.1", "first");
    first->answering = true;
    (void)house.enter("192.0.2.1", "second");
    (void)house.enter("192.0.2.1", "third");
    (void)house.enter("192.0.2.1", "fourth");
    CHECK(house.cut == std::vector<std::string>{"second"});
}

TEST_CASE("who has left, or was cut off, takes no place") {
    House house(1);
    const auto first = house.enter("192.0.2.1", "first");
    const auto second = house.enter("192.0.2.1", "second");
    CHECK(house.cut.size() == 1);
    house.places.leave(first);
    house.places.leave(second);
    CHECK(house.places.empty());
    CHECK(house.places.held() == 0);
    (void)house.enter("192.0.2.1", "third");
    CHECK(house.cut.size() == 1);
}
