#include "gerve/cli/site.h"

#include <filesystem>

#include "authz/base/presence.h"
#include "authz/state_directory.h"
#include "authz/store/open_database.h"
#include "gerve/cli/output.h"

namespace gerve {

std::string format_problems(const std::vector<ConfigProblem>& problems) {
    std::string text;
    for (const ConfigProblem& problem : problems) text += (text.empty() ? "" : "\n") + problem.format();
    return text;
}

const Config& Site::config() {
    if (!config_) {
        auto chosen = choose_config({options_.config, options_.state});
        if (!chosen)
            throw Stop{usage_status, "the configuration is wrong\n" + format_problems(chosen.error())};
        config_ = std::move(*chosen);
    }
    return *config_;
}

bool Site::has_state() {
    return config().backend != Backend::sqlite || need(is_there(config().state));
}

std::string Site::state_path() {
    std::error_code error;
    const auto path = std::filesystem::absolute(config().state, error);
    return error ? config().state : path.lexically_normal().string();
}

// In another directory than the server's, the default would be a second state: all would be well here, and
// nobody could log in there.
void Site::create_state() {
    if (has_state()) return;
    if (config().file.empty() && options_.state.empty()) {
        throw Stop{refused_status,
                   "there is no state directory " + state_path() +
                       ": run this where `gerve serve` runs, or give its state directory with --state "
                       "(--state " +
                       config().state + " creates a new one here)"};
    }
    need(make_state_directory(config().state));
    complain("made a new state directory, " + state_path());
}

Database& Site::database() {
    if (!database_) {
        if (!has_state()) {
            throw Stop{refused_status,
                       "there is no state directory " + state_path() +
                           ": give the right one with --state or -c, or start with `gerve serve`"};
        }
        database_ = need_backend(open_for_administration(config()));
    }
    return *database_;
}

Database& Site::serving_database() {
    if (!serving_) serving_ = need_backend(need(choose_database(config(), DatabaseUse::serve))());
    return *serving_;
}

Registry& Site::registry() {
    if (!registry_) registry_.emplace(database());
    return *registry_;
}

}  // namespace gerve
