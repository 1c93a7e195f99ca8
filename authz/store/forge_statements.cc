#include "authz/store/forge_statements.h"

#include <algorithm>
#include <set>
#include <vector>

#include "authz/base/enum_names.h"
#include "authz/base/text.h"

namespace gerve {
namespace {

// The columns of repo_unit that only some families have.
constexpr std::string_view default_column = "default_permissions";
constexpr std::string_view everyone_column = "everyone_access_mode";
constexpr std::string_view anonymous_column = "anonymous_access_mode";

bool has_column(ForgeFamily family, std::string_view column) {
    if (column == default_column) return family == ForgeFamily::forgejo;
    if (column == anonymous_column) return family == ForgeFamily::gitea_1_24;
    return family == ForgeFamily::gitea_1_22 || family == ForgeFamily::gitea_1_24;
}

// A column that older rows may have NULL in is what the forge takes NULL for. Only r.is_private is not: the
// forge takes it for public.
std::string repository_columns(ForgeFamily family) {
    std::string columns =
        "r.id, o.name, r.name, o.id, COALESCE(o.type, 0), COALESCE(o.is_active, 0), o.visibility, "
        "o.keep_email_private,"
        " o.email, COALESCE(r.is_private, 1), COALESCE(r.is_archived, 0), COALESCE(r.is_mirror, 0),"
        " r.status, unit.id";
    for (const std::string_view column : {default_column, everyone_column, anonymous_column}) {
        columns += has_column(family, column) ? ", COALESCE(unit." + std::string(column) + ", 0)" : ", 0";
    }
    return columns;
}

constexpr const char* of_unit = " LEFT JOIN repo_unit unit ON unit.repo_id = r.id AND unit.type = ?";

std::string second_factor_column(const ForgeRules& rules) {
    if (rules.two_factor == TwoFactorDemand::none) return "0";
    return "(SELECT COUNT(*) FROM two_factor f WHERE f.uid = u.id)"
           " + (SELECT COUNT(*) FROM webauthn_credential w WHERE w.user_id = u.id)";
}

std::set<std::string> columns_of(const Rows& rows, std::string_view table) {
    std::set<std::string> names;
    for (const Row& row : rows) {
        const auto* of = row.size() == 2 ? std::get_if<std::string>(&row[0]) : nullptr;
        const auto* name = row.size() == 2 ? std::get_if<std::string>(&row[1]) : nullptr;
        if (of != nullptr && name != nullptr && *of == table) names.insert(fold_case(*name));
    }
    return names;
}

// By its repo_unit alone.
std::string family_of_tables(const std::set<std::string>& columns) {
    const bool is_forgejo = columns.contains(std::string(default_column));
    const bool everyone = columns.contains(std::string(everyone_column));
    const bool anonymous = columns.contains(std::string(anonymous_column));
    if (is_forgejo && (everyone || anonymous)) return "no forge that Gerve knows";
    const auto family = is_forgejo  ? ForgeFamily::forgejo
                        : anonymous ? ForgeFamily::gitea_1_24
                        : everyone  ? ForgeFamily::gitea_1_22
                                    : ForgeFamily::gitea_1_21;
    return std::string(name_in(forge_family_names, family));
}

struct Needed {
    std::string table;
    std::vector<std::string> columns;
};

std::vector<Needed> needed_columns(const ForgeRules& rules) {
    std::vector<Needed> all{
        {"user",
         {"id", "lower_name", "name", "type", "email", "keep_email_private", "is_active", "is_admin",
          "is_restricted", "prohibit_login", "visibility"}},
        {"repository",
         {"id", "owner_id", "lower_name", "name", "is_private", "is_archived", "is_mirror", "status"}},
        {"repo_unit", {"id", "repo_id", "type"}},
        {"public_key", {"id", "owner_id", "name", "fingerprint", "content", "type"}},
        {"deploy_key", {"id", "key_id", "repo_id", "mode"}},
        {"access", {"user_id", "repo_id", "mode"}},
        {"collaboration", {"id", "repo_id", "user_id"}},
        {"org_user", {"id", "uid", "org_id"}},
        {"team", {"id", "org_id", "authorize"}},
        {"team_user", {"team_id", "uid"}},
        {"team_repo", {"team_id", "repo_id"}},
        {"team_unit", {"id", "team_id", "type", "access_mode"}},
    };
    if (rules.two_factor != TwoFactorDemand::none) {
        all.push_back({"two_factor", {"uid"}});
        all.push_back({"webauthn_credential", {"user_id"}});
    }
    if (rules.follows_redirects()) {
        all.push_back({"user_redirect", {"lower_name", "redirect_user_id"}});
        all.push_back({"repo_redirect", {"owner_id", "lower_name", "redirect_repo_id"}});
    }
    return all;
}

}  // namespace

ForgeStatements::ForgeStatements(const ForgeRules& rules) {
    key_ =
        "SELECT k.id, k.type, k.name, k.content, u.id, u.name, COALESCE(u.is_active, 0),"
        " COALESCE(u.prohibit_login, 0)"
        " FROM public_key k LEFT JOIN `user` u ON u.id = k.owner_id AND k.type = 1"
        " WHERE k.fingerprint = ? AND k.type IN (1, 2) ORDER BY k.id";
    repository_ = "SELECT " + repository_columns(rules.family) +
                  " FROM `user` o JOIN repository r ON r.owner_id = o.id" + of_unit +
                  " WHERE o.lower_name = ? AND r.lower_name = ? ORDER BY unit.id";
    if (rules.follows_redirects()) {
        redirect_ = "SELECT " + repository_columns(rules.family) +
                    " FROM repository r JOIN `user` o ON o.id = r.owner_id" + of_unit +
                    // Whoever has a name now goes before who had it; so do repositories.
                    " JOIN (SELECT COALESCE((SELECT n.id FROM `user` n WHERE n.lower_name = ?),"
                    " (SELECT d.redirect_user_id FROM user_redirect d WHERE d.lower_name = ?)) AS owner) w"
                    " WHERE r.id = COALESCE("
                    "(SELECT n.id FROM repository n WHERE n.owner_id = w.owner AND n.lower_name = ?),"
                    " (SELECT d.redirect_repo_id FROM repo_redirect d WHERE d.owner_id = w.owner AND "
                    "d.lower_name = ?))"
                    " ORDER BY unit.id";
    }
    user_ =
        "SELECT u.id, u.name, u.keep_email_private, u.email, COALESCE(u.type, 0), COALESCE(u.is_active, 0),"
        " u.prohibit_login, COALESCE(u.is_admin, 0), u.is_restricted, " +
        second_factor_column(rules) +
        ", (SELECT MAX(c.id) FROM collaboration c WHERE c.repo_id = ? AND c.user_id = ?),"
        " (SELECT MAX(m.id) FROM org_user m WHERE m.org_id = ? AND m.uid = ?),"
        " (SELECT MAX(COALESCE(a.mode, 0)) FROM access a WHERE a.user_id = ? AND a.repo_id = ?),"
        " teams.total, teams.authorize, teams.unit_rows, teams.unit_mode"
        " FROM `user` u JOIN (SELECT COUNT(*) AS total, COALESCE(MAX(t.authorize), 0) AS authorize,"
        " COUNT(tu.id) AS unit_rows, COALESCE(MAX(tu.access_mode), 0) AS unit_mode"
        " FROM team t JOIN team_repo tr ON t.org_id = ? AND tr.team_id = t.id AND tr.repo_id = ?"
        " LEFT JOIN team_unit tu ON tu.team_id = t.id AND tu.type = ?"
        " JOIN team_user tm ON tm.team_id = t.id AND tm.uid = ?) teams"
        " WHERE u.id = ?";
    deploy_key_ = "SELECT d.id, d.mode FROM deploy_key d WHERE d.key_id = ? AND d.repo_id = ?";
}

std::vector<Statement> ForgeStatements::all() const {
    std::vector<Statement> statements{key(), repository(), user(), deploy_key()};
    if (!redirect_.empty()) statements.push_back(redirect());
    return statements;
}

Statement ForgeStatements::columns() {
    return {"forge-columns",
            "SELECT table_name, column_name FROM information_schema.columns"
            " WHERE table_schema = DATABASE() AND table_name IN ('user', 'repository', 'repo_unit',"
            " 'public_key', 'deploy_key', 'access', 'collaboration', 'org_user', 'team', 'team_user',"
            " 'team_repo', 'team_unit', 'two_factor', 'webauthn_credential', 'user_redirect',"
            " 'repo_redirect')"};
}

std::string misfit_of_columns(const ForgeRules& rules, const Rows& columns) {
    std::string missing;
    for (const Needed& needed : needed_columns(rules)) {
        const auto there = columns_of(columns, needed.table);
        if (there.empty()) {
            missing += (missing.empty() ? "" : ", ") + needed.table;
            continue;
        }
        for (const std::string& column : needed.columns) {
            if (!there.contains(column))
                missing += (missing.empty() ? "" : ", ") + needed.table + "." + column;
        }
    }
    if (!missing.empty()) return "the forge's tables lack, or this account may not read: " + missing;
    const std::string found = family_of_tables(columns_of(columns, "repo_unit"));
    const std::string expected(name_in(forge_family_names, rules.family));
    if (found == expected) return "";
    return "the tables are those of " + found + ", but forge.version is " + rules.version.text() + " of " +
           std::string(forge_title(rules.kind)) + " (" + expected + ")";
}

}  // namespace gerve
