// Passing: a database that hands everything on to another, for tests that come between.
#pragma once

#include "authz/store/database.h"

namespace gerve::testing {

class Passing : public Database {
  public:
    // `below` is not owned.
    explicit Passing(Database& below) : below_(below) {}
    Result<Rows> query(const Statement& statement, Binds binds) override {
        return below_.query(statement, binds);
    }
    Result<Change> execute(const Statement& statement, Binds binds) override {
        return below_.execute(statement, binds);
    }
    Result<void> run_script(std::string_view sql) override { return below_.run_script(sql); }
    Result<std::vector<std::string>> columns(const Statement& statement) override {
        return below_.columns(statement);
    }
    Result<void> begin() override { return below_.begin(); }
    Result<void> commit() override { return below_.commit(); }
    void rollback() override { below_.rollback(); }
    [[nodiscard]] Dialect dialect() const override { return below_.dialect(); }
    [[nodiscard]] bool has_own_tables() const override { return below_.has_own_tables(); }

  private:
    Database& below_;
};

}  // namespace gerve::testing
