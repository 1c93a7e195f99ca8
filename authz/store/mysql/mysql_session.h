// A connection of Connector/C++ with all that it prepared: how one is opened, secured and set up.
#pragma once

#include <cppconn/connection.h>
#include <cppconn/exception.h>
#include <cppconn/prepared_statement.h>

#include <memory>
#include <string>
#include <unordered_map>

#include "authz/store/mysql/mysql.h"

namespace gerve {

struct PreparedStatement {
    std::unique_ptr<sql::PreparedStatement> statement;
    unsigned binds = 0;
};

// They come and go together: an old statement's id may be another statement's on a new connection.
struct MysqlSession {
    std::unique_ptr<sql::Connection> connection;  // outlives what it prepared
    std::unordered_map<std::string, PreparedStatement> prepared;
};

// What a server or the client library objected to.
struct MysqlTrouble {
    int number = 0;
    std::string text;  // with the place and the number; no secret in it
};

[[nodiscard]] tl::expected<MysqlSession, MysqlTrouble> try_mysql_session(const MysqlAccess& access,
                                                                         const MysqlHost& host);

// As above. Errors: client (configuration, with the remedy), unavailable.
[[nodiscard]] Result<MysqlSession> open_mysql_session(const MysqlAccess& access, const MysqlHost& host);

// What mends a trouble with opening a session, where its number says so; else empty.
[[nodiscard]] std::string mysql_remedy(const MysqlTrouble& trouble, const MysqlAccess& access);

// The library's text and the number that it goes by.
[[nodiscard]] std::string mysql_error_text(const sql::SQLException& error);

// The column, from 1, of a statement's first row; empty without a row. Throws what the library throws.
[[nodiscard]] std::string first_mysql_value(sql::Connection& connection, const std::string& sql,
                                            unsigned column);

}  // namespace gerve
