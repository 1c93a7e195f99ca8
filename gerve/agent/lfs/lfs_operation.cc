// What an operation does for Git LFS: how its session is started, and how it looks after its siblings.
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>

#include "gerve/agent/agent_operation.h"
#include "gerve/agent/lfs/transfer_process.h"

namespace gerve {
namespace {

using namespace std::chrono_literals;

// Between two looks at the other sessions of the client.
constexpr auto siblings_look = 500ms;

// The agent's own program, also when its file was replaced meanwhile.
constexpr const char* own_program = "/proc/self/exe";

asio::awaitable<void> show_life(std::shared_ptr<GatewayConnection> connection) {
    std::string pong = grv1::encode_frame(grv1::FrameType::pong);
    static_cast<void>(co_await connection->send_soon(std::move(pong)));
}

}  // namespace

GitStart AgentOperation::lfs_start(const Operation& operation) const {
    GitStart start;
    start.program = own_program;
    start.name = "gerve-agent";
    start.arguments = lfs::transfer_arguments({operation.service == Service::lfs_upload,
                                               operation.repo.text(), config_->root, operation.directory,
                                               config_->layout, operation.sizes, operation.max_object});
    start.environment = operation.environment.lines();
    start.open_files = lane_.state.open_files;
    return start;
}

// A push takes part because it waits for the sessions that its client's pre-push hook opens.
void AgentOperation::join_siblings(const Operation& operation, Watchers& watchers) {
    const bool lfs = is_lfs(operation.service);
    if (!lfs && operation.service != Service::receive_pack) return;
    seat_ = lane_.state.lfs_sessions.join(operation.account + " " + operation.path,
                                          lfs ? operation.connection : "");
    if (lfs) {
        watchers.input = [seat = seat_](std::string_view bytes) { seat->receive(bytes); };
        watchers.output = [seat = seat_](std::string_view bytes) { seat->send(bytes); };
    }
    look_after_siblings(lfs);
}

void AgentOperation::look_after_siblings(bool lfs) {
    siblings_.arm(siblings_look, [this, lfs] {
        if (!seat_ || !relay_) return;
        if (lfs && seat_->is_left_behind()) return relay_->end_input();
        if (seat_->client_moved()) asio::co_spawn(lane_.loop, show_life(connection_), asio::detached);
        look_after_siblings(lfs);
    });
}

void AgentOperation::leave_siblings(const Operation& operation, const grv1::Exit& exit) {
    siblings_.cancel();
    if (seat_ && is_lfs(operation.service) && exit.code == 0) seat_->quit();
    seat_.reset();
}

}  // namespace gerve
