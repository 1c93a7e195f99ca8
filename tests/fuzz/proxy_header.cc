// What balancers say. The first byte chooses how the rest is cut into pieces: a header means the same however
// it arrives, and what follows it is not touched.
#include "gerve/worker/proxy_header.h"

#include <algorithm>
#include <optional>

#include "tests/fuzz/fuzz.h"

using namespace gerve;
using fuzz::require;

namespace {

struct Reading {
    bool failed = false;
    bool whole = false;
    std::size_t used = 0;
    std::optional<IpAddress> client;
    friend bool operator==(const Reading&, const Reading&) = default;
};

Reading read_in_pieces(std::string_view bytes, std::size_t piece) {
    ProxyHeader header;
    Reading reading;
    while (header.wanted() > 0 && reading.used < bytes.size() && !reading.failed) {
        const auto taken = bytes.substr(reading.used, std::min(header.wanted(), piece));
        reading.used += taken.size();
        const auto good = header.take(taken);
        reading.failed = !good;
        if (!good) fuzz::require_one_clean_line(good.error().told);
        require(good || header.wanted() == 0, "a header that failed wants nothing more");
    }
    reading.whole = !reading.failed && header.wanted() == 0;
    if (reading.whole) reading.client = header.client();
    if (reading.failed) reading.used = 0;  // how soon it was seen depends on the pieces
    return reading;
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const std::string_view bytes = fuzz::text_of(data + 1, size - 1);
    const Reading at_once = read_in_pieces(bytes, bytes.size() + 1);
    require(at_once.used <= 16 + 2048, "no header is longer");
    if (at_once.failed || at_once.whole) {
        const Reading in_pieces = read_in_pieces(bytes, 1 + data[0] % 64);
        require(in_pieces == at_once, "the pieces do not matter");
    }
    return 0;
}
