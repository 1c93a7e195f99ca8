// From [directory.mysql] to what a connection of one of its two accounts is opened with.
#pragma once

#include "authz/config.h"
#include "authz/store/mysql/mysql.h"

namespace gerve {

enum class MysqlAccount {
    serving,         // authz's: `user`
    administrative,  // the commands': `admin_user`, or where there is none the same
};

// The file with an account's password; empty: it has none.
[[nodiscard]] std::string mysql_password_file(const MysqlConfig& config, MysqlAccount account);

// One line; nothing without a file (a unix socket's peer may need none). Error: client (a file that cannot be
// read, or that others can read).
[[nodiscard]] Result<std::string> load_mysql_password(const std::string& file);

// With the timeouts of a command. Errors: client (an address that is none, the password's file).
[[nodiscard]] Result<MysqlAccess> load_mysql_access(const MysqlConfig& config, MysqlAccount account);

}  // namespace gerve
