// The frames of GRV1 that follow the OPEN message, as docs/grv1.md describes them: writing, and reading
// without ever holding a data frame as a whole.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "authz/base/result.h"

namespace gerve::grv1 {

enum class FrameType : std::uint8_t {
    stdin_data = 1,
    stdin_eof = 2,
    stdout_data = 3,
    stderr_data = 4,
    exit = 5,
    fail = 6,
    cancel = 7,
    ping = 8,
    pong = 9,
    open_ok = 10,
    report = 11,
};

// Data frames carry 1 to max_payload bytes of a stream; control frames at most max_control bytes.
constexpr std::size_t header_size = 4;
constexpr std::size_t max_payload = 262'144;
constexpr std::size_t max_control = 1'024;
constexpr std::size_t max_ping = 64;
constexpr std::size_t max_report = 16'384;  // of a control frame, too

[[nodiscard]] constexpr bool is_data(FrameType type) {
    return type == FrameType::stdin_data || type == FrameType::stdout_data || type == FrameType::stderr_data;
}

// Writes the 4 bytes of a header, so that a payload read into the bytes behind it need not be moved.
inline void encode_header(FrameType type, std::size_t length, char* out) {
    out[0] = static_cast<char>(type);
    out[1] = static_cast<char>(length >> 16);
    out[2] = static_cast<char>(length >> 8);
    out[3] = static_cast<char>(length);
}

// How git ended on the file server; the last frame of a session that ran.
struct Exit {
    static constexpr std::uint32_t no_code = 0xffff'ffff;  // ended by a signal
    std::uint32_t code = 0;                                // 0..255, or no_code
    std::uint8_t signal = 0;                               // 0 unless code is no_code
    std::string reason;  // empty when git ended by itself; for logs, at most max_control - 5 bytes
    friend bool operator==(const Exit&, const Exit&) = default;
};

enum class FailCode : std::uint16_t {
    version = 1,
    authentication = 2,
    replay_or_clock = 3,
    bad_request = 4,
    no_such_repository = 5,
    service_disabled = 6,
    busy = 7,
    spawn = 8,
    draining = 9,
    standby = 10,
    storage = 11,
    account_limit = 12,
};

// What an agent answers in place of OPEN_OK: nothing was started. A code above 12 is of a newer agent.
struct Fail {
    FailCode code = FailCode::bad_request;
    bool retryable = false;  // another endpoint of the same server may accept the same operation
    std::string text;        // for logs, at most max_control - 3 bytes
    friend bool operator==(const Fail&, const Fail&) = default;
};

// A whole control frame. `payload` is cut to what its type can carry.
[[nodiscard]] std::string encode_frame(FrameType type, std::string_view payload = {});
// Data frames of one type for all of these bytes: as many as it takes, none for no bytes.
[[nodiscard]] std::string encode_data(FrameType type, std::string_view bytes);
[[nodiscard]] std::string encode_exit(const Exit& report);
[[nodiscard]] std::string encode_fail(const Fail& failure);
[[nodiscard]] std::string encode_open_ok(std::uint8_t version);

// The payload of a frame. Errors: client.
[[nodiscard]] Result<Exit> parse_exit(std::string_view payload);
[[nodiscard]] Result<Fail> parse_fail(std::string_view payload);
[[nodiscard]] Result<std::uint8_t> parse_open_ok(std::string_view payload);  // the version chosen

// A piece of a data frame, pointing into the input, or a whole control frame; `payload` is valid until the
// next call of FrameReader::next and as long as the input is.
struct FramePart {
    FrameType type;
    std::string_view payload;
};

// Cuts a byte stream into frames, whatever the pieces it comes in. Which frames may come is fixed by the
// receiver: an agent takes STDIN, STDIN_EOF, CANCEL and PING; a gateway takes the others, OPEN_OK or FAIL
// first, and nothing behind EXIT or FAIL.
class FrameReader {
  public:
    enum class Receiver { agent, gateway };
    explicit FrameReader(Receiver receiver) : receiver_(receiver) {}

    // Takes the next part off the front of `input`; nothing when all of it is consumed and more is needed.
    // Errors: client, for good: a frame that may not come here, or of a length that its type cannot have.
    // The reader must not be used after an error.
    [[nodiscard]] Result<std::optional<FramePart>> next(std::string_view& input);

    // Whether the stream may end here: no frame is half received.
    [[nodiscard]] bool at_boundary() const { return have_ == 0; }
    // Inside the payload of a data frame.
    [[nodiscard]] bool in_data() const { return have_ == header_size && is_data(type_); }

  private:
    [[nodiscard]] bool take_header(std::string_view& input);
    [[nodiscard]] Result<void> accept_header();
    [[nodiscard]] Result<void> accept_order();
    [[nodiscard]] FramePart take_data(std::string_view& input);
    [[nodiscard]] std::optional<FramePart> take_control(std::string_view& input);

    Receiver receiver_;
    enum class Phase : std::uint8_t { start, streams, stdin_ended, over } phase_ = Phase::start;
    FrameType type_ = FrameType::ping;
    std::uint8_t have_ = 0;  // bytes of the header so far; header_size: inside a frame
    char header_[header_size]{};
    std::uint32_t left_ = 0;  // bytes of the payload still to come
    std::string control_;     // of a control frame that came in pieces
};

}  // namespace gerve::grv1
