// Database: the one interface at the I/O edge of the store, over one connection to SQLite or MySQL.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "authz/base/result.h"
#include "authz/model/own_query.h"

namespace gerve {

// SQL that runs unchanged on SQLite, MariaDB and MySQL; `?` marks a bind. A connection prepares it once.
struct Statement {
    std::string_view name;  // for errors and counters
    std::string_view sql;
};

// Bytes that are no text (a fingerprint, a key blob).
struct BlobView {
    std::string_view bytes;
};

// What stands for one `?`. The views must live until the call returns.
using Bind = std::variant<std::monostate, std::int64_t, std::string_view, BlobView>;  // monostate: NULL
using Binds = const std::vector<Bind>&;

// One column of a row; text and blob are both std::string.
using Column = std::variant<std::monostate, std::int64_t, std::string>;
using Row = std::vector<Column>;
using Rows = std::vector<Row>;

struct Change {
    std::int64_t rows = 0;         // inserted, updated or deleted
    std::int64_t inserted_id = 0;  // of the last INSERT into a table with a generated id
};

enum class Dialect { sqlite, mysql };

struct ForgeTables;

// One connection; used by one thread at a time. Errors of every call:
//   client       a constraint refused the statement (unique, foreign key, check): the backend is well
//   unavailable  anything else
// A connection that is broken() is dropped by its user, with all that it prepared, and another one opened.
class Database {
  public:
    virtual ~Database() = default;

    // Runs a SELECT to its end. Answers of more than `max_rows` rows are unavailable: no statement here
    // means to hold a table in memory.
    [[nodiscard]] virtual Result<Rows> query(const Statement& statement, Binds binds) = 0;
    // Runs anything else.
    [[nodiscard]] virtual Result<Change> execute(const Statement& statement, Binds binds) = 0;
    // Runs several statements that take no binds, separated by ';' at a line's end (a schema file).
    [[nodiscard]] virtual Result<void> run_script(std::string_view sql) = 0;

    // Names of a SELECT's columns; it is prepared, not run. Error client: it fits neither tables nor grants.
    [[nodiscard]] virtual Result<std::vector<std::string>> columns(const Statement& statement) = 0;

    // Use Transaction below.
    [[nodiscard]] virtual Result<void> begin() = 0;
    [[nodiscard]] virtual Result<void> commit() = 0;
    virtual void rollback() = 0;

    [[nodiscard]] virtual Dialect dialect() const = 0;

    // Whether it has the tables of packaging/schema. If not, it takes the statements of Directory by their
    // names, and no variation of them.
    [[nodiscard]] virtual bool has_own_tables() const { return true; }

    // Not null: the directory is a forge's tables (forge_schema.h). Owned by the connection.
    [[nodiscard]] virtual const ForgeTables* forge() const { return nullptr; }
    // The operator's statement that stands for the one of Directory with that name; null: there is none.
    [[nodiscard]] virtual const OwnQuery* own_statement(std::string_view /*name*/) const { return nullptr; }

    // To be called at least once a second while nothing is asked: notices a file that was replaced. May break
    // it.
    virtual void tend() {}

    // After an error: whether the connection itself is in doubt and has to be replaced.
    [[nodiscard]] bool broken() const { return broken_; }

    [[nodiscard]] bool in_transaction() const { return open_transactions_ > 0; }

    static constexpr std::size_t max_rows = 1'000'000;

  protected:
    bool broken_ = false;

  private:
    friend class Transaction;
    unsigned open_transactions_ = 0;
    bool is_lost_ = false;  // a part of the transaction could not be taken back: none of it may be committed
};

// Opens a connection; called again after one broke.
using Connect = std::function<Result<std::unique_ptr<Database>>()>;

// Rolls back unless commit() was called. It holds the write lock from its beginning.
//
// One that begins while another is open on the same connection is a part of it (a savepoint): it is rolled
// back by itself, and is there for others once the outer one is committed. They end in reverse order.
class Transaction {
  public:
    [[nodiscard]] static Result<Transaction> begin(Database& database);
    [[nodiscard]] Result<void> commit();

    Transaction(Transaction&& other) noexcept : database_(std::exchange(other.database_, nullptr)) {}
    Transaction& operator=(Transaction&&) = delete;
    ~Transaction();

  private:
    explicit Transaction(Database& database) : database_(&database) {}
    Database* database_;
};

}  // namespace gerve
