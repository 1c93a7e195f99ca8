// The production directory: Database over one connection to a MySQL or MariaDB server.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "authz/store/database.h"
#include "authz/store/mysql/mysql_uri.h"

namespace gerve {

// The library's timeouts are whole seconds, and each is for one read: a server that drips bytes holds a
// query for much longer. Whoever promises an answer keeps a deadline of his own.
struct MysqlAccess {
    MysqlUri uri;
    std::string user;
    std::string password;
    std::string ca_file;  // given: TLS is required, and the server's certificate and name are verified
    std::chrono::seconds connect_timeout{1};
    std::chrono::seconds io_timeout{1};                // one read or write
    std::chrono::milliseconds statement_timeout{400};  // the server stops what takes longer
};

// Makes the library's driver. To be called before a second thread is started.
void prepare_mysql_library();

// Tries the hosts in their order. The connection belongs to the thread that opened it. A read that meets a
// lost connection outside of a transaction is tried once more, over a new connection; nothing else is.
// Errors: client (what an operator has to mend: credentials, schema, TLS; said with the remedy), unavailable.
[[nodiscard]] Result<std::unique_ptr<Database>> open_mysql(const MysqlAccess& access);

}  // namespace gerve
