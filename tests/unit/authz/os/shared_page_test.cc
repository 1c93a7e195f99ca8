#include "authz/os/shared_page.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include "authz/base/metrics.h"

using namespace gerve;

namespace {

struct Numbers {
    static constexpr std::uint64_t layout = 1;
    Counter count;
};
struct NewerNumbers {
    static constexpr std::uint64_t layout = 2;
    Counter count;
};

}  // namespace

TEST_CASE("what one counts the other reads") {
    const Fd page = make_shared_page("test").value();
    const auto reader = SharedPage::map(page, layout_of<Numbers>(), PageAccess::read).value();
    CHECK(reader.matches(layout_of<Numbers>()));  // nobody has written yet
    numbers_of<Numbers>(page).count.add(3);
    CHECK(static_cast<const Numbers*>(reader.content())->count.value() == 3);
    CHECK(&numbers_of<Numbers>(page) != &numbers_of<Numbers>(Fd()));
}

TEST_CASE("a process of another layout counts for itself, and a reader sees that it cannot read") {
    const Fd page = make_shared_page("test").value();
    numbers_of<Numbers>(page).count.add(3);
    numbers_of<NewerNumbers>(page).count.add(100);
    const auto reader = SharedPage::map(page, layout_of<NewerNumbers>(), PageAccess::read).value();
    CHECK_FALSE(reader.matches(layout_of<NewerNumbers>()));
    CHECK(numbers_of<Numbers>(page).count.value() == 3);
}

TEST_CASE("nobody who shares a page can pull it away") {
    const Fd page = make_shared_page("test").value();
    CHECK(::ftruncate(page.get(), 0) != 0);
    CHECK(::ftruncate(page.get(), 1 << 20) != 0);
}

TEST_CASE("a file of another size is no page") {
    const Fd page = make_shared_page("test").value();
    CHECK_FALSE(SharedPage::map(Fd(), layout_of<Numbers>(), PageAccess::read));
    int ends[2];
    REQUIRE(::pipe(ends) == 0);
    const Fd pipe(ends[0]);
    const Fd other(ends[1]);
    CHECK_FALSE(SharedPage::map(pipe, layout_of<Numbers>(), PageAccess::read));
}
