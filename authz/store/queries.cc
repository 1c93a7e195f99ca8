#include "authz/store/queries.h"

#include <algorithm>
#include <array>
#include <cctype>

#include "authz/base/text.h"
#include "authz/model/public_key.h"
#include "authz/store/own_rows.h"

namespace gerve {
namespace {

using Names = std::vector<std::string>;

std::string joined(const Names& names, const std::string& separator = ", ") {
    std::string text;
    for (const std::string& name : names) text += (text.empty() ? "" : separator) + name;
    return text;
}

tl::unexpected<Error> refuse(const std::string& query, const std::string& what) {
    return client_error("directory.mysql.queries." + query + ": " + what);
}

bool is_name_character(char c) {
    return std::islower(static_cast<unsigned char>(c)) != 0 || c == '_';
}

// Where what begins at `at` ends: a quoted text, a comment, or else one character.
std::size_t end_of_piece(std::string_view sql, std::size_t at) {
    const auto behind = [&](std::string_view mark, std::size_t from) {
        const auto found = sql.find(mark, from);
        return found == std::string_view::npos ? sql.size() : found + mark.size();
    };
    const char c = sql[at];
    if (sql.substr(at, 2) == "/*") return behind("*/", at + 2);
    if (c == '#' || sql.substr(at, 3) == "-- ") return behind("\n", at);
    if (c != '\'' && c != '"' && c != '`') return at + 1;
    for (std::size_t i = at + 1; i < sql.size(); ++i) {
        if (sql[i] == '\\' && c != '`')
            ++i;
        else if (sql[i] == c)
            return i + 1;
    }
    return sql.size();
}

// Turns `:name` into `?`, piece by piece.
class QueryParser {
  public:
    QueryParser(const std::string& name, std::string_view sql)
        : name_(name), sql_(trimmed(sql)), known_(query_parameters(name)) {}

    Result<OwnQuery> parse() {
        std::string first(sql_.substr(0, 6));
        std::transform(first.begin(), first.end(), first.begin(),
                       [](unsigned char c) { return std::toupper(c); });
        if (first != "SELECT" && !first.starts_with("WITH ")) return refuse(name_, "it is no SELECT");
        for (std::size_t at = 0; at < sql_.size();) {
            if (sql_[at] == '?') return refuse(name_, "it has a '?': write :NAME, one of " + offered());
            if (sql_[at] == ';') return refuse(name_, "it has a ';': it may be one statement alone");
            const std::size_t end = sql_[at] == ':' ? end_of_parameter(at) : end_of_piece(sql_, at);
            if (sql_[at] == ':' && end > at + 1) {
                if (auto taken = take_parameter(sql_.substr(at + 1, end - at - 1)); !taken)
                    return pass_on(taken);
            } else {
                query_.sql += sql_.substr(at, end - at);
            }
            at = end;
        }
        return std::move(query_);
    }

  private:
    static std::string_view trimmed(std::string_view text) {
        while (!text.empty() && std::isspace(static_cast<unsigned char>(text.front())) != 0)
            text.remove_prefix(1);
        while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back())) != 0)
            text.remove_suffix(1);
        return text;
    }
    [[nodiscard]] std::string offered() const { return ":" + joined(known_, ", :"); }
    [[nodiscard]] std::size_t end_of_parameter(std::size_t at) const {
        std::size_t end = at + 1;
        while (end < sql_.size() && is_name_character(sql_[end])) ++end;
        return end;
    }
    Result<void> take_parameter(std::string_view parameter) {
        const auto found = std::find(known_.begin(), known_.end(), parameter);
        if (found == known_.end()) {
            return refuse(name_, ":" + printable(parameter, 40) + " is no parameter of it: use " + offered());
        }
        query_.parameters.push_back(static_cast<std::size_t>(found - known_.begin()));
        query_.sql += '?';
        return {};
    }

    const std::string& name_;
    std::string_view sql_;
    const Names& known_;
    OwnQuery query_;
};

// Where each column of query_columns(name) stands in the answer.
Result<std::vector<std::size_t>> find_columns(Database& database, const std::string& name,
                                              const OwnQuery& query) {
    const auto there = database.columns({name, query.sql});
    if (!there && there.error().kind != ErrorKind::client) return pass_on(there);
    if (!there) return refuse(name, "it cannot be prepared: " + describe(there.error()));
    std::vector<std::size_t> places;
    Names missing;
    for (const std::string& column : query_columns(name)) {
        const auto found = std::find(there->begin(), there->end(), column);
        if (found == there->end()) missing.push_back(column);
        places.push_back(static_cast<std::size_t>(found - there->begin()));
    }
    if (missing.empty()) return places;
    return refuse(name, "its answer lacks " + joined(missing) + " (it has " + joined(*there) +
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
    // The directory's own statement binds repository, account, account, repository, owner, account.
    if (name == "permission" && asked.size() == 6) return {asked[1], asked[0], asked[4]};
    return asked;
}

class OwnSchema final : public Database {
  public:
    OwnSchema(std::unique_ptr<Database> below, std::shared_ptr<const OwnQueries> queries)
        : below_(std::move(below)), queries_(std::move(queries)) {}

    Result<void> check() {
        for (const auto& [name, query] : *queries_) {
            auto places = find_columns(*below_, name, query);
            if (!places) return pass_on(places);
            places_[name] = std::move(*places);
        }
        return {};
    }

    Result<Rows> query(const Statement& statement, Binds binds) override {
        const auto found = queries_->find(std::string(statement.name));
        if (found != queries_->end()) return ask(statement, found->second, binds);
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

  private:
    Result<Rows> ask(const Statement& statement, const OwnQuery& query, Binds binds) {
        std::string text;
        const std::vector<Bind> offered = parameters_of(statement.name, binds, text);
        std::vector<Bind> used;
        for (const std::size_t parameter : query.parameters) {
            if (parameter >= offered.size()) return internal_error(std::string(statement.name) + ": binds");
            used.push_back(offered[parameter]);
        }
        const auto rows = below_->query({statement.name, query.sql}, used);
        broken_ = below_->broken();
        if (!rows) return pass_on(rows);
        return own_rows::as_standard(statement.name, *rows, places_.find(statement.name)->second);
    }

    std::unique_ptr<Database> below_;
    std::shared_ptr<const OwnQueries> queries_;
    std::map<std::string, std::vector<std::size_t>, std::less<>> places_;
};

struct Shape {
    Names parameters;
    Names columns;
};

const Shape& shape_of(const std::string& name) {
    static const std::map<std::string, Shape> shapes{
        {"key",
         {{"fingerprint", "fingerprint_text"},
          {"key_id", "key", "account_id", "account", "suspended", "repository_id", "repository_owner",
           "repository", "can_write"}}},
        {"repository",
         {{"owner", "name"},
          {"repository_id", "owner_id", "owner", "name", "is_public", "archived", "disabled"}}},
        {"permission",
         {{"account_id", "repository_id", "owner_id"}, {"direct", "team", "organization_owner"}}},
        {"route", {{"owner"}, {"server", "endpoint"}}},
    };
    return shapes.at(name);
}

}  // namespace

const Names& query_parameters(const std::string& name) {
    return shape_of(name).parameters;
}
const Names& query_columns(const std::string& name) {
    return shape_of(name).columns;
}

Result<OwnQueries> parse_own_queries(const std::map<std::string, std::string>& queries) {
    OwnQueries own;
    for (const auto& [name, sql] : queries) {
        auto query = QueryParser(name, sql).parse();
        if (!query) return pass_on(query);
        own.emplace(name, std::move(*query));
    }
    return own;
}

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
