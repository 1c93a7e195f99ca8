#include "gerve/worker/live_connection.h"

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>

#include "authz/base/clock.h"
#include "authz/base/text.h"
#include "gerve/loop/wait.h"

namespace gerve {
namespace {

using std::chrono::steady_clock;

constexpr std::chrono::milliseconds look_interval{100};
// Whoever does not read is not waited for: what ends has to be over within five seconds, two of which pass
// before anybody notices that it has to.
constexpr std::chrono::milliseconds ending_timeout{2'500};

bool is_quiet(const ssh::Connection& connection) {
    return !connection.had_channels() || connection.finished_before(steady_clock::now() - ssh::time_to_leave);
}

asio::awaitable<void> part(std::shared_ptr<ssh::Connection> connection, LiveEnd why) {
    const auto deadline = steady_clock::now() + ending_timeout;
    while (!connection->ended() && !is_quiet(*connection) && steady_clock::now() < deadline) {
        co_await pause_for(look_interval);
    }
    const auto reason = why == LiveEnd::stopped ? ssh::EndReason::drained : ssh::EndReason::withdrawn;
    if (!connection->ended()) connection->disconnect(reason, std::string(trim(live_end_text(why))));
}

}  // namespace

LiveConnection::LiveConnection(LiveLink& link, asio::io_context& loop,
                               std::shared_ptr<ssh::Connection> connection, LiveEntry entry)
    : loop_(loop), connection_(std::move(connection)), entry_(std::move(entry)), place_(link.enter(*this)) {
    entry_.since = unix_now();
}

void LiveConnection::end(LiveEnd why) {
    if (ended_) return;
    ended_ = why;
    asio::co_spawn(loop_, part(connection_, why), asio::detached);
}

}  // namespace gerve
