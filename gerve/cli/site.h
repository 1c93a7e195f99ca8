// What a command works on: the configuration that its line chose, and the directory behind it.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "authz/audit/json_members.h"
#include "authz/config.h"
#include "authz/store/registry.h"
#include "gerve/cli/command.h"

namespace gerve {

class Site {
  public:
    explicit Site(GlobalOptions options) : options_(std::move(options)) {}

    [[nodiscard]] const GlobalOptions& options() const { return options_; }

    // Loaded at the first call. Stops with status 2, telling every problem.
    [[nodiscard]] const Config& config();

    // Opened at the first call. A state directory that is not there is refused: a look into the wrong place
    // should not make an empty one. create_state() comes before it where one is meant to be made.
    [[nodiscard]] Database& database();
    [[nodiscard]] Registry& registry();
    // As the gateway sees it, with the statements of [directory.mysql.queries]. Opened at the first call.
    [[nodiscard]] Database& serving_database();
    // What a command that is recorded changes, for its event: users, keys and repositories by the names that
    // other events give them, and "before" and "after".
    [[nodiscard]] JsonMembers& details() { return details_; }
    [[nodiscard]] std::string take_details() { return std::exchange(details_, {}).take_object(); }
    // For a command that makes many changes: each gets an event of its own with these details. To be noted
    // once they are made, and then recorded at once; a stop, if they cannot be.
    void note_change(JsonMembers details) { changes_.push_back(details.take_object()); }
    void record_changes() { record_(std::exchange(changes_, {})); }
    void on_record(std::function<void(std::vector<std::string>)> record) { record_ = std::move(record); }

    // Nothing to do unless the directory is in SQLite. Says that it makes one; stops where only the default
    // names it, which depends on where the command is run.
    void create_state();

  private:
    [[nodiscard]] bool has_state();
    [[nodiscard]] std::string state_path();  // from the root on

    GlobalOptions options_;
    std::optional<Config> config_;
    std::unique_ptr<Database> database_;
    std::unique_ptr<Database> serving_;
    std::optional<Registry> registry_;
    JsonMembers details_;
    std::vector<std::string> changes_;
    std::function<void(std::vector<std::string>)> record_;
};

// need() for what reaches a database or Redis: where one is out of reach, names the command that knows a
// remedy.
template <class T>
T need_backend(Result<T> result) {
    if (!result && result.error().kind == ErrorKind::unavailable) {
        throw Stop{refused_status,
                   describe(result.error()) + "\n`gerve check` reports what is wrong and how to fix it"};
    }
    return need(std::move(result));
}

// "FILE:LINE:COLUMN: TEXT" and the rest of each, for stderr.
[[nodiscard]] std::string format_problems(const std::vector<ConfigProblem>& problems);

}  // namespace gerve
