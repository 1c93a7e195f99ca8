// AuditSink: where what happened is written down, one JSON object a line, numbered without gaps.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "authz/base/fd.h"
#include "authz/model/decision.h"
#include "authz/service/protocol.h"

namespace gerve {

// A key was offered, or a signature by it was verified. `known`: what the directory says of it.
struct KeySeen {
    const KeyRequest& request;
    const std::optional<KnownKey>& known;
};
struct Decided {
    const AuthorizeRequest& request;
    const KnownKey& key;
    const Decision& decision;
};
// `key`: of the session's principal, as far as its handle still tells.
struct SessionEnded {
    const SessionReport& report;
    std::optional<KnownKey> key;
};

// Appends; used by many threads at once. An event that cannot be written is lost with an error in the log.
class AuditSink {
  public:
    // Goes on with the number behind the last line's. Error: internal, naming the file.
    [[nodiscard]] static Result<std::unique_ptr<AuditSink>> open(const std::string& file);
    // Writes nothing, for a question that serves nobody.
    AuditSink() = default;

    void record(const KeySeen& event);  // offered keys are not written yet: a scanner would fill the disk
    void record(const Decided& event);
    void record(const SessionEnded& event);
    // After the file was renamed away (rotation): goes on in a new one under the same name.
    [[nodiscard]] Result<void> reopen();

  private:
    // `fields`: the rest of the object, without its opening brace.
    void append(std::string_view fields);

    std::mutex mutex_;
    std::string path_;
    Fd file_;
    std::uint64_t last_ = 0;
};

}  // namespace gerve
