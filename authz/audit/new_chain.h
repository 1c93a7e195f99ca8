// Beginning a trail's chain anew, on record, when the key of the former one is gone.
#pragma once

#include <string>

#include "authz/audit/trail.h"

namespace gerve {

// Renames FILE to FILE-TIME, so that the next event begins a chain in a new FILE and says behind which event
// of the former chain; makes the key unless another one is there. A writer that runs goes on in the new
// chain. Returns the name that FILE has now; empty when there was no FILE. Errors: client (the key is there
// and fits; there is no trail), internal.
[[nodiscard]] Result<std::string> begin_new_chain(const TrailSettings& settings);

}  // namespace gerve
