// Traffic: what a client may still send on each channel, and how much of what it sends is of no use to
// anybody.
#pragma once

#include <cstdint>
#include <string_view>
#include <unordered_map>

#include "gerve/ssh/ending.h"

namespace gerve::ssh {

// Fed with the packets of one connection, both ways, from its login on. It judges by packets, never by time
// or speed: an honest client may send its data byte by byte, and answer each read with a window adjustment.
class Traffic {
  public:
    enum class Verdict {
        serve,
        drop,                // to be ignored: data behind the end of a channel
        window_exceeded,     // more than was granted, or extended data, which no client has a use for
        tiny_packets,        // the client's maximum packet size is not worth serving
        number_given_twice,  // by the client, to two channels that are open
    };

    // Payloads begin behind the message number.
    [[nodiscard]] Verdict receive(std::uint8_t type, std::string_view payload);
    void send(std::uint8_t type, std::string_view payload);

    // Packets that served nothing exceed what is in proportion to the others. `seconds`: the age of the
    // connection.
    [[nodiscard]] bool is_abuse(std::uint64_t seconds) const;
    // What the client may still send on the channel that has this number with us, in bytes.
    [[nodiscard]] std::uint64_t window(std::uint32_t our_number) const {
        const auto channel = channels_.find(our_number);
        return channel == channels_.end() ? 0 : channel->second.window;
    }
    [[nodiscard]] std::uint64_t data_sent() const { return data_sent_; }  // bytes, of all channels

  private:
    struct Channel {
        std::uint32_t client_number = 0;
        std::uint64_t window = 0;       // what the client may still send
        std::uint64_t sent = 0;         // bytes of ours
        std::uint64_t adjusted = 0;     // by the client, in all
        std::uint64_t sent_before = 0;  // of ours, when the client adjusted last
        bool asked = false;             // for something to be run
        bool ended = false;             // by the client's EOF
        bool closed_by_client = false;
        bool closed_by_us = false;
    };

    Verdict receive_data(std::string_view payload);
    Verdict receive_request(std::string_view payload);
    void receive_adjustment(std::string_view payload);
    void receive_end(std::uint8_t type, std::string_view payload);
    void waste(std::string_view payload, unsigned weight = 1);
    [[nodiscard]] Channel* find(std::string_view payload);          // by our number, at its front
    [[nodiscard]] Channel* find_sent_to(std::string_view payload);  // by the client's
    void forget_closed(std::uint32_t our_number);

    std::unordered_map<std::uint32_t, Channel> channels_;           // by our number
    std::unordered_map<std::uint32_t, std::uint32_t> our_numbers_;  // by the client's
    bool wants_tiny_packets_ = false;
    bool number_given_twice_ = false;
    std::uint64_t useless_ = 0;
    std::uint64_t earned_ = 0;
    std::uint64_t data_sent_ = 0;
};

}  // namespace gerve::ssh
