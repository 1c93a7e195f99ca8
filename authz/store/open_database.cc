#include "authz/store/open_database.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>

#include "authz/base/fd.h"
#include "authz/state_directory.h"
#include "authz/store/forge_schema.h"
#include "authz/store/mysql/mysql_access.h"
#include "authz/store/queries.h"
#include "authz/store/schema.h"
#include "authz/store/sqlite/sqlite.h"

namespace gerve {
namespace {

// A reader of a write-ahead file waits for next to nothing; a caller of authz would not wait longer anyway.
constexpr std::chrono::milliseconds serving_patience{200};
constexpr std::chrono::milliseconds command_patience{5000};
constexpr std::chrono::seconds recording_patience{5};

Result<std::shared_ptr<const ForgeTables>> load_forge_tables(const ForgeConfig& config) {
    const auto rules = load_forge_rules(config);
    if (!rules) return pass_on(rules);
    std::optional<Route> route;
    if (auto server = ServerName::parse(config.server)) {
        route = Route{std::move(*server), {}};
        for (const std::string& text : config.endpoints) {
            auto endpoint = Endpoint::parse(text);
            if (!endpoint) return pass_on(endpoint);
            route->endpoints.push_back(std::move(*endpoint));
        }
    }
    return std::make_shared<const ForgeTables>(*rules, std::move(route));
}

Result<Connect> choose_mysql(const Config& config, DatabaseUse use) {
    const bool serves = use == DatabaseUse::serve;
    const bool administers = use == DatabaseUse::administer;
    const auto account = administers ? MysqlAccount::administrative : MysqlAccount::serving;
    auto access = load_mysql_access(config.mysql, account);
    if (!access) return pass_on(access);
    if (serves) {
        access->connect_timeout = std::chrono::seconds(1);
        access->io_timeout = std::chrono::seconds(1);
        // Before authz gives up: a statement that the server stops leaves the connection well.
        access->statement_timeout = config.authz.deadline * 3 / 4;
    }
    if (use == DatabaseUse::record) {
        access->connect_timeout = std::chrono::seconds(1);
        access->io_timeout = recording_patience;
    }
    auto queries = parse_own_queries(config.mysql.queries);
    if (!queries) return pass_on(queries);
    const auto own =
        serves && !queries->empty() ? std::make_shared<const OwnQueries>(std::move(*queries)) : nullptr;
    std::shared_ptr<const ForgeTables> forge;
    if (config.forge && serves) {
        auto tables = load_forge_tables(*config.forge);
        if (!tables) return pass_on(tables);
        forge = std::move(*tables);
    }
    prepare_mysql_library();
    // Read again for each connection: a password that is changed in the file needs no restart.
    return [access = std::move(*access), file = mysql_password_file(config.mysql, account), own,
            forge]() mutable -> Result<std::unique_ptr<Database>> {
        auto password = load_mysql_password(file);
        if (!password) return pass_on(password);
        access.password = std::move(*password);
        auto database = open_mysql(access);
        if (database && forge != nullptr) database = with_forge(std::move(*database), forge);
        if (!database || own == nullptr) return database;
        return with_own_queries(std::move(*database), own);
    };
}

}  // namespace

Result<Connect> choose_database(const Config& config, DatabaseUse use) {
    if (config.backend == Backend::mysql) return choose_mysql(config, use);
    const auto mode = use == DatabaseUse::serve    ? SqliteMode::read_only
                      : use == DatabaseUse::record ? SqliteMode::read_write_existing
                                                   : SqliteMode::read_write;
    const auto patience = use == DatabaseUse::serve ? serving_patience : command_patience;
    return [file = config.sqlite_file(), mode, patience] { return open_sqlite(file, mode, patience); };
}

Result<Config> load_shadow_config(const Config& config) {
    auto shadow = load_config(config.shadow_file);
    if (!shadow) {
        ConfigProblem first = shadow.error().front();
        first.source.clear();  // one line
        const std::size_t more = shadow.error().size() - 1;
        return client_error("shadow.config: " + first.format() +
                            (more == 0 ? "" : " (and " + std::to_string(more) + " more)"));
    }
    shadow->authz.deadline = config.authz.deadline;
    return std::move(*shadow);
}

bool database_is_near(const Config& config) {
    if (config.backend != Backend::mysql) return true;
    const auto uri = MysqlUri::parse(config.mysql.uri);
    return uri && std::ranges::all_of(uri->hosts, &MysqlHost::is_near);
}

Result<std::unique_ptr<Database>> open_for_administration(const Config& config) {
    if (!config.has_own_tables()) {
        return client_error(std::string(config.forge ? "[forge]" : "[directory.mysql.queries]") +
                            ": the directory is in another program's tables: view and change "
                            "it there (`gerve explain SHA256:… COMMAND` and `gerve check` still work here)");
    }
    if (config.backend == Backend::sqlite) {
        if (auto made = make_state_directory(config.state); !made) return pass_on(made);
    }
    const auto connect = choose_database(config, DatabaseUse::administer);
    if (!connect) return pass_on(connect);
    auto database = (*connect)();
    if (!database) return database;
    if (config.backend == Backend::sqlite) {
        if (auto migrated = migrate_schema(**database); !migrated) return pass_on(migrated);
    } else if (auto checked = check_schema(**database); !checked) {
        return pass_on(checked);
    }
    return database;
}

}  // namespace gerve
