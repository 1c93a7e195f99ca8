// One session of git-lfs: the SSH protocol of git-lfs (docs/proposals/ssh_adapter.md there) over two streams,
// on one repository.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "gerve/agent/lfs/locks.h"
#include "gerve/agent/lfs/objects.h"
#include "gerve/agent/lfs/packets.h"
#include "gerve/agent/lfs/places.h"
#include "gerve/agent/lfs/request.h"
#include "gerve/agent/lfs/room.h"

namespace gerve::lfs {

struct TransferTerms {
    bool uploads = false;          // the client may write: objects and locks
    std::uint64_t max_object = 0;  // bytes; 0: no limit
    LockHolder holder;             // who it is
    std::string repo;              // OWNER/NAME
};

// Blocks for as long as its client and the disk take; a process of its own runs it.
class Transfer {
  public:
    Transfer(TransferTerms terms, Places places, Room room, ByteSource in, ByteSink out);

    // Until the client quits, or its stream ends. Error: client (what it sent is not the protocol),
    // unavailable (it is gone, or an object broke off on the disk).
    enum class End { quit, stream_ended };
    [[nodiscard]] Result<End> run();

  private:
    using Answer = Result<void>;  // an error ends the session
    struct Row {
        std::string_view command;
        bool writes;
        Answer (Transfer::*answer)(const Request&);
    };

    [[nodiscard]] Answer serve(const Request& request);
    [[nodiscard]] Answer take_version(const Request& request);
    [[nodiscard]] Answer batch(const Request& request);
    [[nodiscard]] Answer get_object(const Request& request);
    [[nodiscard]] Answer put_object(const Request& request);
    [[nodiscard]] Answer verify_object(const Request& request);
    [[nodiscard]] Answer lock(const Request& request);
    [[nodiscard]] Answer unlock(const Request& request);
    [[nodiscard]] Answer list(const Request& request);

    [[nodiscard]] Result<std::vector<std::string>> actions(const std::vector<std::string>& lines);
    [[nodiscard]] Result<void> may_come(const std::vector<SizedOid>& missing);
    [[nodiscard]] Result<void> fits(const SizedOid& object) const;
    [[nodiscard]] Answer send_object(const StoredObject& object);
    [[nodiscard]] Result<IncomingObject> begin(const SizedOid& object) const;
    [[nodiscard]] Result<void> receive(const SizedOid& object, Result<void>& body);
    [[nodiscard]] Answer drop_body(const Request& request);
    [[nodiscard]] Answer say(int status, std::string_view text);
    [[nodiscard]] Answer say(const Error& error);
    [[nodiscard]] Answer sent();
    void status(int number);
    void describe(const Lock& lock);
    [[nodiscard]] LockPage page_of(const Request& request, std::size_t most) const;

    TransferTerms terms_;
    Places places_;
    Room room_;
    PacketReader in_;
    PacketWriter out_;
    std::optional<AsideFile> running_;  // says since when this session has run; see prune
    bool has_version_ = false;
};

}  // namespace gerve::lfs
