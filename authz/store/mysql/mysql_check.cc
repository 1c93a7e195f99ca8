#include "authz/store/mysql/mysql_check.h"

#include <array>
#include <cstdlib>

#include "authz/base/clock.h"
#include "authz/store/directory_statements.h"
#include "authz/store/forge_schema.h"
#include "authz/store/mysql/mysql_access.h"
#include "authz/store/mysql/mysql_errors.h"
#include "authz/store/mysql/mysql_session.h"
#include "authz/store/queries.h"
#include "authz/store/schema.h"

namespace gerve {
namespace {

constexpr std::int64_t tolerable_skew = 5'000;    // ms
constexpr std::chrono::seconds host_patience{3};  // for one host

// What only the serving account writes, and what only the administrative one may.
constexpr const char* append_to_audit =
    "INSERT INTO audit_events (chain, seq, happened_at, gateway, kind, denied, body)"
    " VALUES (?, ?, ?, ?, ?, ?, ?)";
constexpr const char* note_use =
    "INSERT INTO key_last_used (key_id, used_at, address) VALUES (?, ?, ?)"
    " ON DUPLICATE KEY UPDATE used_at = GREATEST(used_at, VALUES(used_at))";
constexpr const char* add_account =
    "INSERT INTO accounts (login, login_folded, kind, created_at) VALUES (?, ?, ?, ?)";
constexpr std::array<const char*, 3> changes{add_account,
                                             "UPDATE public_keys SET revoked_at = ? WHERE id = ?",
                                             "DELETE FROM collaborators WHERE repo_id = ?"};

// Nothing: the server takes the statement, and the account may run it.
std::optional<MysqlTrouble> trouble_with(MysqlSession& session, std::string_view statement) {
    try {
        const std::unique_ptr<sql::PreparedStatement> prepared(
            session.connection->prepareStatement(sql::SQLString(std::string(statement))));
        return std::nullopt;
    } catch (const sql::SQLException& error) {
        return MysqlTrouble{error.getErrorCode(), mysql_error_text(error)};
    }
}

std::string value_of(MysqlSession& session, const char* statement) {
    try {
        return first_mysql_value(*session.connection, statement, 1);
    } catch (const sql::SQLException&) {
        return "";
    }
}

bool is_denied(const MysqlTrouble& trouble) {
    return trouble.number == 1142 || trouble.number == 1143;
}

// Which of the configured statements takes a statement's place. Another program's tables have no redirects
// and no servers.
std::string_view replaced_by(std::string_view statement) {
    if (statement == "redirect") return "repository";
    if (statement == "key_repository") return "key";
    return statement == "server" ? "route" : statement;
}

// Where anything is another program's, no certificate is accepted.
bool is_of_own_tables(const Statement& statement) {
    using namespace directory_sql;
    return statement.name == authority_statement.name || statement.name == revocation_statement.name ||
           statement.name == user_statement.name || statement.name == strictest_policy_statement.name ||
           statement.name == policy_of_deploy_key_statement.name;
}

class MysqlCheck : FindingList {
  public:
    explicit MysqlCheck(const Config& config)
        : config_(config.mysql), own_tables_(config.has_own_tables()), forge_(config.forge) {}

    Findings run() {
        auto access = load_mysql_access(config_, MysqlAccount::serving);
        if (!access) {
            wrong(describe(access.error()), "correct [directory.mysql]");
            return take();
        }
        prepare_mysql_library();
        access->connect_timeout = host_patience;
        access->io_timeout = host_patience;
        if (auto session = reach_hosts(*access)) check_serving(*session, *access);
        if (uses_own_tables()) check_administration();
        return take();
    }

  private:
    // With configured statements, the accounts and all else are another program's to change.
    [[nodiscard]] bool uses_own_tables() const { return own_tables_; }
    [[nodiscard]] bool is_replaced(std::string_view statement) const {
        return config_.queries.contains(std::string(replaced_by(statement)));
    }

