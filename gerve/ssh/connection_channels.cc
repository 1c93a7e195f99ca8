// The channels of a connection: how they open, what comes on them, and how they go.
#include <libssh/libssh.h>
#include <libssh/server.h>

#include <algorithm>

#include "gerve/ssh/channel.h"
#include "gerve/ssh/connection.h"
#include "gerve/ssh/packet_fields.h"

namespace gerve::ssh {
namespace {

// Packets that answer what arrives behind the end of the last channel: some window adjustments, and CLOSE.
constexpr unsigned most_nudges = 16;

}  // namespace

ssh_channel_struct* Connection::on_channel_open(ssh_session_struct* /*session*/, void* self) {
    return static_cast<Connection*>(self)->accept_channel();
}

ssh_channel_struct* Connection::accept_channel() {
    ++channels_in_all_;
    if (closing_) return nullptr;
    if (channels_.size() >= limits_.max_channels) return nullptr;
    ssh_channel channel = ssh_channel_new(session_);
    if (channel == nullptr) return nullptr;
    channels_.push_back(std::make_shared<Channel>(*this, channel, limits_.max_env_requests));
    unconfirmed_.push_back(channels_.back());
    return channel;
}

asio::awaitable<std::shared_ptr<Channel>> Connection::next_request(Deadline deadline) {
    std::shared_ptr<Channel> channel;
    while (requests_.empty() && !ended() && host_keys_learned_.empty()) {
        const bool in_time = co_await news_.wait(deadline);
        if (!in_time) co_return channel;
    }
    if (!requests_.empty()) {
        channel = std::move(requests_.front());
        requests_.pop_front();
    }
    co_return channel;
}

void Connection::wake_channels() {
    for (const auto& channel : channels_) {
        if (std::exchange(channel->requested_, false)) {
            requests_.push_back(channel);
            news_.notify();
        }
        channel->wake();
    }
}

void Connection::drop_closed_channels() {
    if (session_ == nullptr) return;
    std::vector<std::shared_ptr<Channel>> gone;
    for (auto& channel : channels_) {
        if (channel->gone()) gone.push_back(std::move(channel));
    }
    if (gone.empty()) return;
    last_channel_end_ = std::chrono::steady_clock::now();
    nudges_left_ = most_nudges;
    std::erase(channels_, nullptr);
    const Call call(*this);
    for (const auto& channel : gone) channel->detach();
}

void Connection::detach_channels() {
    closing_ = true;
    const auto channels = std::exchange(channels_, {});
    const Seam::Inside inside(seam_);
    for (const auto& channel : channels) channel->detach();
}

bool Connection::open_channels() const {
    return !channels_.empty();
}

bool Connection::finished_before(Deadline then) const {
    return had_channels() && !open_channels() && !ended() && last_channel_end_ < then && !write_pending();
}

// What is malformed, or of no channel of ours, is ignored, as libssh does.
void Connection::deliver(std::string_view data) {
    FieldReader fields(data);
    const auto number = fields.number();
    const auto bytes = fields.string();
    if (!number || !bytes) return;
    for (const auto& channel : channels_) {
        if (channel->numbers_ && channel->numbers_->ours == *number) return channel->receive(*bytes);
    }
}

// libssh confirms channels in the order in which it opened them.
void Connection::note_confirmation(std::string_view payload) {
    if (unconfirmed_.empty()) return;
    const auto channel = unconfirmed_.front().lock();
    unconfirmed_.pop_front();
    FieldReader fields(payload);
    const auto clients = fields.number();
    const auto ours = fields.number();
    if (channel && clients && ours) channel->numbers_ = Channel::Numbers{.ours = *ours, .clients = *clients};
}

std::uint64_t Connection::open_window_of(const Channel& channel) const {
    return traffic_.window(channel.numbers_->ours) + seam_.unsent_window(channel.numbers_->clients);
}

}  // namespace gerve::ssh
