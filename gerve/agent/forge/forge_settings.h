// The table [forge] of gerve-agent.toml: the program whose hooks a push runs here, and what they need.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "authz/model/forge.h"

namespace gerve {

class TomlTable;

// What a forge's app.ini says of the machine that its hooks run on.
struct AppIniFacts {
    std::string user;          // RUN_USER; empty: it does not say
    bool any_user = false;     // START_SSH_SERVER: hooks do not compare who runs them with RUN_USER
    std::string root;          // [repository] ROOT
    std::string home;          // [git] HOME_PATH
    std::string root_url;      // ROOT_URL; empty: it does not say
    std::string local_url;     // LOCAL_ROOT_URL: where hooks reach the forge
    bool wants_proxy = false;  // LOCAL_USE_PROXY_PROTOCOL: connections to it begin with a PROXY header
};

struct ForgeSettings {
    std::optional<ForgeKind> kind;  // nothing: another program, whose hooks go by hook_variables
    ForgeVersion version{};
    std::string home;                         // of git and its hooks; empty: none
    std::vector<std::string> hook_variables;  // names that a ticket may set, beside those of the kind
    std::string user;  // of this process; asked once, since a name service may take its time
    // Of a Forgejo or Gitea:
    std::string app_ini;    // absolute
    std::string program;    // that its hooks run, absolute
    std::string work_path;  // GITEA_WORK_DIR; empty: app.ini says it
    AppIniFacts facts;
    std::string unread;  // why app.ini could not be read; empty: `facts` are from there

    [[nodiscard]] bool allows(std::string_view variable) const;
    // Gitea from 1.24 on keeps /etc/gitconfig from its git.
    [[nodiscard]] bool ignores_system_config() const;
};

// Nothing: there is no such table. Reads app.ini, unless it cannot: what depends on it is proven later, and
// fetches need not wait for it.
[[nodiscard]] std::optional<ForgeSettings> read_forge_settings(TomlTable table);

// Of the text of an app.ini, whose name is `name`. `program` and `work_path` as above. Error: client.
[[nodiscard]] Result<AppIniFacts> parse_app_ini(std::string_view text, const std::string& name,
                                                ForgeKind kind, const std::string& program,
                                                const std::string& work_path);

}  // namespace gerve
