// From a configuration to connections: which database the directory is in, and with whose rights.
#pragma once

#include "authz/config.h"
#include "authz/store/database.h"

namespace gerve {

enum class DatabaseUse {
    serve,       // authz: reads; a missing database is an error, waits are short
    record,      // authz: adds audit events and last uses, with time to spare
    administer,  // commands: reads and writes; an SQLite file is made when missing (mode 0600)
};

// How connections for `use` are opened; opens none itself. To be called before a second thread is started.
// Error: client (an address that is none, a password file that cannot be read or that others can read).
[[nodiscard]] Result<Connect> choose_database(const Config& config, DatabaseUse use);

// The configuration of [shadow], whose directory choose_database() takes: by its file, which is read now, and
// with the deadline of this one. Error: client (the file cannot be read, or has problems).
[[nodiscard]] Result<Config> load_shadow_config(const Config& config);

// Whether the database runs beside its caller (SQLite; a server none of whose hosts is beyond a network): a
// thread that looks something up then keeps a CPU busy, where it would otherwise wait for the network.
[[nodiscard]] bool database_is_near(const Config& config);

// For a command: one connection to administer by, with the schema checked. An SQLite schema is made and
// brought up to date first; that of a database server is `gerve schema migrate`'s to change.
// Errors: client (as above; a schema that is older or newer; a directory in another program's tables),
// unavailable.
[[nodiscard]] Result<std::unique_ptr<Database>> open_for_administration(const Config& config);

}  // namespace gerve
