#include "authz/store/open_database.h"

#include <sys/stat.h>

#include <cerrno>

#include "authz/base/fd.h"
#include "authz/store/schema.h"
#include "authz/store/sqlite.h"

namespace gerve {
namespace {

// A reader of a write-ahead file waits for next to nothing; a caller of authz would not wait longer anyway.
constexpr std::chrono::milliseconds serving_patience{200};
constexpr std::chrono::milliseconds command_patience{5000};

// Repositories lie below it too, and they may be private.
Result<void> make_state_directory(const std::string& directory) {
    if (::mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST) {
        return fail(ErrorKind::client, errno_text("cannot create " + directory));
    }
    return {};
}

}  // namespace

Result<Connect> choose_database(const Config& config, DatabaseUse use) {
    if (config.directory_backend != "sqlite") {
        return client_error("directory.backend = \"" + config.directory_backend +
                            "\": this program was built for sqlite alone");
    }
    const auto mode = use == DatabaseUse::serve ? SqliteMode::read_only : SqliteMode::read_write;
    const auto patience = use == DatabaseUse::serve ? serving_patience : command_patience;
    return [file = config.sqlite_file(), mode, patience] { return open_sqlite(file, mode, patience); };
}

Result<std::unique_ptr<Database>> open_for_administration(const Config& config) {
    if (config.directory_backend == "sqlite") {
        if (auto made = make_state_directory(config.state); !made) return pass_on(made);
    }
    const auto connect = choose_database(config, DatabaseUse::administer);
    if (!connect) return pass_on(connect);
    auto database = (*connect)();
    if (!database) return database;
    if (config.directory_backend == "sqlite") {
        if (auto migrated = migrate_schema(**database); !migrated) return pass_on(migrated);
    } else if (auto checked = check_schema(**database); !checked) {
        return pass_on(checked);
    }
    return database;
}

}  // namespace gerve
