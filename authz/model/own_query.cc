#include "authz/model/own_query.h"

#include <algorithm>

#include "authz/base/text.h"
#include "authz/model/hook_variables.h"

namespace gerve {
namespace {

using Names = std::vector<std::string>;

constexpr std::string_view hook_prefix = "hook_";

bool is_name_character(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

// Behind the name that begins at `at`; `at` where none does.
std::size_t end_of_name(std::string_view sql, std::size_t at) {
    while (at < sql.size() && is_name_character(sql[at])) ++at;
    return at;
}

// Two dashes alone are arithmetic.
bool is_dash_comment(std::string_view text) {
    return text.starts_with("--") && (text.size() == 2 || static_cast<unsigned char>(text[2]) <= ' ');
}

// Where what begins at `at` ends: a quoted text, a comment, or else one character.
std::size_t end_of_piece(std::string_view sql, std::size_t at) {
    const auto behind = [&](std::string_view mark, std::size_t from) {
        const auto found = sql.find(mark, from);
        return found == std::string_view::npos ? sql.size() : found + mark.size();
    };
    const char c = sql[at];
    if (sql.substr(at, 2) == "/*") return behind("*/", at + 2);
    if (c == '#' || is_dash_comment(sql.substr(at, 3))) return behind("\n", at);
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
        : sql_(trim(sql)), known_(query_parameters(name)) {}

    Result<OwnQuery> parse() {
        const std::string first = first_word();
        if (first != "select" && first != "with") return client_error("is not a SELECT");
        for (std::size_t at = 0; at < sql_.size();) {
            if (sql_[at] == '?') return client_error("has a '?': write :NAME, one of " + offered());
            if (sql_[at] == ';') return client_error("has a ';': only one statement is allowed");
            const std::size_t end = sql_[at] == ':' ? end_of_name(sql_, at + 1) : end_of_piece(sql_, at);
            if (sql_[at] == ':' && end > at + 1) {
                if (auto taken = take_parameter(sql_.substr(at + 1, end - at - 1)); !taken)
                    return pass_on(taken);
            } else {
                query_.sql += sql_.substr(at, end - at);
            }
            at = end;
        }
        query_.may_name_hooks = fold_case(query_.sql).find(hook_prefix) != std::string::npos;
        return std::move(query_);
    }

  private:
    [[nodiscard]] std::string offered() const { return ":" + join(known_, ", :"); }
    // Behind comments and blanks; in lower case.
    [[nodiscard]] std::string first_word() const {
        std::size_t at = 0;
        while (at < sql_.size() && !is_name_character(sql_[at])) {
            const std::size_t end = end_of_piece(sql_, at);
            if (end == at + 1 && static_cast<unsigned char>(sql_[at]) > ' ') return "";
            at = end;
        }
        return fold_case(sql_.substr(at, end_of_name(sql_, at) - at));
    }
    Result<void> take_parameter(std::string_view parameter) {
        const auto found = std::find(known_.begin(), known_.end(), parameter);
        if (found == known_.end()) {
            return client_error("has :" + printable(parameter, 40) +
                                ", which is not one of its parameters: use " + offered());
        }
        query_.parameters.push_back(static_cast<std::size_t>(found - known_.begin()));
        query_.sql += '?';
        return {};
    }

    std::string_view sql_;
    const Names& known_;
    OwnQuery query_;
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
         {{"account_id", "repository_id", "owner_id", "key_id"}, {"direct", "team", "organization_owner"}}},
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

Result<std::optional<std::string>> hook_variable_of(const std::string& query, const std::string& column) {
    if (!fold_case(column).starts_with(hook_prefix)) return std::nullopt;
    if (query != "repository" && query != "permission")
        return client_error("its column " + printable(column, 80) +
                            " would be a variable of hooks, which only repository and permission give");
    std::string name = column.substr(hook_prefix.size());
    if (!column.starts_with(hook_prefix) || name == original_command_variable || !is_hook_variable_name(name))
        return client_error(
            "its column " + printable(column, 80) +
            " names a variable that hooks may not get: the form is hook_NAME, NAME in capital "
            "letters, and none that the system, git or the agent sets");
    return name;
}

Result<OwnQuery> parse_own_query(const std::string& name, std::string_view sql) {
    return QueryParser(name, sql).parse();
}

Result<OwnQueries> parse_own_queries(const std::map<std::string, std::string>& queries) {
    OwnQueries own;
    for (const auto& [name, sql] : queries) {
        auto query = parse_own_query(name, sql);
        if (!query) return client_error("directory.mysql.queries." + name + " " + query.error().told);
        own.emplace(name, std::move(*query));
    }
    return own;
}

}  // namespace gerve
