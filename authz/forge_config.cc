#include "authz/forge_config.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <array>

#include "authz/base/fd.h"
#include "authz/base/ini.h"
#include "authz/base/text.h"
#include "authz/base/toml.h"

namespace gerve {
namespace {

// As app.ini spells units; of a repository's parts these two are served by git.
const std::vector<std::string> unit_names{
    "repo.code",     "repo.issues",   "repo.ext_issues", "repo.pulls",    "repo.wiki",
    "repo.ext_wiki", "repo.projects", "repo.packages",   "repo.releases", "repo.actions"};

void disable(ForgeRules& rules, std::string_view unit) {
    if (unit == "repo.code") rules.code_disabled = true;
    if (unit == "repo.wiki") rules.wiki_disabled = true;
}

bool is_root_url(std::string_view url) {
    return (url.starts_with("https://") || url.starts_with("http://")) && url.ends_with('/') &&
           url.size() > 8 && std::all_of(url.begin(), url.end(), [](char c) { return c > 0x20 && c < 0x7f; });
}

void read_version(TomlTable& table, ForgeRules& rules) {
    if (!table.has("kind"))
        table.complain("kind", "is missing: write kind = \"forgejo\" or kind = \"gitea\"");
    rules.kind = table.choice("kind", forge_kind_names, rules.kind);
    const std::string text = table.text("version");
    if (text.empty())
        return table.complain("version", "is missing: write the forge's version, as in version = \"12.0.4\"");
    const auto version = ForgeVersion::parse(text);
    if (!version) return table.complain("version", version.error().told);
    const auto family = family_of(rules.kind, *version);
    if (!family) return table.complain("version", family.error().told);
    rules.version = *version;
    rules.family = *family;
}

bool knows_second_factor(const ForgeRules& rules) {
    return rules.kind == ForgeKind::forgejo && rules.version.major >= 13;
}

// What app.ini says otherwise.
void read_settings(TomlTable& table, ForgeRules& rules) {
    rules.root_url = table.text("root_url");
    if (!is_root_url(rules.root_url)) {
        table.complain(
            "root_url",
            "must be the forge's ROOT_URL, as in \"https://git.example.org/\"; or name its app.ini: "
            "app_ini = \"/etc/forgejo/app.ini\"");
    }
    rules.require_signin = table.flag("require_signin_view", rules.require_signin);
    rules.force_private = table.flag("force_private", rules.force_private);
    rules.two_factor = table.choice("two_factor_requirement", two_factor_names, rules.two_factor);
    if (rules.two_factor != TwoFactorDemand::none && !knows_second_factor(rules))
        table.complain("two_factor_requirement", "is a setting of Forgejo 13 or later");
    const auto units = table.texts("disabled_repo_units");
    for (std::size_t i = 0; i < units.size(); ++i) {
        if (std::find(unit_names.begin(), unit_names.end(), units[i]) == unit_names.end())
            table.complain("disabled_repo_units", i, "must be one of " + join(unit_names, ", "));
        disable(rules, units[i]);
    }
}

void read_file_server(TomlTable& table, ForgeConfig& config) {
    config.server = table.text("server");
    config.endpoints = table.texts("endpoints");
    if (config.server.empty() != config.endpoints.empty()) {
        table.complain("server",
                       "and endpoints must be given together: write server = \"fs1\", and endpoints = "
                       "[\"unix:/run/gerve/agent.sock\"]");
    }
    if (!config.server.empty() && !ServerName::parse(config.server))
        table.complain("server", "must be the `name` of an agent");
    for (std::size_t i = 0; i < config.endpoints.size(); ++i) {
        const auto endpoint = Endpoint::parse(config.endpoints[i]);
        if (!endpoint) table.complain("endpoints", i, "is invalid: " + endpoint.error().told);
    }
}

// Takes settings out of an app.ini, and remembers the first error.
class AppIni {
  public:
    AppIni(const IniFile& file, ForgeRules& rules) : file_(file), rules_(rules) {}

