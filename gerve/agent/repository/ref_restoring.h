// Restoring a ref to what it pointed to before it was deleted or forced.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "authz/base/result.h"
#include "gerve/agent/repository/git_place.h"

namespace gerve {

struct RefRestoring {
    std::string ref;     // the full name
    std::string object;  // its id, or the first digits of it
};

// Whether a ref may be restored: a full name, and not that of one of Gerve's own. git judges the rest of it
// (git-check-ref-format(1)).
[[nodiscard]] bool is_restorable(std::string_view ref);

// Whether it can be an object id, or four or more digits of one.
[[nodiscard]] bool may_be_object(std::string_view text);

struct RestoredRef {
    std::string object;
    std::string before;  // what the ref pointed to; the zero id: there was no such ref

    // "OBJECT BEFORE". Error: client.
    [[nodiscard]] static Result<RestoredRef> parse(std::string_view text);
    [[nodiscard]] std::string text() const { return object + " " + before; }
};

// What the ref pointed to before is kept for `keep_lost`. Runs git. Errors: denied (told: no object has that
// id, more than one has, or the ref cannot point to it), internal, unavailable.
[[nodiscard]] Result<RestoredRef> restore_ref(const GitPlace& place, const RefRestoring& restoring,
                                              std::chrono::days keep_lost);

}  // namespace gerve
