// The commands of a CLI11 tree by their names. Commands of the group "" are neither listed nor promised.
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

// Null: no command of that name is promised.
[[nodiscard]] const CLI::App* command_below(const CLI::App& app, const std::string& name);

// How many of the words in front are options of `app`, with their values; at most all.
[[nodiscard]] std::size_t options_in_front(const CLI::App& app, std::span<const char* const> words);

// What a shell offers for the last of `words` (a line without the program's name, up to the cursor), sorted:
// commands, or options behind a dash. Empty where a value or an argument is expected: the shell then offers
// files.
[[nodiscard]] std::vector<std::string> completions(const CLI::App& root, std::span<const char* const> words);

}  // namespace gerve
