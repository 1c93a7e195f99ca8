// The frames of GRV1. The first byte chooses the receiver and how the rest is cut into pieces: a stream means
// the same however it arrives.
#include <string>
#include <vector>

#include "gerve/relay/grv1.h"
#include "tests/fuzz/fuzz.h"

using namespace gerve;
using fuzz::require;

namespace {

struct Reading {
    std::vector<std::pair<grv1::FrameType, std::string>> parts;  // data that follow each other are joined
    bool failed = false;
    bool at_boundary = false;
    friend bool operator==(const Reading&, const Reading&) = default;
};

void add(Reading& reading, const grv1::FramePart& part) {
    const bool goes_on =
        grv1::is_data(part.type) && !reading.parts.empty() && reading.parts.back().first == part.type;
    if (goes_on) {
        reading.parts.back().second += part.payload;
    } else {
        reading.parts.emplace_back(part.type, part.payload);
    }
    require(!part.payload.empty() || !grv1::is_data(part.type), "a piece of data holds a byte");
    const std::size_t most = part.type == grv1::FrameType::report ? grv1::max_report : grv1::max_control;
    require(grv1::is_data(part.type) || part.payload.size() <= most, "control frames are short");
}

Reading read_in_pieces(grv1::FrameReader::Receiver receiver, std::string_view stream, std::size_t piece) {
    grv1::FrameReader reader(receiver);
    Reading reading;
    while (!stream.empty()) {
        std::string_view input = stream.substr(0, piece);
        stream.remove_prefix(input.size());
        while (true) {
            const auto part = reader.next(input);
            reading.failed = !part;
            if (!part) return reading;
            if (!*part) break;
            add(reading, **part);
        }
        require(input.empty(), "the reader takes all there is");
    }
    reading.at_boundary = reader.at_boundary();
    return reading;
}

void check_control(const grv1::FrameType type, std::string_view payload) {
    if (type == grv1::FrameType::exit) {
        if (const auto report = grv1::parse_exit(payload)) {
            require(grv1::parse_exit(grv1::encode_exit(*report).substr(grv1::header_size)) == *report,
                    "an EXIT says the same again");
        }
    }
    if (type == grv1::FrameType::fail) {
        if (const auto failure = grv1::parse_fail(payload)) {
            require(grv1::parse_fail(grv1::encode_fail(*failure).substr(grv1::header_size)) == *failure,
                    "a FAIL says the same again");
        }
    }
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const auto receiver =
        (data[0] & 1) != 0 ? grv1::FrameReader::Receiver::agent : grv1::FrameReader::Receiver::gateway;
    const std::size_t piece = 1 + (data[0] >> 1);
    const std::string_view stream = fuzz::text_of(data + 1, size - 1);
    const Reading whole = read_in_pieces(receiver, stream, stream.size());
    require(whole == read_in_pieces(receiver, stream, piece), "a stream means the same in any pieces");
    for (const auto& [type, payload] : whole.parts) check_control(type, payload);
    return 0;
}
