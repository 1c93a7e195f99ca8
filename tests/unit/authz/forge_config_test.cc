#include "authz/forge_config.h"

#include <doctest/doctest.h>

#include "authz/config.h"

using namespace gerve;

namespace {

const std::string in_mysql =
    "[directory]\nbackend = \"mysql\"\n[directory.mysql]\nuri = \"tcp://db:3306/forge\"\n";
const std::string forgejo = "kind = \"forgejo\"\nversion = \"12.0.4\"\n";
const std::string at_root = "root_url = \"https://git.example.org/\"\n";

std::string forge_problem(const std::string& lines, const std::string& directory = in_mysql) {
    const auto config = parse_config(directory + "[forge]\n" + lines, "g.toml");
    return config ? std::string() : config.error().front().text;
}

ForgeRules forge_rules(ForgeKind kind, const char* version) {
    ForgeRules rules;
    rules.kind = kind;
    rules.version = ForgeVersion::parse(version).value();
    rules.family = family_of(kind, rules.version).value();
    return rules;
}

std::string app_ini_error(const std::string& text, ForgeKind kind = ForgeKind::forgejo,
                          const char* version = "13.0.5") {
    const auto rules = with_app_ini(forge_rules(kind, version), text, "app.ini");
    return rules ? std::string() : rules.error().told;
}

}  // namespace

TEST_CASE("a forge is a kind and a complete version") {
    const auto config = parse_config(in_mysql + "[forge]\n" + forgejo + at_root, "g.toml");
    REQUIRE(config.has_value());
    REQUIRE(config->forge.has_value());
    CHECK(config->forge->rules.family == ForgeFamily::forgejo);
    CHECK_FALSE(config->forge->rules.readers_push);
    CHECK_FALSE(config->has_own_tables());
    CHECK(forge_problem(at_root + "version = \"12.0.4\"\n").find("forge.kind is missing") == 0);
    CHECK(forge_problem("kind = \"forgejo\"\n" + at_root).find("forge.version is missing") == 0);
    CHECK(forge_problem("kind = \"gitea\"\nversion = \"1.25\"\n" + at_root).find("forge.version must be") ==
          0);
    CHECK(forge_problem("kind = \"forgejo\"\nversion = \"6.0.1\"\n" + at_root)
              .find("forge.version is too old") == 0);
    CHECK(forge_problem("kind = \"forgejo\"\nversion = \"16.0.9\"\n" + at_root).empty());
    CHECK(forge_problem("kind = \"forgejo\"\nversion = \"17.0.0\"\n" + at_root)
              .find("forge.version is not known") == 0);
    CHECK(forge_problem("kind = \"gitea\"\nversion = \"1.27.9\"\n" + at_root).empty());
    CHECK(forge_problem("kind = \"gitea\"\nversion = \"1.28.0\"\n" + at_root)
              .find("forge.version is not known") == 0);
}

TEST_CASE("a forge's settings come from app.ini or from gerve.toml") {
    CHECK(forge_problem(forgejo).find("forge.root_url must be") == 0);
    CHECK(forge_problem(forgejo + "app_ini = \"/etc/app.ini\"\n").empty());
    CHECK(forge_problem(forgejo + "app_ini = \"/etc/app.ini\"\n" + at_root)
              .find("forge.root_url is taken from") == 0);
    CHECK(forge_problem(forgejo + at_root + "disabled_repo_units = [\"wiki\"]\n")
              .find("forge.disabled_repo_units") == 0);
    CHECK(forge_problem(forgejo + at_root + "server = \"fs1\"\n").find("forge.server and endpoints") == 0);
    CHECK(forge_problem(forgejo + at_root, "").find("forge.kind needs the forge's database") == 0);
    const std::string key = "[directory.mysql.queries]\nkey = \"SELECT 1\"\n";
    CHECK(forge_problem(forgejo + at_root, in_mysql + key).find("exclude each other") != std::string::npos);
    const std::string route = "[directory.mysql.queries]\nroute = \"SELECT 1\"\n";
    CHECK(forge_problem(forgejo + at_root, in_mysql + route).empty());
    const std::string all = "two_factor_requirement = \"all\"\n";
    CHECK(forge_problem(forgejo + at_root + all).find("forge.two_factor_requirement is a setting of") == 0);
    CHECK(forge_problem("kind = \"forgejo\"\nversion = \"13.0.5\"\n" + at_root + all).empty());
    const std::string fs1 = "server = \"fs1\"\nendpoints = [\"fs1:9419\"]\n";
    CHECK(forge_problem(forgejo + at_root + fs1).empty());
    CHECK(forge_problem(forgejo + at_root + fs1, in_mysql + route)
              .find("forge.server and directory.mysql.queries.route") == 0);
}

