#include "gerve/agent/forge/forge_settings.h"

#include <openssl/crypto.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "authz/base/fd.h"
#include "authz/base/ini.h"
#include "authz/base/toml.h"
#include "authz/model/hook_variables.h"
#include "authz/os/system_user.h"

namespace gerve {
namespace {

constexpr std::array<std::string_view, 3> settings_kinds{"forgejo", "gitea", "other"};

std::string below(const std::string& directory, const std::string& path) {
    return path.starts_with('/') ? path : directory + "/" + path;
}

std::string directory_of(const std::string& path) {
    const auto slash = path.rfind('/');
    return slash == std::string::npos ? "" : path.substr(0, slash);
}

// Reads keys of an app.ini, and remembers the first error.
class IniKeys {
  public:
    explicit IniKeys(const IniFile& file) : file_(file) {}

    std::string text(const std::string& section, const std::string& key, std::string fallback = {}) {
        auto value = file_.find(section, key);
        if (!value && outcome_) outcome_ = pass_on(value);
        return value && *value ? std::move(**value) : std::move(fallback);
    }
    bool flag(const std::string& section, const std::string& key, bool fallback = false) {
        return parse_ini_flag(text(section, key)).value_or(fallback);
    }
    [[nodiscard]] const Result<void>& outcome() const { return outcome_; }

  private:
    const IniFile& file_;
    Result<void> outcome_{};
};

// As the forge makes it up, where app.ini does not say it (modules/setting/server.go). `work`: its work path.
std::string default_local_url(IniKeys& keys, const std::string& work) {
    const std::string protocol = keys.text("server", "PROTOCOL", "http");
    const std::string address = keys.text("server", "HTTP_ADDR", "0.0.0.0");
    if (protocol == "http+unix" || protocol == "unix") return "unix:" + below(work, address);
    if (protocol == "fcgi" || protocol == "fcgi+unix") return keys.text("server", "ROOT_URL");
    const std::string host = address == "0.0.0.0" || address == "::" ? "localhost" : address;
    const std::string named = host.find(':') == std::string::npos ? host : "[" + host + "]";
    return protocol + "://" + named + ":" + keys.text("server", "HTTP_PORT", "3000") + "/";
}

void read_names(TomlTable& table, ForgeSettings& settings) {
    settings.hook_variables = table.texts("hook_variables");
    for (std::size_t i = 0; i < settings.hook_variables.size(); ++i) {
        if (!is_hook_variable_name(settings.hook_variables[i]))
            table.complain("hook_variables", i,
                           "is a variable that no ticket may set: the system, git, the agent or the forge's "
                           "checks go by it");
    }
}

void read_version(TomlTable& table, ForgeSettings& settings) {
    const auto version = ForgeVersion::parse(table.text("version"));
    if (!version) return table.complain("version", version.error().told);
    settings.version = *version;
    if (const auto family = family_of(*settings.kind, *version); !family)
        table.complain("version", family.error().told);
}

std::string need_path(TomlTable& table, std::string_view key, const std::string& what) {
    std::string path = table.path(key);
    if (path.empty()) table.complain(key, "is missing: " + what);
    return path;
}

// The file holds the forge's secrets, which nobody needs here.
void read_facts(ForgeSettings& settings) {
    if (settings.app_ini.empty()) return;
    auto text = read_file(settings.app_ini);
    auto facts =
        text ? parse_app_ini(*text, settings.app_ini, *settings.kind, settings.program, settings.work_path)
             : Result<AppIniFacts>(pass_on(text));
    if (text) OPENSSL_cleanse(text->data(), text->size());
    if (facts)
        settings.facts = std::move(*facts);
    else
        settings.unread = describe(facts.error());
    if (settings.home.empty()) settings.home = settings.facts.home;
}

}  // namespace

bool ForgeSettings::allows(std::string_view variable) const {
    const auto& known = variables_of_forges;
    return variable == original_command_variable ||
           std::find(hook_variables.begin(), hook_variables.end(), variable) != hook_variables.end() ||
           (kind && std::find(known.begin(), known.end(), variable) != known.end());
}

bool ForgeSettings::ignores_system_config() const {
    return kind == ForgeKind::gitea && version >= ForgeVersion{1, 24, 0};
}

Result<AppIniFacts> parse_app_ini(std::string_view text, const std::string& name, ForgeKind kind,
                                  const std::string& program, const std::string& work_path) {
    const auto file = IniFile::parse(text, name);
    if (!file) return pass_on(file);
    IniKeys keys(*file);
    AppIniFacts facts;
    facts.user = keys.text("", "RUN_USER");
    facts.any_user = keys.flag("server", "START_SSH_SERVER");
    const std::string work =
        keys.text("", "WORK_PATH", work_path.empty() ? directory_of(program) : work_path);
    const std::string data = below(work, keys.text("server", "APP_DATA_PATH", "data"));
    const std::string repositories(kind == ForgeKind::forgejo ? "forgejo-repositories"
                                                              : "gitea-repositories");
    facts.root = below(work, keys.text("repository", "ROOT", data + "/" + repositories));
    facts.home = below(data, keys.text("git", "HOME_PATH", "home"));
    facts.root_url = keys.text("server", "ROOT_URL");
    if (!facts.root_url.empty() && !facts.root_url.ends_with('/')) facts.root_url += '/';
    facts.local_url = keys.text("server", "LOCAL_ROOT_URL");
    if (facts.local_url.empty() || facts.local_url == "http://unix/")
        facts.local_url = default_local_url(keys, work);
    facts.wants_proxy =
        keys.flag("server", "LOCAL_USE_PROXY_PROTOCOL", keys.flag("server", "USE_PROXY_PROTOCOL"));
    if (!keys.outcome()) return pass_on(keys.outcome());
    return facts;
}

std::optional<ForgeSettings> read_forge_settings(TomlTable table) {
    if (!table.present()) return std::nullopt;
    ForgeSettings settings;
    settings.user = system_user_text(::geteuid());
    if (!table.has("kind"))
        table.complain("kind", "is missing: write kind = \"forgejo\", kind = \"gitea\" or kind = \"other\"");
    const std::string kind = table.choice("kind", settings_kinds, "other");
    settings.kind = find_in<ForgeKind>(forge_kind_names, kind);
    settings.home = table.path("home");
    read_names(table, settings);
    if (!settings.kind) return settings;
    read_version(table, settings);
    settings.app_ini = need_path(table, "app_ini", "the forge's configuration, which its hooks name, too");
    settings.program = need_path(table, "program", "the forge's program, which its hooks run");
    settings.work_path = table.path("work_path");
    read_facts(settings);
    return settings;
}

}  // namespace gerve
