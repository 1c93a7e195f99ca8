// What an error number of a MySQL or MariaDB server, or of its client library, means for Gerve.
#pragma once

namespace gerve::mysql_errors {

enum class Meaning {
    refused,        // a constraint stood against the statement: the connection is well
    too_slow,       // stopped by the time limit of a statement: the connection is well
    lost,           // the connection, or its statements, are gone: a read may be tried once more
    crowded,        // too many connections, of all or of one user: later, not at once
    configuration,  // credentials, schema, TLS: nothing but an operator mends it
    statement,  // it does not fit the tables or the grants: an operator's to mend, where the words are his
    broken,     // anything else: the connection is not to be trusted
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
        case 1243:  // unknown prepared statement
        case 2002:  // cannot connect to a socket
        case 2003:  // cannot connect to a host
        case 2006:  // server has gone away
        case 2013:  // lost during a query
        case 2030:  // statement not prepared
            return Meaning::lost;
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
        default: return Meaning::broken;
    }
}

}  // namespace gerve::mysql_errors
