#include "authz/store/queries.h"

#include <algorithm>

#include "authz/base/clock.h"
#include "authz/base/log.h"
#include "authz/base/rationed_log.h"
#include "authz/base/text.h"
#include "authz/model/public_key.h"
#include "authz/store/own_rows.h"

namespace gerve {
namespace {

using Names = std::vector<std::string>;

tl::unexpected<Error> refuse(const std::string& query, const std::string& what) {
    return client_error("directory.mysql.queries." + query + ": " + what);
}

constexpr std::string_view not_prepared = "it cannot be prepared: ";

// A table or a grant may come back; a column that the statement's words lack does not.
bool may_wait(const Error& error) {
    return error.told.find(not_prepared) != std::string::npos;
}

// Each thread meets it with each connection.
void log_unfit(const std::string& query, const Error& error) {
    rationed_log().write(log::Level::error, "requests that need a configured statement are not answered",
                         query, {{"why", describe(error)}});
}

// What the answer's further columns are to hooks. Error: as hook_variable_of.
Result<void> find_hooks(const std::string& name, const Names& there, own_rows::Places& places) {
    for (std::size_t i = 0; i < there.size(); ++i) {
        auto variable = hook_variable_of(name, there[i]);
        if (!variable) return refuse(name, variable.error().told);
        if (*variable) places.hooks.emplace_back(std::move(**variable), i);
    }
    return {};
}

// Where each column of query_columns(name) stands in the answer, and each variable of hooks.
Result<own_rows::Places> find_columns(Database& database, const std::string& name, const OwnQuery& query) {
    const auto there = database.columns({name, query.sql});
    if (!there && there.error().kind != ErrorKind::client) return pass_on(there);
    if (!there) return refuse(name, std::string(not_prepared) + describe(there.error()));
    own_rows::Places places;
    Names missing;
    for (const std::string& column : query_columns(name)) {
        const auto found = std::find(there->begin(), there->end(), column);
        if (found == there->end()) missing.push_back(column);
        places.columns.push_back(static_cast<std::size_t>(found - there->begin()));
    }
    if (missing.empty()) {
        if (auto hooks = find_hooks(name, *there, places); !hooks) return pass_on(hooks);
        return places;
    }
    return refuse(name, "its result lacks " + join(missing, ", ") + " (it has " + join(*there, ", ") +
                            "): name columns with AS");
}

// What stands in a question's binds, by the order of query_parameters.
std::vector<Bind> parameters_of(std::string_view name, const std::vector<Bind>& asked, std::string& text) {
    if (name == "key") {
        const auto* bytes = asked.empty() ? nullptr : std::get_if<BlobView>(&asked[0]);
        const auto fingerprint = bytes == nullptr ? client_error("") : Fingerprint::parse_bytes(bytes->bytes);
        if (!fingerprint) return {};
        text = fingerprint->text();
        return {asked[0], std::string_view(text)};
    }
    // The directory's own statement binds repository, account, account, repository, owner, account; behind
    // them comes the key.
    if (name == "permission" && asked.size() == 7) return {asked[1], asked[0], asked[4], asked[6]};
    return asked;
}

class OwnSchema final : public Database {
  public:
    OwnSchema(std::unique_ptr<Database> below, std::shared_ptr<const OwnQueries> queries)
        : below_(std::move(below)), queries_(std::move(queries)) {}

    // One that cannot be prepared now is another try's, when it is asked: the others do not wait for its
    // table.
    Result<void> check() {
        for (const auto& [name, query] : *queries_) {
            auto places = find_columns(*below_, name, query);
            if (places)
                places_[name] = std::move(*places);
            else if (places.error().kind != ErrorKind::client || below_->broken() ||
                     !may_wait(places.error()))
                return pass_on(places);
            else
                log_unfit(name, places.error());
        }
        return {};
    }

    Result<Rows> query(const Statement& statement, Binds binds) override {
        if (const OwnQuery* own = own_statement(statement.name)) return ask(statement, *own, binds);
        // Another program's tables know no redirects of ours, and no servers.
        if (statement.name == "redirect" && queries_->contains("repository")) return Rows{};
        if (statement.name == "server" && queries_->contains("route")) return Rows{};
        auto rows = below_->query(statement, binds);
        broken_ = below_->broken();
        return rows;
    }

    Result<Change> execute(const Statement& statement, Binds binds) override {
        auto change = below_->execute(statement, binds);
        broken_ = below_->broken();
        return change;
    }
    Result<void> run_script(std::string_view sql) override { return below_->run_script(sql); }
    Result<std::vector<std::string>> columns(const Statement& statement) override {
        return below_->columns(statement);
    }
    Result<void> begin() override { return below_->begin(); }
    Result<void> commit() override { return below_->commit(); }
    void rollback() override { below_->rollback(); }
    [[nodiscard]] Dialect dialect() const override { return below_->dialect(); }
    [[nodiscard]] bool has_own_tables() const override { return false; }
    [[nodiscard]] const ForgeTables* forge() const override { return below_->forge(); }
    [[nodiscard]] const OwnQuery* own_statement(std::string_view name) const override {
        const auto found = queries_->find(std::string(name));
        return found == queries_->end() ? nullptr : &found->second;
    }

  private:
    Result<Rows> ask(const Statement& statement, const OwnQuery& query, Binds binds) {
        std::string text;
        const std::vector<Bind> offered = parameters_of(statement.name, binds, text);
        std::vector<Bind> used;
        for (const std::size_t parameter : query.parameters) {
            if (parameter >= offered.size()) return internal_error(std::string(statement.name) + ": binds");
            used.push_back(offered[parameter]);
        }
        const auto places = find_places(statement.name, query);
        broken_ = below_->broken();
        if (!places) return pass_on(places);
        const auto rows = below_->query({statement.name, query.sql}, used);
        broken_ = below_->broken();
        if (!rows) return pass_on(rows);
        return own_rows::as_standard(statement.name, *rows, **places);
    }

    Result<const own_rows::Places*> find_places(std::string_view name, const OwnQuery& query) {
        auto found = places_.find(name);
        if (found == places_.end()) {
            auto places = find_columns(*below_, std::string(name), query);
            if (!places) return unavailable(describe(places.error()));
            found = places_.emplace(name, std::move(*places)).first;
        }
        return &found->second;
    }

    std::unique_ptr<Database> below_;
    std::shared_ptr<const OwnQueries> queries_;
    std::map<std::string, own_rows::Places, std::less<>> places_;
};

}  // namespace

Result<void> check_own_query(Database& database, const std::string& name, const OwnQuery& query) {
    const auto places = find_columns(database, name, query);
    if (!places) return pass_on(places);
    return {};
}

Result<std::unique_ptr<Database>> with_own_queries(std::unique_ptr<Database> database,
                                                   std::shared_ptr<const OwnQueries> queries) {
    auto own = std::make_unique<OwnSchema>(std::move(database), std::move(queries));
    if (auto checked = own->check(); !checked) return pass_on(checked);
    return own;
}

}  // namespace gerve
