#include "gerve/ssh/byte_queue.h"

#include <doctest/doctest.h>

#include <string>

using gerve::ssh::ByteQueue;

namespace {

std::string take_at_most(ByteQueue& queue, std::size_t most) {
    std::string taken(most, '\0');
    taken.resize(queue.take(taken));
    return taken;
}

std::string pattern(std::size_t size, std::size_t from = 0) {
    std::string bytes;
    for (std::size_t i = from; i < from + size; ++i) bytes += static_cast<char>(i * 7 + i / 251);
    return bytes;
}

}  // namespace

TEST_CASE("bytes come out as they went in, whatever the pieces") {
    ByteQueue queue;
    const std::string all = pattern(1'000'000);
    std::string out;
    std::size_t put = 0;
    for (std::size_t piece = 1; put < all.size() || queue.size() > 0; piece = piece * 5 % 70'001 + 1) {
        queue.append(std::string_view(all).substr(put, piece));
        put = std::min(all.size(), put + piece);
        CHECK(queue.size() == put - out.size());
        out += take_at_most(queue, put < all.size() ? piece * 3 / 4 : 65'536);
    }
    CHECK(out == all);
    CHECK(take_at_most(queue, 10).empty());
}

TEST_CASE("a queue that was emptied is filled anew") {
    ByteQueue queue;
    for (const std::size_t size : {1U, 65'535U, 65'536U, 65'537U, 131'072U, 200'000U}) {
        queue.append(pattern(size));
        CHECK(take_at_most(queue, size) == pattern(size));
        CHECK(queue.size() == 0);
    }
    queue.append("");
    CHECK(queue.size() == 0);
}
