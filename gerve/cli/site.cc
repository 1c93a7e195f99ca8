#include "gerve/cli/site.h"

#include "authz/base/presence.h"
#include "authz/store/open_database.h"
#include "gerve/server/state_directory.h"

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

void Site::create_state() {
    if (config().directory_backend == "sqlite") need(make_state_directory(config().state));
}

Database& Site::database() {
    if (!database_) {
        if (config().directory_backend == "sqlite" && !need(is_there(config().state))) {
            throw Stop{refused_status,
                       "there is no state directory " + config().state +
                           "; name the right one with --state or -c, or begin with `gerve user add`"};
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
