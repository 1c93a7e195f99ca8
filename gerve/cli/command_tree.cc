#include "gerve/cli/command_tree.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <string_view>

namespace gerve {
namespace {

// An option of this command or of one above it, whose options are accepted here as well. Null: there is none.
const CLI::Option* option_of(const CLI::App& app, std::string_view word) {
    const std::string name(word.substr(0, word.find('=')));
    if (const CLI::Option* option = app.get_option_no_throw(name)) return option;
    return app.get_parent() == nullptr ? nullptr : option_of(*app.get_parent(), word);
}

// Whether the next word is its value.
bool value_follows(const CLI::Option* option, std::string_view word) {
    return option != nullptr && option->get_items_expected_max() > 0 &&
           word.find('=') == std::string_view::npos;
}

bool is_option(std::string_view word) {
    return word.size() > 1 && word.front() == '-';
}

void add_options(const CLI::App& app, std::set<std::string>& into) {
    for (const CLI::Option* option : app.get_options()) {
        if (option->get_group().empty()) continue;
        for (const std::string& name : option->get_snames()) into.insert("-" + name);
        for (const std::string& name : option->get_lnames()) into.insert("--" + name);
    }
    if (app.get_parent() != nullptr) add_options(*app.get_parent(), into);
}

// What a line has named so far.
struct Reached {
    const CLI::App* command;
    bool wants_value = false;  // the next word is the value of an option
};

Reached reached_by(const CLI::App& root, std::span<const char* const> words) {
    Reached reached{.command = &root};
    for (const std::string word : words) {
        if (reached.wants_value) {
            reached.wants_value = false;
        } else if (is_option(word)) {
            reached.wants_value = value_follows(option_of(*reached.command, word), word);
        } else if (const CLI::App* below = command_below(*reached.command, word)) {
            const bool names_another = below->get_name() == "help";  // which stands behind it
            if (!names_another) reached.command = below;
        }
    }
    return reached;
}

}  // namespace

std::string full_name(const CLI::App& app) {
    const std::string own = app.get_name();
    return app.get_parent() == nullptr ? own : full_name(*app.get_parent()) + " " + own;
}

std::set<std::string> names_below(const CLI::App& app) {
    std::set<std::string> names;
    for (const CLI::App* one :
         app.get_subcommands([](const CLI::App* sub) { return !sub->get_group().empty(); })) {
        names.insert(one->get_name());
    }
    return names;
}

const CLI::App* command_below(const CLI::App& app, const std::string& name) {
    const auto found = app.get_subcommands(
        [&](const CLI::App* sub) { return !sub->get_group().empty() && sub->get_name() == name; });
    return found.empty() ? nullptr : found.front();
}

std::size_t options_in_front(const CLI::App& app, std::span<const char* const> words) {
    std::size_t count = 0;
    while (count < words.size() && is_option(words[count])) {
        const std::string_view word = words[count];
        const CLI::Option* option = option_of(app, word);
        if (option == nullptr) break;
        count += value_follows(option, word) ? 2 : 1;
    }
    return std::min(count, words.size());
}

std::vector<std::string> completions(const CLI::App& root, std::span<const char* const> words) {
    const std::string_view begun = words.empty() ? "" : words.back();
    const Reached reached = reached_by(root, words.empty() ? words : words.first(words.size() - 1));
    if (reached.wants_value) return {};
    std::set<std::string> names;
    if (begun.starts_with('-'))
        add_options(*reached.command, names);
    else
        names = names_below(*reached.command);
    std::vector<std::string> found;
    std::ranges::copy_if(names, std::back_inserter(found),
                         [&](const std::string& name) { return name.starts_with(begun); });
    return found;
}

}  // namespace gerve
