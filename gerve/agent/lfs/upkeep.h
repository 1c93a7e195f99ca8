// What administrators do with the large files of a repository: look at locks and remove them, remove objects
// that nothing names, check that each object is what its name says.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gerve/agent/lfs/locks.h"
#include "gerve/agent/lfs/objects.h"
#include "gerve/agent/repository/git_place.h"
#include "gerve/agent/repository/leftovers.h"

namespace gerve::lfs {

// What `gerve lfs prune` asks for, as one argument of the order to the agent: "SECONDS", "SECONDS remove".
struct Pruning {
    std::chrono::seconds older_than{0};
    bool removes = false;

    [[nodiscard]] static std::optional<Pruning> parse(std::string_view text);
    [[nodiscard]] std::string text() const;
};

// Every call may block for as long as the disk takes. `root` and `directory` as of open_below. Errors: those
// of open_below; as disk_error; denied (`told` is for the administrator).

// A line "ID SINCE HOLDER-KIND HOLDER NAME PATH" for each lock, by their paths: words without spaces, but for
// the path, which ends the line.
[[nodiscard]] Result<std::string> locks_text(const std::string& root, const std::string& directory);

// Whoever holds it; the line of the lock that it was.
[[nodiscard]] Result<std::string> force_unlock(const std::string& root, const std::string& directory,
                                               const std::string& id);

// The objects that no pointer names (see named_objects), that are older than the bound, and that no running
// session has sent, or found there: a line "COUNT BYTES", and a line "OID BYTES" for each of the first
// max_told. Removes them if it is to, and what dead sessions left; denied while a push is under way, which
// may name any of them.
constexpr std::size_t max_told = 5000;
[[nodiscard]] Result<std::string> prune(const std::string& root, const std::string& directory,
                                        const GitPlace& place, const Pruning& pruning);

// One of the orders above by its name in GRV1: "lfs-locks", "lfs-unlock" (its argument is an id),
// "lfs-prune" (a Pruning); what it tells, as lines. Errors: of each; client (there is no such order).
[[nodiscard]] Result<std::string> carry_out(const std::string& root, const std::string& directory,
                                            const GitPlace& place, std::string_view order,
                                            const std::string& argument);

// Reads every object. Lines as look_for_leftovers has them. With Repair::yes damaged objects are moved to
// lfs/damaged.
[[nodiscard]] Leftovers check_objects(const std::string& root, const std::string& directory, Repair repair);

}  // namespace gerve::lfs
