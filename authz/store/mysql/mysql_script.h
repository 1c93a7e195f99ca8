// Cuts an SQL script into its statements, since the client library takes one at a time.
#pragma once

#include <string_view>
#include <vector>

namespace gerve {

// A statement ends with a ';' at the end of a line (spaces and a comment may follow), or with the text. Lines
// that are comments and nothing else stay within; pieces that hold nothing more are left out.
[[nodiscard]] std::vector<std::string_view> split_script(std::string_view sql);

}  // namespace gerve
