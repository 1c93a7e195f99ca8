// A configuration for the server under test, with the two accounts of packaging/schema/mysql-accounts.sql.
#pragma once

#include <sys/stat.h>

#include <fstream>
#include <sstream>

#include "authz/config.h"
#include "tests/unit/authz/store/fixture.h"

namespace gerve::testing {

inline void replace_all(std::string& text, const std::string& what, const std::string& by) {
    for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + by.size())) {
        text.replace(at, what.size(), by);
    }
}

// As the server's administrator, who runs it line by line with `mysql --force`.
inline void run_accounts_script(const TemporarySchema& schema) {
    const auto database = schema.connect();
    must(database->run_script("DROP USER IF EXISTS 'gerve'@'%';\nDROP USER IF EXISTS 'gerve_admin'@'%';"));
    std::ifstream file(ACCOUNTS_SQL);
    std::stringstream content;
    content << file.rdbuf();
    std::string script = content.str();
    REQUIRE_FALSE(script.empty());
    replace_all(script, "@SCHEMA@", schema.name());
    replace_all(script, "@SERVE_PASSWORD@", "serve-secret");
    replace_all(script, "@ADMIN_PASSWORD@", "admin-secret");
    must(database->run_script(script));
    must(schema.connect()->run_script(script));
}

struct Configured : TemporarySchema, TemporaryDirectory {
    Configured() {
        config.backend = Backend::mysql;
        config.mysql.uri = "unix://" + access().uri.hosts[0].socket + "?schema=" + name();
        config.mysql.user = "gerve";
        config.mysql.password_file = secret("serve", "serve-secret\n");
        config.mysql.admin_user = "gerve_admin";
        config.mysql.admin_password_file = secret("admin", "admin-secret");
    }
    std::string secret(const std::string& name, const std::string& content) {
        std::ofstream(file(name)) << content;
        REQUIRE(::chmod(file(name).c_str(), 0600) == 0);
        return file(name);
    }
    Config config;
};

}  // namespace gerve::testing
