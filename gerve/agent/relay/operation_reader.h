// Reads along with the streams of one operation, whichever service it is of.
#pragma once

#include <memory>
#include <string>

#include "authz/model/git_command.h"
#include "gerve/agent/protocol/fetch_reader.h"
#include "gerve/agent/protocol/push_reader.h"
#include "gerve/agent/relay/git_relay.h"

namespace gerve {

// Made by std::make_shared.
class OperationReader : public std::enable_shared_from_this<OperationReader> {
  public:
    explicit OperationReader(Service service) : service_(service) {}

    // They keep this reader alive.
    [[nodiscard]] Watchers watchers();

    [[nodiscard]] const PushReader& push() const { return push_; }     // of git-receive-pack
    [[nodiscard]] const FetchReader& fetch() const { return fetch_; }  // of git-upload-pack
    // The end of what git wrote for people, as one line.
    [[nodiscard]] std::string last_words() const;

  private:
    Service service_;
    PushReader push_;
    FetchReader fetch_;
    std::string errors_;  // the end of them
};

}  // namespace gerve
