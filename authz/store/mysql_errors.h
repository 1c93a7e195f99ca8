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

// Numbers: https://dev.mysql.com/doc/mysql-errors/en/ and https://mariadb.com/kb/en/mariadb-error-codes/
[[nodiscard]] constexpr Meaning meaning_of(int number) {
    switch (number) {
        case 1048:  // a column cannot be null
        case 1062:  // duplicate entry
        case 1264:  // out of range
        case 1406:  // too long
        case 1451:  // foreign key: a child is there
        case 1452:  // foreign key: no parent
        case 3819:  // MySQL: a CHECK is violated
        case 4025:  // MariaDB: a CHECK is violated
            return Meaning::refused;
        case 1969:  // MariaDB: max_statement_time
        case 3024:  // MySQL: max_execution_time
            return Meaning::too_slow;
        case 1053:  // server shutdown in progress
        case 1077:  // normal shutdown
        case 1079:  // shutdown complete
        case 1152:  // the server aborts the connection
        case 1153:  // a packet was too large: the server closes behind it
        case 1154:  // a read of the server's failed on the connection's pipe
        case 1156:  // packets out of order
        case 1157:  // a packet cannot be uncompressed
        case 1158:  // a read failed
        case 1159:  // a read timed out
        case 1160:  // a write failed
        case 1161:  // a write timed out
        case 1184:  // the server aborts the connection
        case 1243:  // unknown prepared statement
        case 1615:  // a statement has to be prepared again
        case 1927:  // MariaDB: the connection was killed
        case 2002:  // cannot connect to a socket
        case 2003:  // cannot connect to a host
        case 2006:  // server has gone away
        case 2013:  // lost during a query
        case 2030:  // statement not prepared
        case 2055:  // lost, with the system's error
        case 3032:  // MySQL: the server went offline
        case 3168:  // MySQL: the server is not available
        case 3169:  // MySQL: the session was killed
        case 4031:  // MySQL: disconnected for inactivity (MariaDB's 4031 is of triggers, of which there are
                    // none)
            return Meaning::lost;
        case 1290:  // --read-only
        case 1792:  // a read-only transaction
        case 1836:  // read-only mode
            return Meaning::read_only;
        case 1040:  // too many connections
        case 1203:  // max_user_connections
        case 1226:  // a user's resources are exhausted
            return Meaning::crowded;
        case 1044:  // no access to the schema
        case 1045:  // wrong credentials
        case 1049:  // no such schema
        case 1129:  // the host is blocked after many errors
        case 1130:  // no account for the host
        case 1698:  // no such way of authentication for the account
        case 2026:  // TLS
        case 2061:  // authentication plugin
        case 3159:  // MySQL: require_secure_transport
            return Meaning::configuration;
        case 1052:  // ambiguous column
        case 1054:  // unknown column
        case 1055:  // not in GROUP BY
        case 1064:  // syntax
        case 1109:  // unknown table name in a column's
        case 1142:  // no right to the table
        case 1143:  // no right to the column
        case 1146:  // no such table
        case 1222:  // UNION of different numbers of columns
        case 1241:  // a subquery of several columns
        case 1305:  // no such function
        case 1356:  // a view that has lost its ground
        case 1370:  // no right to the function
            return Meaning::statement;
        default: break;
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
