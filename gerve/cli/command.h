// The tree of subcommands as its commands declare it; what reads a command line (CLI11) stays behind it.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "authz/base/result.h"

namespace CLI {
class App;
}

namespace gerve {

class Site;

// Takes one word of the command line; an error is a wrong usage, told with the name of the argument.
using Setter = std::function<Result<void>(const std::string&)>;

// What a command does once the whole line is understood; returns the exit status, or throws Stop.
using Run = std::function<int(Site&)>;

// Ends a command: the text goes to stderr. Exceptions are at home in this directory and nowhere else: a
// command is a list of steps of which each may be the last.
struct Stop {
    int status;
    std::string text;
};
constexpr int refused_status = 1;
constexpr int usage_status = 2;

// What an administrator is told of a failure: a refusal speaks for itself, of a fault he wants the details.
[[nodiscard]] inline std::string explanation_of(const Error& error) {
    const bool refusal = error.kind == ErrorKind::client || error.kind == ErrorKind::denied;
    return refusal && !error.told.empty() ? error.told : describe(error);
}

// The value of a result, or the end of the command.
template <class T>
T need(Result<T> result) {
    if (!result) throw Stop{refused_status, explanation_of(result.error())};
    if constexpr (!std::is_void_v<T>) return std::move(*result);
}

// A word as it is.
[[nodiscard]] inline Setter word(std::string& into) {
    return [&into](const std::string& text) -> Result<void> {
        into = text;
        return {};
    };
}

// A word as a value of the model, by its parse function.
template <class T, class Parse>
[[nodiscard]] Setter parsed(std::optional<T>& into, Parse parse) {
    return [&into, parse](const std::string& text) -> Result<void> {
        Result<T> value = parse(text);
        if (!value) return pass_on(value);
        into = std::move(*value);
        return {};
    };
}
template <class T>
[[nodiscard]] Setter parsed(std::optional<T>& into) {
    return parsed(into, &T::parse);
}

// Each of several words; see arguments().
template <class T>
[[nodiscard]] Setter all_parsed(std::vector<T>& into) {
    return [&into](const std::string& text) -> Result<void> {
        Result<T> value = T::parse(text);
        if (!value) return pass_on(value);
        into.push_back(std::move(*value));
        return {};
    };
}

// One command or one group of commands. What the setters refer to must live as long as the tree: keep it in
// an object that the Run holds.
class Command {
  public:
    // `purpose`: one line, an imperative sentence with its full stop.
    [[nodiscard]] Command group(const std::string& name, const std::string& purpose);
    [[nodiscard]] Command command(const std::string& name, const std::string& purpose, Run run);

    // A command that changes something: it is recorded in the audit trail (on_record.h).
    [[nodiscard]] Command change(const std::string& name, const std::string& purpose, Run run);
    // A group that does something itself, without a command below it.
    [[nodiscard]] Command group(const std::string& name, const std::string& purpose, Run run);

    Command& argument(const std::string& name, const std::string& purpose, Setter setter);
    Command& optional_argument(const std::string& name, const std::string& purpose, Setter setter);
    Command& optional_arguments(const std::string& name, const std::string& purpose, Setter each);
    Command& arguments(const std::string& name, const std::string& purpose, Setter each);  // one or more
    // `names`: "-t,--title"; `value`: what stands for its value in the help ("TEXT"). May be given repeatedly
    // when `repeated`.
    Command& option(const std::string& names, const std::string& value, const std::string& purpose,
                    Setter setter, bool repeated = false);
    Command& flag(const std::string& names, const std::string& purpose, bool& into);
    Command& json(bool& into);
    Command& csv(bool& into);
    // Not in the help; may be given repeatedly.
    Command& hidden_option(const std::string& name, Setter setter);
    // Of the help's foot: one command a line, and what else is to be said.
    Command& examples(const std::vector<std::string>& lines, const std::string& more = {});
    // Not listed: former names, which keep working, and what the master starts its children by.
    Command& hidden();

  private:
    friend class CommandLine;
    Command(CLI::App& app, Run& chosen) : app_(&app), chosen_(&chosen) {}
    CLI::App* app_;
    Run* chosen_;  // what the line asked for
};

struct GlobalOptions {
    std::string config;
    std::string state;
    std::vector<std::string> words;  // the line, without the program's name
};

// The whole of `gerve`: declare the commands below root(), then run().
class CommandLine {
  public:
    CommandLine();
    ~CommandLine();
    CommandLine(const CommandLine&) = delete;
    CommandLine& operator=(const CommandLine&) = delete;

    [[nodiscard]] Command root();
    // Understands the line and runs what it asks for; returns the exit status. Texts go to stdout and stderr.
    [[nodiscard]] int run(int argc, const char* const* argv);

  private:
    void declare_help();  // help and version, once all others are
    int explain_misuse(const std::string& what, bool something_lacks) const;
    [[nodiscard]] int print_help(std::span<const char* const> words) const;

    GlobalOptions options_;
    Run chosen_;
    std::unique_ptr<CLI::App> app_;
};

}  // namespace gerve
