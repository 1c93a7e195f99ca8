// A Forgejo or Gitea whose tables are the directory: which rules hold there, by its version and its app.ini.
#pragma once

#include <array>
#include <compare>
#include <string>
#include <string_view>

#include "authz/base/result.h"

namespace gerve {

enum class ForgeKind { forgejo, gitea };
constexpr std::array<std::string_view, 2> forge_kind_names{"forgejo", "gitea"};

[[nodiscard]] std::string_view forge_title(ForgeKind kind);  // "Forgejo", "Gitea"

// Complete: rules change within patch releases.
struct ForgeVersion {
    unsigned major = 0;
    unsigned minor = 0;
    unsigned patch = 0;

    // "1.25.3"; what follows a '+' or '-' ("12.0.4+gitea-1.22.0") is ignored. Error: client.
    [[nodiscard]] static Result<ForgeVersion> parse(std::string_view text);
    [[nodiscard]] std::string text() const;
    friend auto operator<=>(const ForgeVersion&, const ForgeVersion&) = default;
};

// By the columns of its tables, and by how a user's access to a unit comes about.
enum class ForgeFamily {
    forgejo,     // 7 and later
    gitea_1_21,  // and before, from 1.19 on
    gitea_1_22,  // and 1.23
    gitea_1_24,  // and later
};
constexpr std::array<std::string_view, 4> forge_family_names{"Forgejo 7 or later", "Gitea 1.19 to 1.21",
                                                             "Gitea 1.22 or 1.23", "Gitea 1.24 or later"};

// Error: client, a version whose rules are not known.
[[nodiscard]] Result<ForgeFamily> family_of(ForgeKind kind, const ForgeVersion& version);

// Of app.ini, [security] GLOBAL_TWO_FACTOR_REQUIREMENT: whose accounts need a second factor.
enum class TwoFactorDemand { none, all, admin };
constexpr std::array<std::string_view, 3> two_factor_names{"none", "all", "admin"};

// A part of a repository that is served by git (repo_unit.type, team_unit.type).
enum class ForgeUnit : int { code = 1, wiki = 5 };

// What policy and the statements go by.
struct ForgeRules {
    ForgeKind kind = ForgeKind::forgejo;
    ForgeVersion version{};
    ForgeFamily family = ForgeFamily::forgejo;
    std::string root_url{};  // ends in '/'
    bool require_signin = false;
    bool force_private = false;
    bool code_disabled = false;  // in the whole forge
    bool wiki_disabled = false;
    TwoFactorDemand two_factor = TwoFactorDemand::none;
    // Readers reach receive-pack, and the forge's hooks decide on each reference.
    bool readers_push = false;

    [[nodiscard]] bool disables(ForgeUnit unit) const {
        return unit == ForgeUnit::code ? code_disabled : wiki_disabled;
    }
    // Restricted users see public repositories of public owners.
    [[nodiscard]] bool restricted_see_public() const {
        return family == ForgeFamily::gitea_1_24 && version >= ForgeVersion{1, 25, 0};
    }
    // Old names are followed, once no repository has them. 1.25.0 to 1.25.2 prefer the old name, which leads
    // to the wrong repository: there they are not followed at all.
    [[nodiscard]] bool follows_redirects() const {
        return family == ForgeFamily::gitea_1_24 && version >= ForgeVersion{1, 25, 3};
    }
    // Names are taken in lower case from the start.
    [[nodiscard]] bool folds_names() const {
        return kind == ForgeKind::gitea && version < ForgeVersion{1, 21, 0};
    }
};

}  // namespace gerve
