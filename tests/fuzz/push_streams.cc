// The streams of git-receive-pack and git-upload-pack as the agent reads along with them, and what it tells
// of them. The first byte says how: bit 0 cuts the bytes into pieces of 7, bit 1 takes them as output, bit 2
// as a REPORT.
#include <algorithm>
#include <cstdio>
#include <string>

#include "gerve/agent/protocol/fetch_reader.h"
#include "gerve/agent/protocol/push_reader.h"
#include "gerve/relay/grv1_report.h"
#include "tests/fuzz/fuzz.h"

namespace {

std::string request() {
    const std::string none(40, '0');
    const std::string some(40, '1');
    const std::string command = none + " " + some + " refs/heads/a" + '\0' + " report-status side-band-64k";
    char length[5];
    std::snprintf(length, sizeof length, "%04x", static_cast<unsigned>(command.size() + 4));
    return length + command + "0000";
}

template <class Take>
void in_pieces(std::string_view bytes, std::size_t piece, Take take) {
    for (std::size_t at = 0; at < bytes.size(); at += piece) take(bytes.substr(at, piece));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::string_view bytes(reinterpret_cast<const char*>(data), size);
    if (bytes.empty()) return 0;
    const char how = bytes.front();
    bytes.remove_prefix(1);
    const std::size_t piece = (how & 1) != 0 ? 7 : std::max<std::size_t>(1, bytes.size());
    if ((how & 4) != 0) {
        gerve::grv1::Report report;
        (void)gerve::grv1::parse_report(bytes, report);
        for (const gerve::RefChange& change : report.changes)
            gerve::fuzz::require(gerve::RefChange::parse(change.text()).has_value(),
                                 "a ref says the same again");
        return 0;
    }
    gerve::PushReader push;
    gerve::FetchReader fetch;
    if ((how & 2) != 0) {
        push.take_input(request());
        in_pieces(bytes, piece, [&](std::string_view one) { push.take_output(one); });
    } else {
        in_pieces(bytes, piece, [&](std::string_view one) {
            push.take_input(one);
            fetch.take_input(one);
        });
    }
    auto changes = push.changes();
    push.compare_with_advertisement(changes);
    (void)push.facts(changes);
    for (const gerve::RefChange& change : changes)
        gerve::fuzz::require(change.ref.size() <= gerve::RefChange::max_ref, "names are cut");
    return 0;
}
