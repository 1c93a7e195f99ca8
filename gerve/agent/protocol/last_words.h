// The end of what git wrote for people, for the log and the record of an operation that failed.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace gerve {

constexpr std::size_t max_last_words = 512;  // bytes

// Keeps the last max_last_words bytes of a stream.
void keep_last_words(std::string& kept, std::string_view more);

// As one line: the last lines, without progress (what a carriage return overwrites), joined by "; ".
[[nodiscard]] std::string last_lines(std::string_view kept);

}  // namespace gerve
