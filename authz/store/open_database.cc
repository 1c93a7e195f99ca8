#include "authz/store/open_database.h"

#include <sys/stat.h>

#include <cerrno>

#include "authz/base/fd.h"
#include "authz/store/mysql.h"
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

// One line; without a file the account has no password (a unix socket's peer may need none).
Result<std::string> load_password(const std::string& file) {
    if (file.empty()) return std::string();
    auto content = read_secret_file(file);
    if (!content) return client_error(describe(content.error()));
    while (content->ends_with('\n') || content->ends_with('\r')) content->pop_back();
    return content;
}

Result<Connect> choose_mysql(const Config& config, DatabaseUse use) {
    const MysqlConfig& mysql = config.mysql;
    auto uri = MysqlUri::parse(mysql.uri);
    if (!uri) return pass_on(uri);
    const bool serves = use == DatabaseUse::serve;
    const bool own_account = serves || mysql.admin_user.empty();
    MysqlAccess access;
    access.uri = std::move(*uri);
    access.user = own_account ? mysql.user : mysql.admin_user;
    access.ca_file = mysql.ca_file;
    // Before authz gives up: a statement that the server stops leaves the connection well.
    access.statement_timeout = config.authz.deadline * 3 / 4;
    if (!serves) {
        access.connect_timeout = std::chrono::seconds(5);
        access.io_timeout = std::chrono::seconds(60);
        access.statement_timeout = std::chrono::seconds(55);
    }
    const std::string file = own_account ? mysql.password_file : mysql.admin_password_file;
    if (auto password = load_password(file); !password) return pass_on(password);
    prepare_mysql_library();
    // Read again for each connection: a password that is changed in the file needs no restart.
    return [access, file]() mutable -> Result<std::unique_ptr<Database>> {
        auto password = load_password(file);
        if (!password) return pass_on(password);
        access.password = std::move(*password);
        return open_mysql(access);
    };
}

}  // namespace

Result<Connect> choose_database(const Config& config, DatabaseUse use) {
    if (config.directory_backend == "mysql") return choose_mysql(config, use);
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
