// LiveConnection: an SSH connection on which somebody is logged in, as authz hears of it and may end it.
#pragma once

#include <asio/io_context.hpp>
#include <memory>
#include <optional>

#include "gerve/relay/live_link.h"
#include "gerve/ssh/connection.h"

namespace gerve {

class LiveConnection final : public LiveSubject {
  public:
    // `link` outlives it. `entry` is what authz is told, but for the time.
    LiveConnection(LiveLink& link, asio::io_context& loop, std::shared_ptr<ssh::Connection> connection,
                   LiveEntry entry);

    [[nodiscard]] LiveEntry describe() const override { return entry_; }
    // Its operations are ended by orders of their own: they get the time for a last word, and the client the
    // time to read it.
    void end(LiveEnd why) override;
    // Nothing new is served on it from then on.
    [[nodiscard]] const std::optional<LiveEnd>& ended() const { return ended_; }

  private:
    asio::io_context& loop_;
    std::shared_ptr<ssh::Connection> connection_;
    LiveEntry entry_;
    std::optional<LiveEnd> ended_;
    LiveLink::Place place_;
};

}  // namespace gerve
