// What an error number of a MySQL or MariaDB server, or of its client library, means for Gerve.
#pragma once

namespace gerve::mysql_errors {

enum class Meaning {
    refused,        // a constraint stood against the statement
    too_slow,       // stopped by the time limit of a statement
    lost,           // the connection, or its statements, are gone: a read may be tried once more
    read_only,      // the server takes no changes, as after a failover: another connection may reach one that
                    // does
    crowded,        // too many connections, of all or of one user: later, not at once
    configuration,  // credentials, schema, TLS: nothing but an operator mends it
    statement,      // it does not fit the tables or the grants: an operator's to mend
    failed,         // anything else that the server says of a statement
    broken,         // anything else of the client library's: the connection is not to be trusted
};

struct KnownError {
    int number;
    Meaning meaning;
};

// Numbers: https://dev.mysql.com/doc/mysql-errors/en/ and https://mariadb.com/kb/en/mariadb-error-codes/
inline constexpr KnownError known_errors[] = {
    {1048, Meaning::refused},        // a column cannot be null
    {1062, Meaning::refused},        // duplicate entry
    {1264, Meaning::refused},        // out of range
    {1406, Meaning::refused},        // too long
    {1451, Meaning::refused},        // foreign key: a child is there
    {1452, Meaning::refused},        // foreign key: no parent
    {3819, Meaning::refused},        // MySQL: a CHECK is violated
    {4025, Meaning::refused},        // MariaDB: a CHECK is violated
    {1969, Meaning::too_slow},       // MariaDB: max_statement_time
    {3024, Meaning::too_slow},       // MySQL: max_execution_time
    {1053, Meaning::lost},           // server shutdown in progress
    {1077, Meaning::lost},           // normal shutdown
    {1079, Meaning::lost},           // shutdown complete
    {1152, Meaning::lost},           // the server aborts the connection
    {1153, Meaning::lost},           // a packet was too large: the server closes behind it
    {1154, Meaning::lost},           // a read of the server's failed on the connection's pipe
    {1156, Meaning::lost},           // packets out of order
    {1157, Meaning::lost},           // a packet cannot be uncompressed
    {1158, Meaning::lost},           // a read failed
    {1159, Meaning::lost},           // a read timed out
    {1160, Meaning::lost},           // a write failed
    {1161, Meaning::lost},           // a write timed out
    {1184, Meaning::lost},           // the server aborts the connection
    {1243, Meaning::lost},           // unknown prepared statement
    {1615, Meaning::lost},           // a statement has to be prepared again
    {1927, Meaning::lost},           // MariaDB: the connection was killed
    {2002, Meaning::lost},           // cannot connect to a socket
    {2003, Meaning::lost},           // cannot connect to a host
    {2006, Meaning::lost},           // server has gone away
    {2013, Meaning::lost},           // lost during a query
    {2030, Meaning::lost},           // statement not prepared
    {2055, Meaning::lost},           // lost, with the system's error
    {3032, Meaning::lost},           // MySQL: the server went offline
    {3168, Meaning::lost},           // MySQL: the server is not available
    {3169, Meaning::lost},           // MySQL: the session was killed
    {4031, Meaning::lost},           // MySQL: disconnected for inactivity (MariaDB's is about triggers)
    {1290, Meaning::read_only},      // --read-only
    {1792, Meaning::read_only},      // a read-only transaction
    {1836, Meaning::read_only},      // read-only mode
    {1040, Meaning::crowded},        // too many connections
    {1203, Meaning::crowded},        // max_user_connections
    {1226, Meaning::crowded},        // a user's resources are exhausted
    {1044, Meaning::configuration},  // no access to the schema
    {1045, Meaning::configuration},  // wrong credentials
    {1049, Meaning::configuration},  // no such schema
    {1129, Meaning::configuration},  // the host is blocked after many errors
    {1130, Meaning::configuration},  // no account for the host
    {1698, Meaning::configuration},  // no such way of authentication for the account
    {2026, Meaning::configuration},  // TLS
    {2061, Meaning::configuration},  // authentication plugin
    {3159, Meaning::configuration},  // MySQL: require_secure_transport
    {1052, Meaning::statement},      // ambiguous column
    {1054, Meaning::statement},      // unknown column
    {1055, Meaning::statement},      // not in GROUP BY
    {1064, Meaning::statement},      // syntax
    {1109, Meaning::statement},      // unknown table name in a column's
    {1142, Meaning::statement},      // no right to the table
    {1143, Meaning::statement},      // no right to the column
    {1146, Meaning::statement},      // no such table
    {1222, Meaning::statement},      // UNION of different numbers of columns
    {1241, Meaning::statement},      // a subquery of several columns
    {1305, Meaning::statement},      // no such function
    {1356, Meaning::statement},      // a view that has lost its ground
    {1370, Meaning::statement},      // no right to the function
};

[[nodiscard]] constexpr Meaning meaning_of(int number) {
    for (const KnownError& known : known_errors) {
        if (known.number == number) return known.meaning;
    }
    const bool servers = number >= 1000 && (number < 2000 || number >= 3000);
    return servers ? Meaning::failed : Meaning::broken;
}

// Whether the connection goes with the error. Every other error is the statement's alone, whatever it is: a
// table that is missing or locked for one question must not cost the next question its connection.
[[nodiscard]] constexpr bool ends_connection(Meaning meaning) {
    return meaning == Meaning::lost || meaning == Meaning::read_only || meaning == Meaning::broken;
}

}  // namespace gerve::mysql_errors
