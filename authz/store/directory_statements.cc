#include "authz/store/directory_statements.h"

#include <string>

namespace gerve {
namespace directory_sql {
namespace {

std::string sql_for_several_keys(std::size_t count) {
    std::string sql(key_statement.sql);
    std::string fingerprints = "IN (?";
    for (std::size_t i = 1; i < count; ++i) fingerprints += ", ?";
    sql.replace(sql.rfind("= ?"), 3, fingerprints + ")");
    sql.insert(sql.find(" FROM "), ", k.fingerprint");
    return sql;
}

}  // namespace

const Statement& several_keys_statement(std::size_t count) {
    using Texts = std::array<std::string, max_keys_at_once + 1>;
    static const Texts texts = [] {
        Texts made;
        for (std::size_t i = 2; i < made.size(); ++i) made[i] = sql_for_several_keys(i);
        return made;
    }();
    static const auto statements = [] {
        std::array<Statement, max_keys_at_once + 1> made;
        for (std::size_t i = 2; i < made.size(); ++i) made[i] = {"keys", texts[i]};
        return made;
    }();
    return statements.at(count);
}

}  // namespace directory_sql

const std::array<Statement, 12>& directory_statements() {
    using namespace directory_sql;
    static const std::array<Statement, 12> statements{
        key_statement,      key_repository_statement,   repository_statement,
        redirect_statement, permission_statement,       route_statement,
        server_statement,   authority_statement,        revocation_statement,
        user_statement,     strictest_policy_statement, policy_of_deploy_key_statement};
    return statements;
}

}  // namespace gerve
