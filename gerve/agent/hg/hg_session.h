// A session of Mercurial's client: `hg serve --stdio`, which writes only for principals that may write.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "authz/base/fd.h"
#include "authz/base/result.h"
#include "authz/model/operation_facts.h"
#include "gerve/agent/admission/ticket_admission.h"
#include "gerve/agent/repository/git_process.h"

namespace gerve::hg {

// How one is started, and where it notes what it writes.
struct Session {
    GitStart start;
    std::shared_ptr<const Fd> notes;  // a file without a name; null: it may not write
};

// Bytes: a push that has less room than this is not begun, and a client may send as many beside what it
// pushes.
constexpr std::uint64_t least_room = 1 << 20;

// With Service::hg_read, and where there is a `refusal`, hg gets hooks that refuse every write with that
// text. Error: unavailable (memory or descriptors are short).
[[nodiscard]] Result<Session> make_session(const std::string& hg, const Operation& operation,
                                           std::string_view refusal);

// Whether hg has begun a command that writes, finished or not; true, too, if that is not known.
[[nodiscard]] bool has_written(const Fd& notes);

// What the session wrote, in the order of its transactions: "bookmarks/NAME", and "changesets" (the new id is
// that of the last new one) or "phases" (both ids are the tip's). Each was taken.
[[nodiscard]] std::vector<RefChange> read_notes(const Session& session);

}  // namespace gerve::hg
