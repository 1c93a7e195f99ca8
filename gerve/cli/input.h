// What a command is given to read: a file, or standard input.
#pragma once

#include <string>

namespace gerve {

// "-" is standard input. Stops, naming the remedy, at what is no regular file, cannot be read, or has more
// than `most` bytes.
[[nodiscard]] std::string read_input(const std::string& file, std::size_t most);

}  // namespace gerve
