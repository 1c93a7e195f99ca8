#include "gerve/ssh/traffic.h"

#include "gerve/ssh/packet_fields.h"

namespace gerve::ssh {
namespace {

constexpr std::uint32_t least_packet = 512;  // bytes, that a client may set as its maximum

// A packet that serves nothing is allowed for each that does, for each KB sent, and ten times a second; and
// these on top, so that a connection may begin with them.
constexpr std::uint64_t allowance = 4'000;
constexpr std::uint64_t per_second = 10;
constexpr std::uint64_t sent_bytes_each = 1'024;
constexpr std::uint64_t per_command = 16;  // opening, environment, request, end and close

// Large ones count for more, and an exchange of keys for what it costs.
constexpr std::size_t bytes_each = 4'096;
constexpr unsigned key_exchange_weight = 10;

}  // namespace

Traffic::Verdict Traffic::receive(std::uint8_t type, std::string_view payload) {
    if (number_given_twice_) return Verdict::number_given_twice;
    switch (type) {
        case message::channel_data: return receive_data(payload);
        case message::channel_extended_data: return Verdict::window_exceeded;
        case message::channel_window_adjust: receive_adjustment(payload); break;
        case message::channel_eof:
        case message::channel_close: receive_end(type, payload); break;
        case message::channel_request: return receive_request(payload);
        case message::channel_open: {
            waste(payload);
            FieldReader fields(payload);
            const bool whole = fields.string() && fields.number() && fields.number();
            const auto packet = fields.number();
            if (whole && packet && *packet < least_packet) wants_tiny_packets_ = true;
            break;
        }
        case message::kexinit: waste(payload, key_exchange_weight); break;
        default: waste(payload);
    }
    return Verdict::serve;
}

// The kinds of packet that do not come here are counted by the answer that they get.
void Traffic::send(std::uint8_t type, std::string_view payload) {
    FieldReader fields(payload);
    const auto recipient = fields.number();
    if (type == message::unimplemented) return waste({});
    if (type == message::channel_open_confirmation) {
        const auto ours = fields.number();
        const auto window = fields.number();
        if (!recipient || !ours || !window) return;
        channels_[*ours] = Channel{.client_number = *recipient, .window = *window};
        if (!our_numbers_.emplace(*recipient, *ours).second) number_given_twice_ = true;
        return;
    }
    const bool data = type == message::channel_data || type == message::channel_extended_data;
    const std::size_t header = type == message::channel_data ? 8 : 12;
    const std::size_t size = data ? payload.size() - std::min(payload.size(), header) : 0;
    data_sent_ += size;
    Channel* channel = type >= message::channel_window_adjust ? find_sent_to(payload) : nullptr;
    if (channel == nullptr) return;
    channel->sent += size;
    if (type == message::channel_window_adjust) {
        channel->window += fields.number().value_or(0);
    } else if (type == message::channel_close) {
        channel->closed_by_us = true;
        forget_closed(our_numbers_[*recipient]);
    }
}

Traffic::Verdict Traffic::receive_data(std::string_view payload) {
    Channel* channel = find(payload);
    const std::size_t size = payload.size() - std::min<std::size_t>(payload.size(), 8);
    if (channel == nullptr || size == 0) {
        waste(payload);
        return Verdict::serve;
    }
    if (channel->ended || channel->closed_by_client) {
        waste(payload);
        return Verdict::drop;
    }
    if (size > channel->window) return Verdict::window_exceeded;
    channel->window -= size;
    // It was on its way: nobody is left to read it, and libssh would keep it until the client closes.
    if (channel->closed_by_us) return Verdict::drop;
    ++earned_;
    return Verdict::serve;
}

Traffic::Verdict Traffic::receive_request(std::string_view payload) {
    Channel* channel = find(payload);
    FieldReader fields(payload);
    (void)fields.number();
    const auto what = fields.string();
    waste(payload);
    const bool command = what == "exec" || what == "shell";
    if (command && wants_tiny_packets_) return Verdict::tiny_packets;
    if (channel == nullptr || channel->asked || !command) return Verdict::serve;
    channel->asked = true;
    earned_ += per_command;
    return Verdict::serve;
}

// Of use while it gives back what we sent, or comes behind something that we sent: how much of a window a
// client opens at a time, and whether it opens more than it has read, is up to it.
void Traffic::receive_adjustment(std::string_view payload) {
    Channel* channel = find(payload);
    FieldReader fields(payload);
    (void)fields.number();
    const std::uint32_t bytes = fields.number().value_or(0);
    if (channel == nullptr || bytes == 0 || channel->closed_by_us) return waste(payload);
    const bool behind_data = channel->sent > channel->sent_before;
    channel->sent_before = channel->sent;
    channel->adjusted += bytes;
    if (!behind_data && channel->adjusted > channel->sent) waste(payload);
}

void Traffic::receive_end(std::uint8_t type, std::string_view payload) {
    Channel* channel = find(payload);
    waste(payload);
    if (channel == nullptr) return;
    channel->ended = true;
    if (type != message::channel_close) return;
    channel->closed_by_client = true;
    forget_closed(*FieldReader(payload).number());
}

void Traffic::waste(std::string_view payload, unsigned weight) {
    useless_ += weight + payload.size() / bytes_each;
}

Traffic::Channel* Traffic::find(std::string_view payload) {
    const auto number = FieldReader(payload).number();
    const auto channel = number ? channels_.find(*number) : channels_.end();
    return channel == channels_.end() ? nullptr : &channel->second;
}

Traffic::Channel* Traffic::find_sent_to(std::string_view payload) {
    const auto number = FieldReader(payload).number();
    const auto ours = number ? our_numbers_.find(*number) : our_numbers_.end();
    const auto channel = ours == our_numbers_.end() ? channels_.end() : channels_.find(ours->second);
    return channel == channels_.end() ? nullptr : &channel->second;
}

void Traffic::forget_closed(std::uint32_t our_number) {
    const auto channel = channels_.find(our_number);
    if (channel == channels_.end()) return;
    if (!channel->second.closed_by_client || !channel->second.closed_by_us) return;
    const auto ours = our_numbers_.find(channel->second.client_number);
    if (ours != our_numbers_.end() && ours->second == our_number) our_numbers_.erase(ours);
    channels_.erase(channel);
}

bool Traffic::is_abuse(std::uint64_t seconds) const {
    return useless_ > allowance + earned_ + data_sent_ / sent_bytes_each + per_second * seconds;
}

}  // namespace gerve::ssh
