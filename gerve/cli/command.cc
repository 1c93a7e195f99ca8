#include "gerve/cli/command.h"

#include <CLI/CLI.hpp>
#include <cstdio>
#include <set>

#include "authz/base/display.h"
#include "authz/base/version.h"
#include "gerve/cli/command_tree.h"
#include "gerve/cli/on_record.h"
#include "gerve/cli/output.h"
#include "gerve/cli/site.h"
#include "gerve/cli/suggestion.h"
#include "gerve/ssh/server_identity.h"

namespace gerve {
namespace {

constexpr std::size_t help_column = 26;

// What packaging/completion/gerve puts in front of a line to be completed.
constexpr std::string_view completion_word = "--complete";

// CLI11's layout in our words.
class Help final : public CLI::Formatter {
  public:
    Help() {
        column_width(help_column);
        label("Positionals", "Arguments");
        label("SUBCOMMAND", "COMMAND");
    }
    std::string make_description(const CLI::App* app) const override {
        return app->get_description() + "\n\n";
    }
    std::string make_help(const CLI::App* app, std::string name, CLI::AppFormatMode mode) const override {
        std::string text = Formatter::make_help(app, std::move(name), mode);
        // Groups that show nothing leave an empty line.
        for (auto at = text.find("\n\n\n"); at != std::string::npos; at = text.find("\n\n\n"))
            text.erase(at, 1);
        return text;
    }
    std::string make_option_opts(const CLI::Option* option) const override {
        return option->get_type_name().empty() ? "" : " " + option->get_type_name();
    }
    std::string make_option_name(const CLI::Option* option, bool positional) const override {
        std::string name = option->get_name(positional, true);
        if (const auto comma = name.find(','); comma != std::string::npos) name.insert(comma + 1, " ");
        return name;
    }
};

// Each word that the option got goes through the setter; `shown` names it when one is wrong.
CLI::Option& add_option(CLI::App& app, const std::string& names, const std::string& shown,
                        const std::string& purpose, Setter setter) {
    const auto take = [shown, setter = std::move(setter)](const CLI::results_t& words) {
        for (const std::string& text : words) {
            const auto set = setter(text);
            if (!set) throw CLI::ValidationError(shown, describe(set.error()));
        }
        return true;
    };
    CLI::Option* option = app.add_option(names, take, purpose);
    option->type_name("");
    return *option;
}

const CLI::App& deepest(const CLI::App& app) {
    const auto chosen = app.get_subcommands();
    return chosen.empty() ? app : deepest(*chosen.front());
}

// "deploy-key revoke" is "key revoke".
const CLI::App* related_group(const CLI::App& app) {
    const std::string name = app.get_name();
    const auto dash = name.rfind('-');
    if (app.get_parent() == nullptr || dash == std::string::npos) return nullptr;
    return command_below(*app.get_parent(), name.substr(dash + 1));
}

std::string no_such_command(const CLI::App& at, const std::string& word) {
    const std::string told =
        "'" + full_name(at) + "' has no command '" + std::string(utf8_prefix(word, 40)) + "'";
    if (const auto similar = suggest_command(word, names_below(at)))
        return told + "; did you mean '" + *similar + "'?";
    const CLI::App* related = related_group(at);
    if (related == nullptr) return told;
    const auto similar = names_below(*related).contains(word) ? std::optional(word)
                                                              : suggest_command(word, names_below(*related));
    return similar ? told + "; did you mean '" + full_name(*related) + " " + *similar + "'?" : told;
}

}  // namespace

Command Command::group(const std::string& name, const std::string& purpose) {
    CLI::App* app = app_->add_subcommand(name, purpose)->group("Commands");
    app->require_subcommand(1);
    return Command(*app, *chosen_);
}

Command Command::command(const std::string& name, const std::string& purpose, Run run) {
    CLI::App* app = app_->add_subcommand(name, purpose)->group("Commands");
    app->final_callback([chosen = chosen_, run = std::move(run)] { *chosen = run; });
    return Command(*app, *chosen_);
}

Command Command::change(const std::string& name, const std::string& purpose, Run run) {
    const std::string group = full_name(*app_);
    const auto space = group.find(' ');  // behind the program's own name
    const std::string full = (space == std::string::npos ? "" : group.substr(space + 1) + " ") + name;
    return command(name, purpose,
                   [full, run = std::move(run)](Site& site) { return run_on_record(site, full, run); });
}

Command Command::group(const std::string& name, const std::string& purpose, Run run) {
    CLI::App* app = app_->add_subcommand(name, purpose)->group("Commands");
    app->require_subcommand(0, 1);
    app->final_callback([app, chosen = chosen_, run = std::move(run)] {
        if (app->get_subcommands().empty()) *chosen = run;
    });
    return Command(*app, *chosen_);
}

Command& Command::argument(const std::string& name, const std::string& purpose, Setter setter) {
    add_option(*app_, name, name, purpose, std::move(setter)).required();
    return *this;
}

Command& Command::optional_argument(const std::string& name, const std::string& purpose, Setter setter) {
    add_option(*app_, name, name, purpose, std::move(setter));
    return *this;
}

Command& Command::optional_arguments(const std::string& name, const std::string& purpose, Setter each) {
    add_option(*app_, name, name, purpose, std::move(each)).expected(0, 64)->allow_extra_args();
    return *this;
}

Command& Command::arguments(const std::string& name, const std::string& purpose, Setter each) {
    add_option(*app_, name, name, purpose, std::move(each)).required()->expected(1, 64)->allow_extra_args();
    return *this;
}

Command& Command::option(const std::string& names, const std::string& value, const std::string& purpose,
                         Setter setter, bool repeated) {
    const std::string shown = names.substr(names.rfind(',') + 1);
    CLI::Option& option = add_option(*app_, names, shown, purpose, std::move(setter));
    option.type_name(value);
    if (repeated) option.take_all();
    return *this;
}

Command& Command::flag(const std::string& names, const std::string& purpose, bool& into) {
    app_->add_flag(names, into, purpose);
    return *this;
}

Command& Command::hidden_option(const std::string& name, Setter setter) {
    add_option(*app_, name, name, "", std::move(setter)).take_all()->group("");
    return *this;
}

Command& Command::json(bool& into) {
    return flag("--json", "Print JSON", into);
}

Command& Command::csv(bool& into) {
    return flag("--csv", "Print CSV (RFC 4180)", into);
}

Command& Command::examples(const std::vector<std::string>& lines, const std::string& more) {
    std::string text = "Examples:";
    for (const std::string& line : lines) text += "\n  " + line;
    app_->footer(more.empty() ? text : text + "\n\n" + more);
    return *this;
}

Command& Command::hidden() {
    app_->group("");
    return *this;
}

CommandLine::CommandLine()
    : app_(std::make_unique<CLI::App>("Gerve: the SSH front door of a git host.", "gerve")) {
    app_->formatter(std::make_shared<Help>());
    app_->set_help_flag("-h,--help", "Print this help");
    app_->set_version_flag("--version",
                           "gerve " + std::string(version()) + " (commit " + std::string(commit()) +
                               ", libssh " + ssh::library_version() + ")",
                           "Print the version, the commit, and the version of libssh");
    app_->fallthrough();  // the two below are understood behind a subcommand, too
    app_->require_subcommand(1);
    Command root(*app_, chosen_);
    root.option("-c,--config", "FILE",
                "Configuration file; default: $GERVE_CONFIG, else /etc/gerve/gerve.toml if it exists",
                word(options_.config));
    root.option("--state", "DIR", "State directory; default: from the configuration file, else ./gerve-state",
                word(options_.state));
}

CommandLine::~CommandLine() = default;

Command CommandLine::root() {
    return Command(*app_, chosen_);
}

int CommandLine::explain_misuse(const std::string& what, bool something_lacks) const {
    const CLI::App& at = deepest(*app_);
    std::string text = what;
    // Some commands have both options and commands below them: what is wrong may be an option's value.
    const bool wants_command = something_lacks && at.get_require_subcommand_min() > 0;
    const std::set<std::string> commands = names_below(at);
    const std::vector<std::string> left = app_->remaining(true);
    if (!left.empty() && left.front().size() > 1 && left.front().starts_with('-')) {
        text = "'" + full_name(at) + "' has no option '" + std::string(utf8_prefix(left.front(), 40)) + "'";
    } else if (!commands.empty() && !left.empty()) {
        text = no_such_command(at, left.front());
    } else if (wants_command) {
        text = "'" + full_name(at) + "' needs a command:";
        for (const std::string& name : commands) text += " " + name;
    }
    complain(text + "\nSee: " + full_name(at) + " --help");
    return usage_status;
}

// `words`: of a command, as behind `gerve help`.
int CommandLine::print_help(std::span<const char* const> words) const {
    const CLI::App* app = app_.get();
    std::string above;
    for (const char* word : words) {
        if (*word == '-') break;  // --help, or where an installation is
        const CLI::App* next = command_below(*app, word);
        if (next == nullptr) {
            complain(no_such_command(*app, word) + "\nSee: " + full_name(*app) + " --help");
            return usage_status;
        }
        above = full_name(*app);
        app = next;
    }
    std::fputs(app->help(above).c_str(), stdout);
    return 0;
}

void CommandLine::declare_help() {
    Command root(*app_, chosen_);
    // Understood by run(), since its words are names of commands.
    root.command("help", "Print help on a command.", [](Site&) { return 0; })
        .optional_arguments("COMMAND", "The words of the command, e.g. key add",
                            [](const std::string&) { return Result<void>(); });
    (void)root.command("version", "Print the version, as --version does.", [this](Site&) {
        std::puts(app_->version().c_str());
        return 0;
    });
}

int CommandLine::run(int argc, const char* const* argv) {
    declare_help();  // behind all others
    if (argc < 2) {
        std::fputs(app_->help().c_str(), stderr);
        return usage_status;
    }
    const std::span<const char* const> words(argv + 1, argv + argc);
    if (words.front() == completion_word) {
        for (const std::string& one : completions(*app_, words.subspan(1))) std::puts(one.c_str());
        return 0;
    }
    const auto behind = words.subspan(options_in_front(*app_, words));
    if (!behind.empty() && std::string_view(behind.front()) == "help") return print_help(behind.subspan(1));
    try {
        app_->parse(argc, argv);
    } catch (const CLI::Success& asked) {  // --help, --version
        return app_->exit(asked);
    } catch (const CLI::RequiredError& error) {
        return explain_misuse(error.what(), true);
    } catch (const CLI::ParseError& error) {
        return explain_misuse(error.what(), false);
    }
    try {
        options_.words.assign(argv + 1, argv + argc);
        Site site(options_);
        return chosen_(site);
    } catch (const Stop& stop) {
        complain(stop.text);
        return stop.status;
    }
}

}  // namespace gerve
