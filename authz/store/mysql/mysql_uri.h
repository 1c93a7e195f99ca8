// MysqlUri: the addresses of a database server and the schema on it, as [directory.mysql] uri names them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "authz/base/result.h"

namespace gerve {

struct MysqlHost {
    std::string socket;  // path of a unix socket; empty: host and port
    std::string host;    // a name, or an address without brackets
    unsigned port = 0;
    [[nodiscard]] std::string text() const;  // for logs and errors
    // Whether it is reached without a network: a unix socket, a loopback address, or localhost.
    [[nodiscard]] bool is_near() const;
};

// "tcp://a:3306,b:3306/SCHEMA" (3306 is the default, [::1] an IPv6 address) or
// "unix:///run/mysqld/mysqld.sock?schema=SCHEMA". Credentials have no place in it.
struct MysqlUri {
    std::vector<MysqlHost> hosts;  // at least one, in the order they are tried
    std::string schema;
    // Error: client, telling the forms.
    [[nodiscard]] static Result<MysqlUri> parse(std::string_view text);
};

}  // namespace gerve