    // The first that lets us in, once all were tried: authz uses any of them when it has to.
    std::optional<MysqlSession> reach_hosts(const MysqlAccess& access) {
        std::optional<MysqlSession> first;
        for (const MysqlHost& host : access.uri.hosts) {
            auto session = try_mysql_session(access, host);
            if (!session) {
                tell_unreached(session.error(), access);
                continue;
            }
            good(access.uri.schema + " on " + host.text() + " answers " + access.user + ", " +
                 value_of(*session, "SELECT VERSION()"));
            check_secrecy(host, access);
            check_clock(*session, host);
            if (!first) first.emplace(std::move(*session));
        }
        return first;
    }

    void tell_unreached(const MysqlTrouble& trouble, const MysqlAccess& access) {
        const std::string remedy = mysql_remedy(trouble, access);
        wrong(trouble.text, remedy.empty() ? "see the server's log" : remedy);
    }

    void check_secrecy(const MysqlHost& host, const MysqlAccess& access) {
        if (host.is_near() || !access.ca_file.empty()) return;
        warning("queries to " + host.text() + " and their results are sent in plain text",
                "set directory.mysql.ca_file, or use a network that nobody else can listen to");
    }

    void check_clock(MysqlSession& session, const MysqlHost& host) {
        const UnixMillis before = unix_now();
        const std::string there = value_of(session, "SELECT CAST(UNIX_TIMESTAMP(NOW(3)) * 1000 AS SIGNED)");
        if (there.empty()) return;
        const std::int64_t skew = std::strtoll(there.c_str(), nullptr, 10) - (before + unix_now()) / 2;
        if (std::abs(skew) <= tolerable_skew) return;
        warning("the clock of " + host.text() + " is " + std::to_string(std::abs(skew) / 1000) + " s " +
                    (skew > 0 ? "ahead of" : "behind") + " this machine's",
                "synchronise the clocks (NTP): tickets and key expiry use this machine's clock");
    }

    // The statements fit whatever tables these columns are of.
    void check_forge(const MysqlAccess& access) {
        const auto rules = load_forge_rules(*forge_);
        if (!rules) return wrong(describe(rules.error()), "correct [forge]");
        auto database = open_mysql(access);
        if (!database) return wrong(describe(database.error()), "see the server's log");
        if (const auto fits = check_forge_tables(**database, *rules); !fits) {
            return wrong(describe(fits.error()),
                         "if the forge was upgraded, set forge.version; else grant "
                         "SELECT on its tables to " +
                             access.user);
        }
        const ForgeStatements statements(*rules);
        for (const Statement& statement : statements.all()) {
            if (const auto fits = database->get()->columns(statement); !fits)
                wrong(describe(fits.error()), "grant SELECT on the forge's tables to " + access.user);
        }
        good("the tables are those of " + std::string(name_in(forge_family_names, rules->family)));
    }

    void check_serving(MysqlSession& session, const MysqlAccess& access) {
        if (forge_) check_forge(access);
        for (const auto& [name, sql] : config_.queries) check_own_statement(name, sql, access);
        if (forge_) return;
        const auto statements = directory_statements();
        const auto stays = [&](const Statement& each) {
            return !is_replaced(each.name) && (uses_own_tables() || !is_of_own_tables(each));
        };
        if (std::none_of(statements.begin(), statements.end(), stays)) return;
        if (!check_version(session, access)) return;
        for (const Statement& statement : statements) {
            if (stays(statement)) check_statement(session, statement, access);
        }
        if (uses_own_tables()) check_rights(session, access);
    }

    void check_own_statement(const std::string& name, const std::string& sql, const MysqlAccess& access) {
        const std::string place = "directory.mysql.queries." + name;
        const auto own = parse_own_queries({{name, sql}});
        if (!own) return wrong(describe(own.error()), "correct " + place);
        auto database = open_mysql(access);
        if (!database) return wrong(describe(database.error()), "see the server's log");
        if (const auto fits = check_own_query(**database, name, own->at(name)); !fits) {
            return wrong(describe(fits.error()),
                         "correct it, or grant SELECT on its tables to " + access.user);
        }
        good(place + " works");
    }

