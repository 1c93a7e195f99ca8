// What a stock git daemon says and hears: git's pkt-lines (gitprotocol-pack(5)), as far as Gerve looks at
// them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "authz/model/git_command.h"

namespace gerve {

// The first packet of a git:// connection: what is wanted, from which host, and the protocol's version as an
// extra parameter (git-proto-request of gitprotocol-pack(5)).
[[nodiscard]] std::string encode_daemon_request(const std::string& repository, const std::string& host,
                                                const std::string& git_protocol);

// One packet with that payload of at most 65,516 bytes.
[[nodiscard]] std::string encode_packet(std::string_view payload);

// Follows the stream that a server sends, and tells whether it may end here. A server that is done ends
// behind a flush packet: an advertisement, a section of protocol version 2 and a pack in a side band all do.
// A pack without a side band has no packets any more; it ends with its own checksum, which the client
// verifies.
class PacketStream {
  public:
    void take(std::string_view bytes);
    [[nodiscard]] bool may_end() const {
        const bool at_flush = have_ == 0 && left_ == 0 && flushed_;
        return raw_ == Raw::no ? at_flush : raw_ == Raw::pack;
    }
    // The stream began with an ERR packet; what it says, as far as it was taken.
    [[nodiscard]] bool is_refusal() const { return first_.starts_with("ERR "); }
    [[nodiscard]] std::string_view first_packet() const { return first_; }

  private:
    static constexpr std::size_t header_size = 4;
    static constexpr std::size_t kept_of_first = 200;
    void take_header();

    char header_[header_size]{};
    std::uint8_t have_ = 0;   // bytes of a header, of which the rest is still to come
    std::uint32_t left_ = 0;  // bytes of the payload still to come
    bool flushed_ = false;    // the last packet was a flush
    enum class Raw : std::uint8_t { no, pack, garbage } raw_ = Raw::no;  // no packets any more
    bool first_over_ = false;
    std::string first_;
};

}  // namespace gerve
