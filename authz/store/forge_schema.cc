#include "authz/store/forge_schema.h"

#include "authz/base/clock.h"
#include "authz/base/log.h"
#include "authz/base/rationed_log.h"
#include "authz/store/directory_statements.h"

namespace gerve {
namespace {

constexpr std::int64_t columns_hold = 60'000;  // ms until they are looked at again
constexpr std::int64_t misfit_holds = 1'000;   // likewise, while they do not fit

// Each thread meets it with each connection.
void log_misfit(const std::string& why) {
    rationed_log().write(log::Level::error, "the forge's tables are not those of its configured version",
                         "forge", {{"why", why}, {"remedy", "set forge.version, and restart Gerve"}});
}

// The directory's own question: an operator's statement of that name comes through here as well.
bool asks_for_route(const Statement& statement) {
    return statement.sql == directory_sql::route_statement.sql ||
           statement.sql == directory_sql::server_statement.sql;
}

class ForgeSchema final : public Database {
  public:
    ForgeSchema(std::unique_ptr<Database> below, std::shared_ptr<const ForgeTables> tables)
        : below_(std::move(below)), tables_(std::move(tables)) {}

    // What does not fit may fit later; a connection that cannot even be asked is none.
    Result<void> look() {
        const auto fits = check_forge_tables(*below_, tables_->rules);
        broken_ = below_->broken();
        if (!fits && fits.error().kind != ErrorKind::client) return pass_on(fits);
        misfit_ = fits ? "" : fits.error().told;
        if (!fits) log_misfit(misfit_);
        looked_ = monotonic_now();
        return {};
    }

    Result<Rows> query(const Statement& statement, Binds binds) override {
        if (asks_for_route(statement)) return route(statement, binds);
        const std::int64_t holds = misfit_.empty() ? columns_hold : misfit_holds;
        if (monotonic_now() - looked_ >= holds) {
            if (auto looked = look(); !looked) return pass_on(looked);
        }
        if (!misfit_.empty()) return unavailable(std::string(statement.name) + ": " + misfit_);
        auto rows = below_->query(statement, binds);
        broken_ = below_->broken();
        return rows;
    }

    Result<Change> execute(const Statement&, Binds) override {
        return internal_error("a forge's tables are only read");
    }
    Result<void> run_script(std::string_view) override {
        return internal_error("a forge's tables are only read");
    }
    Result<std::vector<std::string>> columns(const Statement& statement) override {
        return below_->columns(statement);
    }
    Result<void> begin() override { return below_->begin(); }
    Result<void> commit() override { return below_->commit(); }
    void rollback() override { below_->rollback(); }
    [[nodiscard]] Dialect dialect() const override { return below_->dialect(); }
    [[nodiscard]] bool has_own_tables() const override { return false; }
    [[nodiscard]] const ForgeTables* forge() const override { return tables_.get(); }
    void tend() override {
        below_->tend();
        broken_ = below_->broken();
    }

  private:
    // The configuration knows where repositories are, and no table is asked.
    [[nodiscard]] Result<Rows> route(const Statement& statement, Binds binds) const {
        const bool by_name = statement.name == "server";
        const auto& server = tables_->file_server;
        if (!server) return by_name ? Rows{} : Rows{Row(3)};
        const auto* name = binds.empty() ? nullptr : std::get_if<std::string_view>(&binds[0]);
        if (by_name && (name == nullptr || *name != server->server.text())) return Rows{};
        Rows rows;
        for (const Endpoint& endpoint : server->endpoints) {
            rows.push_back({server->server.text(), endpoint.text()});
            if (!by_name) rows.back().emplace_back(std::int64_t{1});
        }
        return rows;
    }

    std::unique_ptr<Database> below_;
    std::shared_ptr<const ForgeTables> tables_;
    std::string misfit_;
    std::int64_t looked_ = 0;  // monotonic_now()
};

}  // namespace

Result<void> check_forge_tables(Database& database, const ForgeRules& rules) {
    const auto columns = database.query(ForgeStatements::columns(), {});
    if (!columns) return pass_on(columns);
    if (std::string misfit = misfit_of_columns(rules, *columns); !misfit.empty())
        return client_error(std::move(misfit));
    return {};
}

Result<std::unique_ptr<Database>> with_forge(std::unique_ptr<Database> database,
                                             std::shared_ptr<const ForgeTables> tables) {
    auto forge = std::make_unique<ForgeSchema>(std::move(database), std::move(tables));
    if (auto looked = forge->look(); !looked) return pass_on(looked);
    return forge;
}

}  // namespace gerve