    // False: there is no use in looking further.
    bool check_version(MysqlSession& session, const MysqlAccess& access) {
        constexpr const char* find = "SELECT COALESCE(MAX(version), 0) FROM schema_version";
        if (const auto trouble = trouble_with(session, find)) {
            tell_misfit("schema_version", *trouble, access);
            return false;
        }
        const int version = std::atoi(value_of(session, find).c_str());
        const int known = current_schema_version();
        if (version == known) {
            good("schema version " + std::to_string(version));
        } else if (version < known) {
            wrong("schema version " + std::to_string(version) + ", but this program needs " +
                      std::to_string(known),
                  "run `gerve schema migrate`");
        } else {
            wrong("schema version " + std::to_string(version) + " is newer than this program's " +
                      std::to_string(known),
                  "use a newer gerve");
        }
        return version == known;
    }

    void check_statement(MysqlSession& session, const Statement& statement, const MysqlAccess& access) {
        if (const auto trouble = trouble_with(session, statement.sql))
            tell_misfit(statement.name, *trouble, access);
    }

    void tell_misfit(std::string_view what, const MysqlTrouble& trouble, const MysqlAccess& access) {
        const std::string schema = access.uri.schema;
        if (is_denied(trouble)) {
            return wrong(trouble.text, "GRANT SELECT ON `" + schema + "`.* TO '" + access.user + "'");
        }
        const bool no_tables = trouble.number == 1146 && what == "schema_version";
        if (no_tables && !uses_own_tables()) {
            return wrong("some statements use Gerve's own tables, and " + schema + " has none",
                         "give all four in [directory.mysql.queries]: key, repository, permission, route");
        }
        if (no_tables) {
            return wrong(schema + " has no Gerve tables: " + trouble.text,
                         "run `gerve schema migrate`; or correct the schema in directory.mysql.uri");
        }
        wrong(trouble.text,
              "the schema's tables were changed by hand: compare with `gerve schema print`, or "
              "restore the table from a backup");
    }

    void check_rights(MysqlSession& session, const MysqlAccess& access) {
        const std::string on = " ON `" + access.uri.schema + "`.";
        if (const auto trouble = trouble_with(session, append_to_audit)) {
            warning(trouble->text, "GRANT INSERT" + on + "audit_events TO '" + access.user + "'");
        }
        if (const auto trouble = trouble_with(session, note_use)) {
            warning(trouble->text, "GRANT INSERT, UPDATE" + on + "key_last_used TO '" + access.user + "'");
        }
        if (!config_.admin_user.empty() && !trouble_with(session, add_account)) {
            warning("the serving account " + access.user + " may change accounts and keys",
                    "REVOKE INSERT, UPDATE, DELETE" + on + "* FROM '" + access.user +
                        "'; mysql-accounts.sql, which comes with Gerve, lists what it needs");
        }
    }

    void check_administration() {
        auto access = load_mysql_access(config_, MysqlAccount::administrative);
        if (!access) return wrong(describe(access.error()), "correct [directory.mysql]");
        access->connect_timeout = host_patience;
        access->io_timeout = host_patience;
        for (const MysqlHost& host : access->uri.hosts) {
            auto session = try_mysql_session(*access, host);
            if (session) return check_changes(*session, *access, host);
            // That a host is away is told already.
            if (mysql_errors::meaning_of(session.error().number) == mysql_errors::Meaning::configuration)
                return tell_unreached(session.error(), *access);
        }
    }

    void check_changes(MysqlSession& session, const MysqlAccess& access, const MysqlHost& host) {
        if (value_of(session, "SELECT @@global.read_only") == "1") {
            warning(host.text() + " is read-only: a replica?",
                    "put the primary first in directory.mysql.uri; only reads work on a replica");
        }
        for (const char* change : changes) {
            const auto trouble = trouble_with(session, change);
            if (!trouble || !is_denied(*trouble)) continue;  // a table that is missing is told already
            return warning(
                "commands cannot change the directory: " + trouble->text,
                config_.admin_user.empty()
                    ? "set another account in directory.mysql.admin_user"
                    : "give " + access.user + " the grants in mysql-accounts.sql, which comes with Gerve");
        }
        if (!config_.admin_user.empty())
            good("commands use the account " + access.user + ", which may change the directory");
    }

    const MysqlConfig& config_;
    const bool own_tables_;
    const std::optional<ForgeConfig>& forge_;
};

}  // namespace

Findings check_mysql(const Config& config) {
    return MysqlCheck(config).run();
}

}  // namespace gerve
