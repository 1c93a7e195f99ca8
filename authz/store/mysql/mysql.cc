#include "authz/store/mysql/mysql.h"

#include <cppconn/parameter_metadata.h>
#include <cppconn/prepared_statement.h>

#include <optional>

#include "authz/base/clock.h"
#include "authz/store/mysql/mysql_errors.h"
#include "authz/store/mysql/mysql_script.h"
#include "authz/store/mysql/mysql_session.h"
#include "authz/store/mysql/mysql_values.h"

namespace gerve {
namespace {

using mysql_errors::Meaning;
using mysql_values::bind_one;
using mysql_values::read_rows;
using mysql_values::text_of;

// A read is not tried again when its first try took so long that the server must be ill.
constexpr std::int64_t retry_within = 100;  // ms
// How long a change waits for another administrator's.
constexpr int write_lock_seconds = 10;

class Mysql final : public Database {
  public:
    explicit Mysql(MysqlAccess access) : access_(std::move(access)) {}

    // Errors: client (configuration), unavailable.
    Result<void> open() {
        session_.reset();
        Result<void> outcome = unavailable("no host");
        for (const MysqlHost& host : access_.uri.hosts) {
            host_ = host.text();
            auto session = open_mysql_session(access_, host);
            if (session) {
                session_ = std::move(*session);
                return {};
            }
            outcome = pass_on(session);
        }
        broken_ = true;
        return outcome;
    }

    Result<Rows> query(const Statement& statement, Binds binds) override {
        const std::int64_t start = monotonic_now();
        auto rows = query_once(statement, binds);
        if (!rows) forget_prepared(statement);
        const bool again = !rows && lost_ && !in_transaction_ && monotonic_now() - start < retry_within;
        if (!again) return rows;
        if (auto opened = open(); !opened) return unavailable(describe(opened.error()));
        broken_ = false;
        return query_once(statement, binds);
    }

    Result<Change> execute(const Statement& statement, Binds binds) override {
        auto change = guarded(statement.name, [&]() -> Result<Change> {
            const auto prepared = prepare(statement, binds);
            if (!prepared) return pass_on(prepared);
            Change done;
            done.rows = (*prepared)->executeUpdate();
            if (statement.sql.starts_with("INSERT")) done.inserted_id = last_id();
            return done;
        });
        if (!change && change.error().kind != ErrorKind::client) forget_prepared(statement);
        return change;
    }

    Result<void> run_script(std::string_view sql) override {
        for (const std::string_view statement : split_script(sql)) {
            if (auto ran = run(statement, "script"); !ran) return ran;
        }
        return {};
    }

    Result<std::vector<std::string>> columns(const Statement& statement) override {
        auto answer = guarded(statement.name, [&]() -> Result<std::vector<std::string>> {
            const std::unique_ptr<sql::PreparedStatement> prepared(
                session_->connection->prepareStatement(text_of(statement.sql)));
            sql::ResultSetMetaData& metadata = *prepared->getMetaData();
            std::vector<std::string> names;
            for (unsigned i = 1; i <= metadata.getColumnCount(); ++i) {
                names.push_back(metadata.getColumnLabel(i).asStdString());
            }
            return names;
        });
        if (!answer && misfit_) return client_error(answer.error().detail);
        return answer;
    }

    // A named lock, since a schema change ends the transaction that a row's lock would belong to. It goes
    // with the connection at the latest.
    Result<void> begin() override {
        static const std::string lock =
            "SELECT GET_LOCK(CONCAT('gerve.', DATABASE()), " + std::to_string(write_lock_seconds) + ")";
        const auto locked = query({"write-lock", lock}, {});
        if (!locked) return pass_on(locked);
        if (locked->empty() || locked->front().front() != Column(std::int64_t{1})) {
            return unavailable(place("begin") + ": another change is in progress");
        }
        auto begun = run("START TRANSACTION", "begin");
        in_transaction_ = begun.has_value();
        if (!begun) end_transaction();
        return begun;
    }

    Result<void> commit() override {
        auto committed = run("COMMIT", "commit");
        if (committed)
            end_transaction();
        else
            rollback();
        return committed;
    }

    void rollback() override {
        run_or_drop("ROLLBACK", "rollback");
        end_transaction();
    }

    [[nodiscard]] Dialect dialect() const override { return Dialect::mysql; }

  private:
    [[nodiscard]] std::string place(std::string_view name) const {
        return access_.uri.schema + " on " + host_ + ": " + std::string(name);
    }

    // Runs `work` on the session; what the library throws ends here.
    template <class Work>
    auto guarded(std::string_view name, Work work) -> decltype(work()) {
        lost_ = false;
        misfit_ = false;
        if (!session_) return unavailable(place(name) + ": the connection was dropped");
        try {
            return work();
        } catch (const sql::SQLException& error) {
            return take_error(error, name);
        } catch (const std::exception& error) {
            drop();
            return unavailable(place(name) + ": " + error.what());
        }
    }

    tl::unexpected<Error> take_error(const sql::SQLException& error, std::string_view name) {
        const std::string detail = place(name) + ": " + mysql_error_text(error);
        const Meaning meaning = mysql_errors::meaning_of(error.getErrorCode());
        if (meaning == Meaning::refused) return fail(ErrorKind::client, "", detail);
        lost_ = meaning == Meaning::lost;
        misfit_ = meaning == Meaning::statement;
        if (mysql_errors::ends_connection(meaning)) drop();
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
            return internal_error(place(statement.name) +
                                  ": the number of binds differs from the number of '?'");
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

    // What must not stay behind on a connection that is used again: it ends with the connection otherwise.
    void run_or_drop(std::string_view sql, std::string_view name) {
        if (session_ && !run(sql, name)) drop();
    }

    void end_transaction() {
        in_transaction_ = false;
        run_or_drop("DO RELEASE_LOCK(CONCAT('gerve.', DATABASE()))", "write-unlock");
    }

    // What failed is prepared anew for its next run: the tables may be others by then.
    void forget_prepared(const Statement& statement) {
        if (session_) session_->prepared.erase(std::string(statement.sql));
    }

    MysqlAccess access_;
    std::string host_;
    std::optional<MysqlSession> session_;  // none once it broke
    bool in_transaction_ = false;
    bool lost_ = false;    // whether the last error was one after which a read may be tried again
    bool misfit_ = false;  // whether it was the statement's own
};

}  // namespace

Result<std::unique_ptr<Database>> open_mysql(const MysqlAccess& access) {
    auto database = std::make_unique<Mysql>(access);
    if (auto opened = database->open(); !opened) return pass_on(opened);
    return database;
}

}  // namespace gerve
