#include "gerve/relay/grv1.h"

#include <doctest/doctest.h>

#include <vector>

namespace gerve::grv1 {
namespace {

using Receiver = FrameReader::Receiver;

std::string header(unsigned type, std::size_t length) {
    std::string bytes(header_size, '\0');
    encode_header(static_cast<FrameType>(type), length, bytes.data());
    return bytes;
}

std::string data_frame(FrameType type, std::string_view payload) {
    return header(static_cast<unsigned>(type), payload.size()) + std::string(payload);
}

// What a reader makes of `bytes` that come in pieces of `piece`: each control frame as "TYPE:payload;", the
// bytes of data frames as they come, with the type in front of each run; "!" and an end at an error.
std::string read_all(Receiver receiver, std::string_view bytes, std::size_t piece) {
    FrameReader reader(receiver);
    std::string seen;
    FrameType run = FrameType::ping;  // no data frame
    while (!bytes.empty()) {
        std::string_view input = bytes.substr(0, piece);
        bytes.remove_prefix(input.size());
        while (true) {
            auto part = reader.next(input);
            if (!part) return seen + "!";
            if (!*part) break;
            const FramePart& got = **part;
            if (!is_data(got.type)) {
                seen += std::to_string(static_cast<int>(got.type)) + ":" + std::string(got.payload) + ";";
            } else {
                REQUIRE(!got.payload.empty());
                if (got.type != run) seen += std::to_string(static_cast<int>(got.type)) + ">";
                seen += got.payload;
            }
            run = is_data(got.type) ? got.type : FrameType::ping;
        }
        REQUIRE(input.empty());
    }
    return reader.at_boundary() ? seen : seen + "…";
}

TEST_CASE("data that exceed a frame fill as many as it takes") {
    CHECK(encode_data(FrameType::stdout_data, "").empty());
    CHECK(encode_data(FrameType::stdout_data, "one") == data_frame(FrameType::stdout_data, "one"));
    const std::string bytes = std::string(max_payload, 'a') + std::string(max_payload, 'b') + "c";
    const std::string frames = encode_data(FrameType::stdout_data, bytes);
    CHECK(frames.size() == bytes.size() + 3 * header_size);
    CHECK(read_all(Receiver::gateway, encode_open_ok(1) + frames, frames.size()) == "10:\x01;3>" + bytes);
}

TEST_CASE("frames come out the same whatever the pieces they come in") {
    const std::string to_gateway =
        encode_open_ok(1) + data_frame(FrameType::stdout_data, "advertisement") +
        data_frame(FrameType::stderr_data, "x") + encode_frame(FrameType::pong, "12345678") +
        data_frame(FrameType::stdout_data, std::string(1000, 'p')) + encode_exit({128, 0, "gone"});
    const std::string expected = "10:\x01;3>advertisement4>x9:12345678;3>" + std::string(1000, 'p') +
                                 "5:" + std::string("\0\0\0\x80\0gone", 9) + ";";
    for (std::size_t piece = 1; piece <= to_gateway.size(); ++piece) {
        REQUIRE(read_all(Receiver::gateway, to_gateway, piece) == expected);
    }
    const std::string to_agent = data_frame(FrameType::stdin_data, "0000") + encode_frame(FrameType::ping) +
                                 encode_frame(FrameType::stdin_eof) + encode_frame(FrameType::ping, "a") +
                                 encode_frame(FrameType::cancel);
    for (std::size_t piece = 1; piece <= to_agent.size(); ++piece) {
        REQUIRE(read_all(Receiver::agent, to_agent, piece) == "1>00008:;2:;8:a;7:;");
    }
}

TEST_CASE("a data frame is handed on before it is complete") {
    FrameReader reader(Receiver::agent);
    std::string bytes = header(1, max_payload) + "first";
    std::string_view input = bytes;
    auto part = reader.next(input);
    REQUIRE((part && *part));
    CHECK((**part).payload == "first");
    CHECK((**part).payload.data() == bytes.data() + header_size);  // not copied
    CHECK_FALSE(reader.at_boundary());
}

TEST_CASE("lengths that a type cannot have are refused from the header alone") {
    struct Row {
        Receiver receiver;
        unsigned type;
        std::size_t length;
        bool good;
    };
    const std::vector<Row> rows{
        {Receiver::agent, 1, 0, false},          {Receiver::agent, 1, 1, true},
        {Receiver::agent, 1, 262'144, true},     {Receiver::agent, 1, 262'145, false},
        {Receiver::agent, 1, 0xffffff, false},   {Receiver::agent, 2, 0, true},
        {Receiver::agent, 2, 1, false},          {Receiver::agent, 7, 1, false},
        {Receiver::agent, 8, 64, true},          {Receiver::agent, 8, 65, false},
        {Receiver::gateway, 10, 0, false},       {Receiver::gateway, 10, 1, true},
        {Receiver::gateway, 10, 1'024, true},    {Receiver::gateway, 10, 1'025, false},
        {Receiver::gateway, 6, 2, false},        {Receiver::gateway, 6, 3, true},
        {Receiver::gateway, 6, 0x010000, false}, {Receiver::gateway, 9, 65, false},
    };
    for (const Row& row : rows) {
        CAPTURE(row.type);
        CAPTURE(row.length);
        FrameReader reader(row.receiver);
        const std::string bytes = header(row.type, row.length);
        std::string_view input = bytes;
        CHECK(reader.next(input).has_value() == row.good);
    }
}

TEST_CASE("only frames of the right direction and a known type are read") {
    const std::string allowed_to_agent = "\x01\x02\x07\x08";
    const std::string allowed_first_to_gateway = "\x06\x09\x0a";
    for (unsigned type = 0; type < 256; ++type) {
        CAPTURE(type);
        for (const Receiver receiver : {Receiver::agent, Receiver::gateway}) {
            const auto& allowed = receiver == Receiver::agent ? allowed_to_agent : allowed_first_to_gateway;
            bool accepted = false;
            for (const std::size_t length : {0, 1, 5}) {
                FrameReader reader(receiver);
                const std::string bytes = header(type, length);
                std::string_view input = bytes;
                accepted = accepted || reader.next(input).has_value();
            }
            CHECK(accepted == (allowed.find(static_cast<char>(type)) != std::string::npos));
        }
    }
}

TEST_CASE("the order of frames is kept") {
    const std::string ok = encode_open_ok(1);
    const std::string out = data_frame(FrameType::stdout_data, "o");
    const std::string end = encode_exit({});
    const std::string no = encode_fail({FailCode::busy, true, ""});
    const std::string in = data_frame(FrameType::stdin_data, "i");
    const std::string eof = encode_frame(FrameType::stdin_eof);
    const std::string pong = encode_frame(FrameType::pong);
    auto refused = [](Receiver receiver, const std::string& bytes) {
        return read_all(receiver, bytes, bytes.size()).ends_with('!');
    };
    CHECK(refused(Receiver::gateway, out));
    CHECK(refused(Receiver::gateway, end));
    CHECK(refused(Receiver::gateway, ok + ok));
    CHECK(refused(Receiver::gateway, ok + no));
    CHECK(refused(Receiver::gateway, ok + end + out));
    CHECK(refused(Receiver::gateway, ok + end + end));
    CHECK(refused(Receiver::gateway, no + ok));
    CHECK_FALSE(refused(Receiver::gateway, pong + ok + pong + out + end));
    CHECK_FALSE(refused(Receiver::gateway, ok + end));
    CHECK(refused(Receiver::agent, eof + in));
    CHECK(refused(Receiver::agent, eof + eof));
    CHECK_FALSE(refused(Receiver::agent, in + eof + encode_frame(FrameType::cancel)));
}

TEST_CASE("EXIT carries a status or a signal, never both") {
    for (const Exit& report : {Exit{0, 0, ""}, Exit{255, 0, "why"}, Exit{Exit::no_code, 15, "cancelled"}}) {
        const std::string frame = encode_exit(report);
        auto read = parse_exit(std::string_view(frame).substr(header_size));
        REQUIRE(read);
        CHECK(*read == report);
    }
    CHECK(encode_exit({1, 0, ""}) == std::string("\x05\0\0\x05\0\0\0\x01\0", 9));
    CHECK_FALSE(parse_exit(std::string("\0\0\0\0", 4)));
    CHECK_FALSE(parse_exit(std::string("\0\0\x01\0\0", 5)));        // status 256
    CHECK_FALSE(parse_exit(std::string("\0\0\0\x01\x09", 5)));      // status and signal
    CHECK_FALSE(parse_exit(std::string("\xff\xff\xff\xff\0", 5)));  // neither
}

TEST_CASE("FAIL carries code, retryable and a text that is cut to fit") {
    const std::string frame = encode_fail({FailCode::standby, true, "on standby"});
    CHECK(frame.starts_with(std::string("\x06\0\0\x0d\0\x0a\x01on", 9)));
    auto read = parse_fail(std::string_view(frame).substr(header_size));
    REQUIRE(read);
    CHECK(*read == Fail{FailCode::standby, true, "on standby"});
    CHECK(encode_fail({FailCode::busy, true, std::string(5000, 'x')}).size() == header_size + max_control);
    CHECK_FALSE(parse_fail(std::string("\0\x01", 2)));
    CHECK_FALSE(parse_fail(std::string("\0\x01\x02", 3)));
    CHECK_FALSE(parse_open_ok(""));
    CHECK(parse_open_ok("\x01") == 1);
}

}  // namespace
}  // namespace gerve::grv1
