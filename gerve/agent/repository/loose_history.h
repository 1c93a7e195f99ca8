// The newest part of a history, read without git: a push of few objects leaves each of them in a file of its
// own.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace gerve {

// Whether `ancestor` is found when the history is walked back from `tip` over at most `most` commits that lie
// in files of their own below `objects` (gitrepository-layout(5), "objects/[0-9a-f][0-9a-f]"). False proves
// nothing: commits in packs are not seen. Both are ids of commits in hex. Reads the disk.
[[nodiscard]] bool reaches_over_loose(const std::string& objects, std::string_view tip,
                                      std::string_view ancestor, std::size_t most);

}  // namespace gerve
