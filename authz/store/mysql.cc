#include "authz/store/mysql.h"

#include <cppconn/parameter_metadata.h>
#include <cppconn/prepared_statement.h>
#include <mysql_driver.h>

#include <optional>
#include <unordered_map>

#include "authz/base/clock.h"
#include "authz/store/mysql_errors.h"
#include "authz/store/mysql_script.h"

namespace gerve {
namespace {

using mysql_errors::Meaning;

// A read is not tried again when its first try took so long that the server must be ill.
constexpr std::int64_t retry_within = 100;  // ms
// How long a change waits for another administrator's.
constexpr int write_lock_seconds = 10;

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

struct PreparedStatement {
    std::unique_ptr<sql::PreparedStatement> statement;
    unsigned binds = 0;
};

// A connection and what it prepared: they come and go together. An old statement's id may be another
// statement's on a new connection.
struct Session {
    std::unique_ptr<sql::Connection> connection;  // outlives what it prepared
    std::unordered_map<std::string, PreparedStatement> prepared;
};

sql::SQLString text_of(std::string_view bytes) {
    return {bytes.data() == nullptr ? "" : bytes.data(), bytes.size()};
}

void bind_one(sql::PreparedStatement& statement, unsigned place, const Bind& bind) {
    struct Visitor {
        sql::PreparedStatement& statement;
        unsigned place;
        void operator()(std::monostate) const { statement.setNull(place, sql::DataType::VARCHAR); }
        void operator()(std::int64_t number) const { statement.setInt64(place, number); }
        void operator()(std::string_view text) const { statement.setString(place, text_of(text)); }
        void operator()(BlobView blob) const { statement.setString(place, text_of(blob.bytes)); }
    };
    std::visit(Visitor{statement, place}, bind);
}

enum class ColumnKind { integer, bytes, other };

ColumnKind kind_of(int type) {
    switch (type) {
        case sql::DataType::BIT:
        case sql::DataType::TINYINT:
        case sql::DataType::SMALLINT:
        case sql::DataType::MEDIUMINT:
        case sql::DataType::INTEGER:
        case sql::DataType::BIGINT: return ColumnKind::integer;
        case sql::DataType::CHAR:
        case sql::DataType::BINARY:
        case sql::DataType::VARCHAR:
        case sql::DataType::VARBINARY:
        case sql::DataType::LONGVARCHAR:
        case sql::DataType::LONGVARBINARY:
        case sql::DataType::ENUM:
        case sql::DataType::SET:
        case sql::DataType::SQLNULL: return ColumnKind::bytes;
        default: return ColumnKind::other;
    }
}

// Nothing for a real number, a date and the like: no column that we ask for holds one.
std::optional<Rows> read_rows(sql::ResultSet& results) {
    sql::ResultSetMetaData& columns = *results.getMetaData();
    std::vector<ColumnKind> kinds(columns.getColumnCount());
    for (unsigned i = 0; i < kinds.size(); ++i) kinds[i] = kind_of(columns.getColumnType(i + 1));
    Rows rows;
    rows.reserve(results.rowsCount());
    while (results.next()) {
        Row& row = rows.emplace_back(kinds.size());
        for (unsigned i = 0; i < kinds.size(); ++i) {
            if (results.isNull(i + 1)) continue;
            if (kinds[i] == ColumnKind::other) return std::nullopt;
            if (kinds[i] == ColumnKind::integer)
                row[i] = results.getInt64(i + 1);
            else
                row[i] = results.getString(i + 1).asStdString();
        }
    }
    return rows;
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

std::string first_column(sql::Connection& connection, const char* sql, unsigned column) {
    const std::unique_ptr<sql::Statement> statement(connection.createStatement());
    const std::unique_ptr<sql::ResultSet> results(statement->executeQuery(sql));
    return results->next() ? results->getString(column).asStdString() : "";
}

std::string time_limit(const std::string& version, std::chrono::milliseconds limit) {
    if (version.find("MariaDB") == std::string::npos) {
        return "SET SESSION max_execution_time = " + std::to_string(limit.count());
    }
    const std::string thousandths = std::to_string(1000 + limit.count() % 1000).substr(1);
    return "SET SESSION max_statement_time = " + std::to_string(limit.count() / 1000) + "." + thousandths;
}

std::string remedy(int number, const MysqlAccess& access) {
    switch (number) {
        case 1044:
        case 1049:
            return "schema " + access.uri.schema + " is missing, or closed to user " + access.user +
                   ": check directory.mysql.uri and the grants";
        case 2026:
            return "TLS failed: check that the server offers TLS, that directory.mysql.ca_file signed its "
                   "certificate, and that the certificate is for the host in directory.mysql.uri";
        default:
            return "the server refuses user " + access.user +
                   ": check the user and the password file in [directory.mysql]";
    }
}

class Mysql final : public Database {
  public:
    explicit Mysql(MysqlAccess access) : access_(std::move(access)) {}

    // Errors: client (configuration), unavailable.
    Result<void> open() {
        enter_thread();
        session_.reset();
        Result<void> outcome = unavailable("no host");
        for (const MysqlHost& host : access_.uri.hosts) {
            outcome = open_at(host);
            if (outcome) return outcome;
        }
        broken_ = true;
        return outcome;
    }

    Result<Rows> query(const Statement& statement, Binds binds) override {
        const std::int64_t start = monotonic_now();
        auto rows = query_once(statement, binds);
        const bool again = !rows && lost_ && !in_transaction_ && monotonic_now() - start < retry_within;
        if (!again) return rows;
        if (auto opened = open(); !opened) return unavailable(describe(opened.error()));
        broken_ = false;
        return query_once(statement, binds);
    }

    Result<Change> execute(const Statement& statement, Binds binds) override {
        return guarded(statement.name, [&]() -> Result<Change> {
            const auto prepared = prepare(statement, binds);
            if (!prepared) return pass_on(prepared);
            Change change;
            change.rows = (*prepared)->executeUpdate();
            if (statement.sql.starts_with("INSERT")) change.inserted_id = last_id();
            return change;
        });
    }

    Result<void> run_script(std::string_view sql) override {
        for (const std::string_view statement : split_script(sql)) {
            if (auto ran = run(statement, "script"); !ran) return ran;
        }
        return {};
    }

    Result<std::vector<std::string>> columns(const Statement& statement) override {
        return guarded(statement.name, [&]() -> Result<std::vector<std::string>> {
            const std::unique_ptr<sql::PreparedStatement> prepared(
                session_->connection->prepareStatement(text_of(statement.sql)));
            sql::ResultSetMetaData& metadata = *prepared->getMetaData();
            std::vector<std::string> names;
            for (unsigned i = 1; i <= metadata.getColumnCount(); ++i) {
                names.push_back(metadata.getColumnLabel(i).asStdString());
            }
            return names;
        });
    }

    // A named lock, since a schema change ends the transaction that a row's lock would belong to. It goes
    // with the connection at the latest.
    Result<void> begin() override {
        static const std::string lock =
            "SELECT GET_LOCK(CONCAT('gerve.', DATABASE()), " + std::to_string(write_lock_seconds) + ")";
        const auto locked = query({"write-lock", lock}, {});
        if (!locked) return pass_on(locked);
        if (locked->empty() || locked->front().front() != Column(std::int64_t{1})) {
            return unavailable(place("begin") + ": another change is under way");
        }
        auto begun = run("START TRANSACTION", "begin");
        in_transaction_ = begun.has_value();
        return begun;
    }

    Result<void> commit() override {
        auto committed = run("COMMIT", "commit");
        end_transaction();
        return committed;
    }

    // When it fails, the transaction ends with the connection.
    void rollback() override {
        if (session_) (void)run("ROLLBACK", "rollback");
        end_transaction();
    }

    [[nodiscard]] Dialect dialect() const override { return Dialect::mysql; }

  private:
    [[nodiscard]] std::string place(std::string_view name) const {
        return access_.uri.schema + " on " + host_ + ": " + std::string(name);
    }

    Result<void> open_at(const MysqlHost& host) {
        host_ = host.text();
        try {
            auto options = options_for(access_, host);
            Session session;
            session.connection.reset(driver().connect(options));
            if (!access_.ca_file.empty() &&
                first_column(*session.connection, "SHOW STATUS LIKE 'Ssl_cipher'", 2).empty()) {
                return fail(ErrorKind::client, remedy(2026, access_), place("connected without TLS"));
            }
            const std::unique_ptr<sql::Statement> statement(session.connection->createStatement());
            statement->execute(session_settings);
            statement->execute(isolation);
            statement->execute(time_limit(first_column(*session.connection, "SELECT VERSION()", 1),
                                          access_.statement_timeout));
            session_ = std::move(session);
            return {};
        } catch (const sql::SQLException& error) {
            const std::string detail = place("connect") + ": " + error_text(error);
            if (mysql_errors::meaning_of(error.getErrorCode()) == Meaning::configuration) {
                return fail(ErrorKind::client, remedy(error.getErrorCode(), access_), detail);
            }
            return unavailable(detail);
        }
    }

    static std::string error_text(const sql::SQLException& error) {
        return std::string(error.what()) + " [" + std::to_string(error.getErrorCode()) + "]";
    }

    // Runs `work` on the session; what the library throws ends here.
    template <class Work>
    auto guarded(std::string_view name, Work work) -> decltype(work()) {
        lost_ = false;
        if (!session_) return unavailable(place(name) + ": the connection was dropped");
        try {
            return work();
        } catch (const sql::SQLException& error) {
            return drop_for(error, name);
        } catch (const std::exception& error) {
            drop();
            return unavailable(place(name) + ": " + error.what());
        }
    }

    tl::unexpected<Error> drop_for(const sql::SQLException& error, std::string_view name) {
        const std::string detail = place(name) + ": " + error_text(error);
        switch (mysql_errors::meaning_of(error.getErrorCode())) {
            case Meaning::refused: return fail(ErrorKind::client, "", detail);
            case Meaning::too_slow: return unavailable(detail);
            case Meaning::lost: lost_ = true; break;
            default: break;
        }
        drop();
        return unavailable(detail);
    }

    void drop() {
        broken_ = true;
        session_.reset();
    }

    Result<Rows> query_once(const Statement& statement, Binds binds) {
        return guarded(statement.name, [&]() -> Result<Rows> {
            const auto prepared = prepare(statement, binds);
            if (!prepared) return pass_on(prepared);
            const std::unique_ptr<sql::ResultSet> results((*prepared)->executeQuery());
            if (results->rowsCount() > max_rows)
                return unavailable(place(statement.name) + ": too many rows");
            auto rows = read_rows(*results);
            if (!rows) {
                return unavailable(place(statement.name) +
                                   ": a column holds neither a whole number nor text");
            }
            return std::move(*rows);
        });
    }

    // Called by guarded work alone. The statement stays prepared as long as its session.
    Result<sql::PreparedStatement*> prepare(const Statement& statement, Binds binds) {
        auto found = session_->prepared.find(std::string(statement.sql));
        if (found == session_->prepared.end()) {
            PreparedStatement made;
            made.statement.reset(session_->connection->prepareStatement(text_of(statement.sql)));
            made.binds = made.statement->getParameterMetaData()->getParameterCount();
            found = session_->prepared.emplace(std::string(statement.sql), std::move(made)).first;
        }
        if (found->second.binds != binds.size()) {
            return internal_error(place(statement.name) + ": another number of binds than of '?'");
        }
        sql::PreparedStatement& prepared = *found->second.statement;
        unsigned place_of_bind = 0;
        for (const Bind& bind : binds) bind_one(prepared, ++place_of_bind, bind);
        return &prepared;
    }

    std::int64_t last_id() {
        const std::unique_ptr<sql::Statement> statement(session_->connection->createStatement());
        const std::unique_ptr<sql::ResultSet> results(statement->executeQuery("SELECT LAST_INSERT_ID()"));
        return results->next() ? results->getInt64(1) : 0;
    }

    Result<void> run(std::string_view sql, std::string_view name) {
        return guarded(name, [&]() -> Result<void> {
            const std::unique_ptr<sql::Statement> statement(session_->connection->createStatement());
            statement->execute(text_of(sql));
            return {};
        });
    }

    void end_transaction() {
        in_transaction_ = false;
        if (session_) (void)run("DO RELEASE_LOCK(CONCAT('gerve.', DATABASE()))", "write-unlock");
    }

    MysqlAccess access_;
    std::string host_;
    std::optional<Session> session_;  // none once it broke
    bool in_transaction_ = false;
    bool lost_ = false;  // whether the last error was one after which a read may be tried again
};

}  // namespace

void prepare_mysql_library() {
    (void)driver();
}

Result<std::unique_ptr<Database>> open_mysql(const MysqlAccess& access) {
    auto database = std::make_unique<Mysql>(access);
    if (auto opened = database->open(); !opened) return pass_on(opened);
    return database;
}

}  // namespace gerve
