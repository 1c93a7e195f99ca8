// One connection of a gateway from its OPEN to its EXIT.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "authz/base/log.h"
#include "authz/model/ticket.h"
#include "gerve/agent/admission/ticket_admission.h"
#include "gerve/agent/disk_call.h"
#include "gerve/agent/hg/hg_session.h"
#include "gerve/agent/lfs/sessions.h"
#include "gerve/agent/relay/gateway_connection.h"
#include "gerve/agent/relay/git_relay.h"
#include "gerve/agent/relay/operation_reader.h"
#include "gerve/agent/repository/push_allowance.h"
#include "gerve/agent/state.h"
#include "gerve/loop/timer.h"
#include "gerve/relay/grv1_report.h"

namespace gerve {

// The other end of a connection.
struct Peer {
    bool unix_socket;
    std::string name;    // for the log
    std::string source;  // for whom its handshake counts; see peer_source
};

// Of a fetch by git://, the address of its client; empty: somebody has logged in.
[[nodiscard]] std::string anonymous_client(const Open& open);

// What the lines of a peer without a ticket are counted for: its address, or "unix".
[[nodiscard]] std::string ration_source(const Peer& peer);

// Why a connection that sent nothing is refused; health checks end so.
constexpr std::string_view ended_before_open = "the connection ended before its OPEN";

// Made by std::make_shared; lives in the event loop of its lane.
class AgentOperation : public std::enable_shared_from_this<AgentOperation> {
  public:
    // The caller has entered the peer's source into the handshakes.
    AgentOperation(Lane& lane, Fd socket, Peer peer);
    ~AgentOperation();
    AgentOperation(const AgentOperation&) = delete;
    AgentOperation& operator=(const AgentOperation&) = delete;

    // The whole operation; ends with the connection closed and no process left. Does not throw.
    [[nodiscard]] asio::awaitable<void> run();

    // Refuses the operation if it has not sent its OPEN yet.
    void drain();

    // Ends what runs, as if the gateway had gone away.
    void end(const std::string& reason);

  private:
    [[nodiscard]] asio::awaitable<void> serve();
    [[nodiscard]] asio::awaitable<Admitted<ReceivedOpen>> receive_open();
    [[nodiscard]] asio::awaitable<bool> receive_start(char* bytes);
    [[nodiscard]] asio::awaitable<bool> answer_ping(std::string_view header);
    [[nodiscard]] Refusal interrupted() const;
    [[nodiscard]] asio::awaitable<std::optional<Refusal>> unwilling();
    [[nodiscard]] asio::awaitable<Admitted<Operation>> admit(const ReceivedOpen& received);
    [[nodiscard]] asio::awaitable<Admitted<Place>> look(const Operation& operation);

    [[nodiscard]] asio::awaitable<void> run_git(const Operation& operation, std::optional<Gate::Turn>& turn);
    [[nodiscard]] asio::awaitable<void> relay_git(const Operation& operation, std::optional<Gate::Turn>& turn,
                                                  GitProcess git);
    [[nodiscard]] asio::awaitable<grv1::Report> find_facts(const Operation& operation, const grv1::Exit& exit,
                                                           const OperationReader& reader);
    [[nodiscard]] asio::awaitable<std::vector<RefChange>> settle(const Operation& operation,
                                                                 std::vector<RefChange> changes);
    [[nodiscard]] asio::awaitable<void> finish_push(const Operation& operation, const PushReader& push);
    [[nodiscard]] asio::awaitable<Admitted<std::optional<PushAllowance>>> find_room(
        const Operation& operation);
    [[nodiscard]] asio::awaitable<grv1::Exit> tell_limit(const Operation& operation, grv1::Exit exit);
    [[nodiscard]] asio::awaitable<void> keep_lost(const Operation& operation, const PushReader& push);
    void tidy_up(const Operation& operation);
    [[nodiscard]] asio::awaitable<grv1::Exit> tell_leftovers(const Operation& operation, grv1::Exit exit);
    [[nodiscard]] asio::awaitable<void> administer(const Operation& operation);
    [[nodiscard]] GitStart lfs_start(const Operation& operation) const;
    [[nodiscard]] Result<GitStart> start_of(const Operation& operation, const GitEnvironment& environment);
    void watch_size(const Operation& operation, Watchers& watchers);
    void join_siblings(const Operation& operation, Watchers& watchers);
    void look_after_siblings(bool lfs);
    void leave_siblings(const Operation& operation, const grv1::Exit& exit);
    [[nodiscard]] asio::awaitable<void> pause(std::chrono::milliseconds time);
    [[nodiscard]] asio::awaitable<void> tell(Refusal refusal);
    [[nodiscard]] asio::awaitable<void> refuse_push(const Operation& operation, std::string problem);
    [[nodiscard]] asio::awaitable<void> deliver(grv1::Exit report, std::string frames);
    [[nodiscard]] asio::awaitable<void> close_politely();
    void leave_handshakes();
    void write_log(log::Level level, std::string_view event, std::span<const log::Field> fields) const;
    void write_log(log::Level level, std::string_view event, std::initializer_list<log::Field> fields) const {
        write_log(level, event, std::span(fields.begin(), fields.size()));
    }
    void log_end(const grv1::Exit& report, bool delivered) const;
    void log_changes() const;

    Lane& lane_;
    std::shared_ptr<const AgentConfig> config_;
    std::shared_ptr<GatewayConnection> connection_;
    std::shared_ptr<GitRelay> relay_;
    Peer peer_;
    std::string stranger_;       // what its lines in the log are counted for; empty: they are not rationed
    std::string request_ = "-";  // hex
    std::string what_;           // "git-upload-pack OWNER/NAME.git"
    Timer deadline_;
    DiskWait disk_;
    Place place_;                       // what was found where the operation runs
    std::optional<Refusal> unwilling_;  // why a PING was not answered
    std::chrono::steady_clock::time_point since_ = std::chrono::steady_clock::now();
    std::string nonce_;  // of the ticket, once it was found to be good
    grv1::Report facts_;
    std::optional<PushAllowance> allowance_;  // of the pack of a push
    hg::Session hg_;                          // of Mercurial, from its start on
    bool over_limit_ = false;                 // it sent more than there was room for
    std::shared_ptr<lfs::Seat> seat_;         // of Git LFS, or of a push that may wait for it
    Timer siblings_;
    bool takes_report_ = false;  // the gateway
    bool delivering_ = false;    // git has ended, and the last frames are sent
    bool awaits_open_ = true;
    bool in_handshakes_ = true;
    bool begun_ = false;  // something of an OPEN came
    bool timed_out_ = false;
};

}  // namespace gerve