TEST_CASE("families and rules change at the borders of versions") {
    CHECK(forge_rules(ForgeKind::gitea, "1.21.11").family == ForgeFamily::gitea_1_21);
    CHECK(forge_rules(ForgeKind::gitea, "1.22.0").family == ForgeFamily::gitea_1_22);
    CHECK(forge_rules(ForgeKind::gitea, "1.23.8").family == ForgeFamily::gitea_1_22);
    CHECK(forge_rules(ForgeKind::gitea, "1.24.0").family == ForgeFamily::gitea_1_24);
    CHECK_FALSE(forge_rules(ForgeKind::gitea, "1.24.7").restricted_see_public());
    CHECK(forge_rules(ForgeKind::gitea, "1.25.0").restricted_see_public());
    CHECK_FALSE(forge_rules(ForgeKind::gitea, "1.25.2").follows_redirects());
    CHECK(forge_rules(ForgeKind::gitea, "1.25.3").follows_redirects());
    CHECK_FALSE(forge_rules(ForgeKind::forgejo, "15.0.3").follows_redirects());
    CHECK(forge_rules(ForgeKind::gitea, "1.20.6").folds_names());
    CHECK(ForgeVersion::parse("12.0.4+gitea-1.22.0").value().text() == "12.0.4");
}

TEST_CASE("app.ini is read as the forge reads it") {
    const auto rules = with_app_ini(forge_rules(ForgeKind::forgejo, "13.0.5"),
                                    "RUN_USER = git\n; a comment\n[server]\nDOMAIN = git.example.org\n"
                                    "ROOT_URL = https://%(DOMAIN)s ; where it is\n"
                                    "[service]\nREQUIRE_SIGNIN_VIEW = \"true\"\n"
                                    "[repository]\nDISABLED_REPO_UNITS = Repo.Wiki, repo.issues\n"
                                    "FORCE_PRIVATE=on\n[mailer]\nPASSWD = `a#b\nc`\n"
                                    "[security]\nGLOBAL_TWO_FACTOR_REQUIREMENT = admin\n",
                                    "app.ini");
    REQUIRE(rules.has_value());
    CHECK(rules->root_url == "https://git.example.org/");
    CHECK(rules->require_signin);
    CHECK(rules->force_private);
    CHECK(rules->wiki_disabled);
    CHECK_FALSE(rules->code_disabled);
    CHECK(rules->two_factor == TwoFactorDemand::admin);
}

TEST_CASE("what is wrong in app.ini is told with its line") {
    const std::string url = "[server]\nROOT_URL = https://git.example.org/\n";
    CHECK(app_ini_error(url).empty());
    CHECK(app_ini_error("[server\n") == "app.ini:1: a section's name does not end: ']' is missing");
    CHECK(app_ini_error("\nwords\n") == "app.ini:2: expected KEY = VALUE, a [section] or a comment");
    CHECK(app_ini_error("A = `x\n").find("app.ini:1: a quoted value does not end") == 0);
    CHECK(app_ini_error("[server]\nROOT_URL = %(X)s\n") ==
          "app.ini:2: %(X)s names no key of this section or of the top");
    CHECK(app_ini_error("[server]\nROOT_URL = %(ROOT_URL)s\n") ==
          "app.ini:2: %(ROOT_URL)s leads back to itself");
    CHECK(app_ini_error("[server]\nROOT_URL = git\n") == "app.ini:2: ROOT_URL is not a URL");
    CHECK(app_ini_error("") == "app.ini: ROOT_URL is missing: Gerve needs it in [server]");
    CHECK(app_ini_error(url + "[repository]\nFORCE_PRIVATE = maybe\n") ==
          "app.ini:4: FORCE_PRIVATE must be true or false");
    CHECK(app_ini_error(url + "[repository]\nDISABLED_REPO_UNITS = wiki\n") ==
          "app.ini:4: DISABLED_REPO_UNITS names \"wiki\", which is not a unit");
    const std::string expensive = url + "[service]\nREQUIRE_SIGNIN_VIEW = expensive\n";
    CHECK(app_ini_error(expensive, ForgeKind::gitea, "1.23.8").empty());
    CHECK(app_ini_error(expensive, ForgeKind::gitea, "1.22.6") ==
          "app.ini:4: REQUIRE_SIGNIN_VIEW must be true or false");
}
