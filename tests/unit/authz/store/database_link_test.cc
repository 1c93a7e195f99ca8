// When a thread's connection to the database is replaced, and when that has to wait.
#include "authz/store/database_link.h"

#include <thread>

#include "tests/unit/authz/store/fixture.h"
#include "tests/unit/authz/store/passing.h"

using namespace gerve;
using namespace gerve::testing;

namespace {

class Breakable final : public Passing {
  public:
    using Passing::Passing;
    void break_it() { broken_ = true; }
};

}  // namespace

TEST_CASE("a connection that broke is replaced at once, however often") {
    Store store;
    Breakable* last = nullptr;
    unsigned opened = 0;
    DatabaseLink link([&]() -> Result<std::unique_ptr<Database>> {
        auto made = std::make_unique<Breakable>(store.database());
        last = made.get();
        ++opened;
        return made;
    });
    CHECK(link.maintain());
    for (unsigned round = 2; round < 20; ++round) {
        last->break_it();
        CHECK(link.next_turn() == 0);
        CHECK(link.maintain());
        CHECK(link.get() != nullptr);
        CHECK(opened == round);
        CHECK(link.next_turn() > 0);
    }
}

TEST_CASE("attempts that fail are followed by pauses that grow, until one succeeds") {
    Store store;
    bool away = true;
    DatabaseLink link([&]() -> Result<std::unique_ptr<Database>> {
        if (away) return unavailable("away");
        return std::make_unique<Breakable>(store.database());
    });
    const auto pause_after_attempt = [&] {
        while (link.next_turn() > 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
        (void)link.maintain();
        return link.next_turn();
    };
    CHECK(pause_after_attempt() <= 50);
    CHECK(pause_after_attempt() <= 100);
    const int third = pause_after_attempt();
    CHECK(third > 100);  // 200, less a quarter at most, and what a busy machine takes
    CHECK(third <= 200);
    away = false;
    (void)pause_after_attempt();
    CHECK(link.get() != nullptr);
}