    Result<void> read() {
        take("server", "ROOT_URL", [&](const std::string& url) -> std::string {
            rules_.root_url = url.ends_with('/') ? url : url + "/";
            return is_root_url(rules_.root_url) ? "" : "is not a URL";
        });
        take("service", "REQUIRE_SIGNIN_VIEW", [&](const std::string& text) { return take_signin(text); });
        take("repository", "FORCE_PRIVATE",
             [&](const std::string& text) { return take_flag(text, rules_.force_private); });
        take("repository", "DISABLED_REPO_UNITS", [&](const std::string& text) { return take_units(text); });
        if (knows_second_factor(rules_)) {
            take("security", "GLOBAL_TWO_FACTOR_REQUIREMENT", [&](const std::string& text) -> std::string {
                const auto demand = find_in<TwoFactorDemand>(two_factor_names, text);
                if (demand) rules_.two_factor = *demand;
                return demand ? "" : "must be none, all or admin";
            });
        }
        if (outcome_ && rules_.root_url.empty())
            return file_.complaint("server", "ROOT_URL", "is missing: Gerve needs it in [server]");
        return outcome_;
    }

  private:
    // `work` answers with what is wrong with the value.
    template <class Work>
    void take(const std::string& section, const std::string& key, Work work) {
        if (!outcome_) return;
        const auto value = file_.find(section, key);
        if (!value)
            outcome_ = pass_on(value);
        else if (*value) {
            if (const std::string wrong = work(**value); !wrong.empty())
                outcome_ = file_.complaint(section, key, wrong);
        }
    }
    static std::string take_flag(const std::string& text, bool& flag) {
        const auto value = parse_ini_flag(text);
        if (value) flag = *value;
        return value ? "" : "must be true or false";
    }
    // Gitea's `expensive` asks for a login to costly pages alone.
    std::string take_signin(const std::string& text) {
        const bool knows_expensive =
            rules_.kind == ForgeKind::gitea && rules_.version >= ForgeVersion{1, 23, 0};
        if (knows_expensive && text == "expensive") return "";
        return take_flag(text, rules_.require_signin);
    }
    std::string take_units(const std::string& text) {
        for (const std::string_view word : split(text, ',')) {
            const std::string unit = fold_case(trim(word));
            if (unit.empty()) continue;
            if (std::find(unit_names.begin(), unit_names.end(), unit) == unit_names.end())
                return "names \"" + printable(unit, 60) + "\", which is not a unit";
            disable(rules_, unit);
        }
        return "";
    }

    const IniFile& file_;
    ForgeRules& rules_;
    Result<void> outcome_{};
};

}  // namespace

std::optional<ForgeConfig> read_forge(TomlTable table, bool uses_mysql,
                                      const std::map<std::string, std::string>& queries) {
    if (!table.present()) return std::nullopt;
    ForgeConfig config;
    if (!uses_mysql) table.complain("kind", "needs the forge's database: set directory.backend = \"mysql\"");
    for (const char* query : {"key", "repository", "permission"}) {
        if (!queries.contains(query)) continue;
        table.complain("kind", "and directory.mysql.queries." + std::string(query) +
                                   " exclude each other: Gerve has statements of its own for a forge");
    }
    read_version(table, config.rules);
    config.app_ini = table.path("app_ini");
    config.rules.readers_push = table.flag("readers_push", config.rules.readers_push);
    read_file_server(table, config);
    if (!config.server.empty() && queries.contains("route"))
        table.complain("server", "and directory.mysql.queries.route exclude each other");
    if (config.app_ini.empty()) {
        read_settings(table, config.rules);
        return config;
    }
    for (const char* key : {"root_url", "require_signin_view", "force_private", "two_factor_requirement",
                            "disabled_repo_units"}) {
        if (table.has(key)) table.complain(key, "is taken from app_ini: remove one of the two");
    }
    return config;
}

Result<ForgeRules> with_app_ini(ForgeRules rules, std::string_view text, std::string name) {
    const auto file = IniFile::parse(text, std::move(name));
    if (!file) return pass_on(file);
    if (auto read = AppIni(*file, rules).read(); !read) return pass_on(read);
    return rules;
}

Result<ForgeRules> load_forge_rules(const ForgeConfig& config) {
    if (config.app_ini.empty()) return config.rules;
    auto text = read_file(config.app_ini);
    if (!text) {
        return client_error("forge.app_ini: " + describe(text.error()) +
                            "; let the gateway's user read it, or copy its settings into [forge]");
    }
    auto rules = with_app_ini(config.rules, *text, config.app_ini);
    OPENSSL_cleanse(text->data(), text->size());  // the forge's secrets stand in it, too
    return rules;
}

}  // namespace gerve
