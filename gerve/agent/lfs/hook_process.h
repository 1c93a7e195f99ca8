// The agent's program as a hook of receive-pack: it becomes the repository's own hook of that name, and
// before the first of them, pre-receive, it looks for the objects that a push needs.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace gerve::lfs {

// Whether git has started this program as one of hook_names.
[[nodiscard]] bool is_hook(std::string_view program);

// The whole life of the process. Returns its exit status, unless the repository's own hook takes its place.
// `program`: the first word of its command line; `words`: the others. Runs git in the quarantine of the push
// (git-receive-pack(1), "Quarantine environment"), where it has been started.
[[nodiscard]] int run_hook(std::string_view program, const std::vector<std::string>& words);

}  // namespace gerve::lfs
