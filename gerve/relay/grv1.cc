#include "gerve/relay/grv1.h"

#include <algorithm>

#include "authz/base/big_endian.h"

namespace gerve::grv1 {
namespace {

tl::unexpected<Error> bad_frame(FrameType type, std::string_view why) {
    return client_error("GRV1 frame " + std::to_string(static_cast<unsigned>(type)) + ": " +
                        std::string(why));
}

struct Lengths {
    std::size_t least;
    std::size_t most;
};

// What a control frame may carry. OPEN_OK leaves room for what a later version adds.
Lengths lengths_of(FrameType type) {
    switch (type) {
        case FrameType::stdin_data:
        case FrameType::stdout_data:
        case FrameType::stderr_data: return {1, max_payload};
        case FrameType::stdin_eof:
        case FrameType::cancel: return {0, 0};
        case FrameType::exit: return {5, max_control};
        case FrameType::fail: return {3, max_control};
        case FrameType::ping:
        case FrameType::pong: return {0, max_ping};
        case FrameType::open_ok: return {1, max_control};
        case FrameType::report: return {0, max_report};
    }
    return {1, 0};  // no such type, no such length
}

bool goes_to_agent(FrameType type) {
    return type == FrameType::stdin_data || type == FrameType::stdin_eof || type == FrameType::cancel ||
           type == FrameType::ping;
}

}  // namespace

std::string encode_frame(FrameType type, std::string_view payload) {
    payload = payload.substr(0, lengths_of(type).most);
    std::string frame(header_size, '\0');
    encode_header(type, payload.size(), frame.data());
    frame += payload;
    return frame;
}

std::string encode_data(FrameType type, std::string_view bytes) {
    std::string frames;
    for (; !bytes.empty(); bytes.remove_prefix(std::min(bytes.size(), max_payload))) {
        frames += encode_frame(type, bytes);
    }
    return frames;
}

std::string encode_exit(const Exit& report) {
    std::string payload;
    put_number(payload, report.code);
    put_number(payload, report.signal);
    payload += report.reason;
    return encode_frame(FrameType::exit, payload);
}

std::string encode_fail(const Fail& failure) {
    std::string payload;
    put_number(payload, static_cast<std::uint16_t>(failure.code));
    put_number(payload, static_cast<std::uint8_t>(failure.retryable ? 1 : 0));
    payload += failure.text;
    return encode_frame(FrameType::fail, payload);
}

std::string encode_open_ok(std::uint8_t version) {
    return encode_frame(FrameType::open_ok, std::string(1, static_cast<char>(version)));
}

Result<Exit> parse_exit(std::string_view payload) {
    if (payload.size() < 5) return bad_frame(FrameType::exit, "too short");
    Exit report;
    report.code = get_number<std::uint32_t>(payload);
    report.signal = static_cast<std::uint8_t>(payload[4]);
    report.reason = payload.substr(5);
    const bool by_signal = report.code == Exit::no_code;
    if ((!by_signal && report.code > 255) || by_signal != (report.signal != 0)) {
        return bad_frame(FrameType::exit, "neither a status nor a signal");
    }
    return report;
}

Result<Fail> parse_fail(std::string_view payload) {
    if (payload.size() < 3 || static_cast<unsigned char>(payload[2]) > 1) {
        return bad_frame(FrameType::fail, "malformed");
    }
    const auto code = static_cast<FailCode>(get_number<std::uint16_t>(payload));
    return Fail{code, payload[2] == 1, std::string(payload.substr(3))};
}

Result<std::uint8_t> parse_open_ok(std::string_view payload) {
    if (payload.empty()) return bad_frame(FrameType::open_ok, "too short");
    return static_cast<std::uint8_t>(payload[0]);
}

Result<std::optional<FramePart>> FrameReader::next(std::string_view& input) {
    while (!input.empty()) {
        if (have_ < header_size) {
            if (!take_header(input)) return std::nullopt;
            if (auto accepted = accept_header(); !accepted) return pass_on(accepted);
            // An empty frame is complete with its header, even at the end of the input.
            if (left_ > 0) continue;
        }
        if (is_data(type_)) return take_data(input);
        return take_control(input);
    }
    return std::nullopt;
}

bool FrameReader::take_header(std::string_view& input) {
    const std::size_t taken = std::min<std::size_t>(header_size - have_, input.size());
    std::copy_n(input.data(), taken, header_ + have_);
    have_ = static_cast<std::uint8_t>(have_ + taken);
    input.remove_prefix(taken);
    return have_ == header_size;
}

Result<void> FrameReader::accept_header() {
    type_ = static_cast<FrameType>(header_[0]);
    left_ = get_number({header_ + 1, 3});
    control_.clear();
    const Lengths lengths = lengths_of(type_);
    if (lengths.most < lengths.least) return bad_frame(type_, "unknown type");
    if (goes_to_agent(type_) != (receiver_ == Receiver::agent)) return bad_frame(type_, "wrong direction");
    if (left_ < lengths.least || left_ > lengths.most) {
        return bad_frame(type_, "length " + std::to_string(left_));
    }
    return accept_order();
}

Result<void> FrameReader::accept_order() {
    if (phase_ == Phase::over) return bad_frame(type_, "after the last frame");
    if (receiver_ == Receiver::agent) {
        if (phase_ == Phase::stdin_ended && (is_data(type_) || type_ == FrameType::stdin_eof)) {
            return bad_frame(type_, "after STDIN_EOF");
        }
        if (type_ == FrameType::stdin_eof) phase_ = Phase::stdin_ended;
        return {};
    }
    const bool answers_open = type_ == FrameType::open_ok || type_ == FrameType::fail;
    if (answers_open != (phase_ == Phase::start) && type_ != FrameType::pong) {
        return bad_frame(type_, answers_open ? "a second answer to OPEN" : "before OPEN_OK");
    }
    if (type_ == FrameType::open_ok) phase_ = Phase::streams;
    if (type_ == FrameType::exit || type_ == FrameType::fail) phase_ = Phase::over;
    return {};
}

FramePart FrameReader::take_data(std::string_view& input) {
    const std::string_view piece = input.substr(0, left_);
    input.remove_prefix(piece.size());
    left_ -= static_cast<std::uint32_t>(piece.size());
    if (left_ == 0) have_ = 0;
    return {type_, piece};
}

std::optional<FramePart> FrameReader::take_control(std::string_view& input) {
    const std::string_view piece = input.substr(0, left_);
    input.remove_prefix(piece.size());
    left_ -= static_cast<std::uint32_t>(piece.size());
    if (left_ == 0) have_ = 0;
    if (left_ == 0 && control_.empty()) return FramePart{type_, piece};
    control_ += piece;
    if (left_ > 0) return std::nullopt;
    return FramePart{type_, control_};
}

}  // namespace gerve::grv1
