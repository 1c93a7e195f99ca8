// The lines of an audit trail, for commands that look through it.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "gerve/cli/command.h"
#include "gerve/cli/site.h"

namespace gerve {

using TakeLine = std::function<void(std::string_view)>;

// The configuration, if it has an audit trail. Stops where auditing is off.
[[nodiscard]] const Config& audited(Site& site);

// Of files that are not the trail's own, in the order in which they are named; "-" is standard input. Stops
// where one cannot be read.
void read_trail_files(const std::vector<std::string>& files, const TakeLine& take);

// Of this machine's trail, across its rotated files. With `follow` it never returns, and goes on with what is
// written. Stops where the trail cannot be read.
void read_own_trail(Site& site, bool follow, const TakeLine& take);

// As an option that is given for each file.
[[nodiscard]] Setter word_onto(std::vector<std::string>& list);

}  // namespace gerve
