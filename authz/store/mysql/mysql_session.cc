#include "authz/store/mysql/mysql_session.h"

#include <mysql_driver.h>

#include <cstdlib>

#include "authz/store/mysql/mysql_errors.h"

namespace gerve {
namespace {

using mysql_errors::Meaning;

// What a connection is told first. Names of one row are compared under the collation of their columns; the
// mode makes the server refuse what does not fit instead of cutting it.
constexpr const char* session_settings =
    "SET SESSION sql_mode = 'STRICT_ALL_TABLES,ONLY_FULL_GROUP_BY,NO_ENGINE_SUBSTITUTION',"
    " time_zone = '+00:00', autocommit = 1";
constexpr const char* isolation = "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED";

sql::Driver& driver() {
    static sql::Driver& driver = *get_driver_instance();
    return driver;
}

// What the client library keeps for a thread goes with the thread.
void enter_thread() {
    struct Guard {
        Guard() { driver().threadInit(); }
        Guard(const Guard&) = delete;
        Guard& operator=(const Guard&) = delete;
        ~Guard() { driver().threadEnd(); }
    };
    thread_local const Guard guard;
}

sql::ConnectOptionsMap options_for(const MysqlAccess& access, const MysqlHost& host) {
    sql::ConnectOptionsMap options;
    options["hostName"] =
        sql::SQLString(host.socket.empty() ? "tcp://" + host.host : "unix://" + host.socket);
    if (host.socket.empty()) options["port"] = static_cast<int>(host.port);
    options["userName"] = sql::SQLString(access.user);
    options["password"] = sql::SQLString(access.password);
    options["schema"] = sql::SQLString(access.uri.schema);
    options["OPT_CONNECT_TIMEOUT"] = static_cast<int>(access.connect_timeout.count());
    options["OPT_READ_TIMEOUT"] = static_cast<int>(access.io_timeout.count());
    options["OPT_WRITE_TIMEOUT"] = static_cast<int>(access.io_timeout.count());
    options["OPT_CHARSET_NAME"] = sql::SQLString("utf8mb4");
    options["CLIENT_FOUND_ROWS"] = true;  // an UPDATE counts the rows it matched, as SQLite's does
    options["OPT_LOCAL_INFILE"] = 0;      // or the server may ask for any file of ours
    if (!access.ca_file.empty()) {
        // The only two options that fail closed; OPT_SSL_MODE and sslEnforce go on in plain text.
        options["sslVerify"] = true;
        options["sslCA"] = sql::SQLString(access.ca_file);
    }
    return options;
}

std::string time_limit(const std::string& version, std::chrono::milliseconds limit) {
    if (version.find("MariaDB") == std::string::npos) {
        return "SET SESSION max_execution_time = " + std::to_string(limit.count());
    }
    const std::string thousandths = std::to_string(1000 + limit.count() % 1000).substr(1);
    return "SET SESSION max_statement_time = " + std::to_string(limit.count() / 1000) + "." + thousandths;
}

// What a server says before TLS has begun comes as 2002, with the server's own number in the text alone.
// Nobody vouches for it: it may choose the words for an operator, and decides nothing.
int servers_number(const MysqlTrouble& trouble) {
    const std::size_t said = trouble.text.find("before completion of TLS handshake");
    if (trouble.number != 2002 || said == std::string::npos) return trouble.number;
    const std::size_t colon = trouble.text.find(": ", said);
    const int number = colon == std::string::npos ? 0 : std::atoi(trouble.text.c_str() + colon + 2);
    return number != 0 ? number : trouble.number;
}

}  // namespace

void prepare_mysql_library() {
    (void)driver();
}

std::string mysql_error_text(const sql::SQLException& error) {
    return std::string(error.what()) + " [" + std::to_string(error.getErrorCode()) + "]";
}

std::string first_mysql_value(sql::Connection& connection, const std::string& sql, unsigned column) {
    const std::unique_ptr<sql::Statement> statement(connection.createStatement());
    const std::unique_ptr<sql::ResultSet> results(statement->executeQuery(sql::SQLString(sql)));
    return results->next() ? results->getString(column).asStdString() : "";
}

std::string mysql_remedy(const MysqlTrouble& trouble, const MysqlAccess& access) {
    switch (servers_number(trouble)) {
        case 1044:
        case 1049:
            return "schema " + access.uri.schema + " does not exist, or user " + access.user +
                   " has no access to it: check directory.mysql.uri and the grants";
        case 1045:
        case 1698:
        case 2061:
            return "the server refuses user " + access.user +
                   ": check the user and the password file in [directory.mysql]" +
                   (access.ca_file.empty() ? ", and whether the account requires TLS (ca_file)" : "");
        case 1129:
            return "the server has blocked this machine after too many broken connections: run TRUNCATE "
                   "TABLE performance_schema.host_cache there (MariaDB: FLUSH HOSTS), and raise "
                   "max_connect_errors";
        case 1130: return "the server has no account for this host: check the Host column of its accounts";
        case 2026:
            return "TLS failed: check that the server offers TLS, that directory.mysql.ca_file signed its "
                   "certificate, and that the certificate is for the host in directory.mysql.uri";
        case 3159: return "the server requires TLS: set ca_file to the authority of its certificate";
        case 2002:
        case 2003:
            return "check that the server is running and listening there, and that no firewall is in between";
        case 2005: return "correct the host in directory.mysql.uri, or fix name resolution";
        case 2006:
        case 2013:
            return "the server accepts connections but does not answer: check whether it is stopped, "
                   "overloaded, or another kind of server";
        case 1040:
        case 1203:
        case 1226:
            return "raise max_connections, or the account's limit: each gateway may hold twice "
                   "authz.threads connections, plus eight";
        default: return "";
    }
}

tl::expected<MysqlSession, MysqlTrouble> try_mysql_session(const MysqlAccess& access, const MysqlHost& host) {
    const std::string place = access.uri.schema + " on " + host.text() + ": ";
    enter_thread();
    try {
        auto options = options_for(access, host);
        MysqlSession session;
        session.connection.reset(driver().connect(options));
        if (!access.ca_file.empty() &&
            first_mysql_value(*session.connection, "SHOW STATUS LIKE 'Ssl_cipher'", 2).empty()) {
            return tl::make_unexpected(MysqlTrouble{2026, place + "connected without TLS"});
        }
        const std::unique_ptr<sql::Statement> statement(session.connection->createStatement());
        statement->execute(session_settings);
        statement->execute(isolation);
        statement->execute(time_limit(first_mysql_value(*session.connection, "SELECT VERSION()", 1),
                                      access.statement_timeout));
        return session;
    } catch (const sql::SQLException& error) {
        return tl::make_unexpected(
            MysqlTrouble{error.getErrorCode(), place + "connect: " + mysql_error_text(error)});
    }
}

Result<MysqlSession> open_mysql_session(const MysqlAccess& access, const MysqlHost& host) {
    auto session = try_mysql_session(access, host);
    if (session) return std::move(*session);
    const MysqlTrouble& trouble = session.error();
    if (mysql_errors::meaning_of(trouble.number) != Meaning::configuration) return unavailable(trouble.text);
    return fail(ErrorKind::client, mysql_remedy(trouble, access), trouble.text);
}

}  // namespace gerve
