// The commands of a CLI11 tree by their names, and completion of a line. Commands of the group "" are
// internal.
#pragma once

#include <set>
#include <span>
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace gerve {

// "gerve key add"
[[nodiscard]] std::string full_name(const CLI::App& app);

[[nodiscard]] std::set<std::string> names_below(const CLI::App& app);

// Null: there is no such command, or it is internal.
[[nodiscard]] const CLI::App* command_below(const CLI::App& app, const std::string& name);

// How many of the leading words are options of `app` and their values.
[[nodiscard]] std::size_t options_in_front(const CLI::App& app, std::span<const char* const> words);

// What the last of `words` may be completed to, sorted: commands or, behind a dash, options. `words` is a
// command line up to the cursor, without the program's name. Empty where a value or an argument is expected:
// the shell then offers files.
[[nodiscard]] std::vector<std::string> completions(const CLI::App& root, std::span<const char* const> words);

}  // namespace gerve
