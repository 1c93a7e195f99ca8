#include "authz/model/forge.h"

#include <limits>
#include <optional>

#include "authz/base/text.h"

namespace gerve {
namespace {

// A part of a version.
std::optional<unsigned> number_of_part(std::string_view text) {
    const auto number = parse_decimal(text);
    if (!number || *number > std::numeric_limits<unsigned>::max()) return std::nullopt;
    return static_cast<unsigned>(*number);
}

}  // namespace

std::string_view forge_title(ForgeKind kind) {
    return kind == ForgeKind::forgejo ? "Forgejo" : "Gitea";
}

Result<ForgeVersion> ForgeVersion::parse(std::string_view text) {
    const auto parts = split(text.substr(0, text.find_first_of("+-")), '.');
    const auto part = [&](std::size_t at) {
        return parts.size() == 3 ? number_of_part(parts[at]) : std::nullopt;
    };
    const auto major = part(0);
    const auto minor = part(1);
    const auto patch = part(2);
    if (!major || !minor || !patch)
        return client_error("must be the forge's complete version, as in \"12.0.4\" or \"1.25.3\"");
    return ForgeVersion{*major, *minor, *patch};
}

std::string ForgeVersion::text() const {
    return std::to_string(major) + "." + std::to_string(minor) + "." + std::to_string(patch);
}

Result<ForgeFamily> family_of(ForgeKind kind, const ForgeVersion& version) {
    if (kind == ForgeKind::forgejo) {
        if (version.major < 7) return client_error("is too old: Gerve knows Forgejo from 7.0.0 on");
        if (version.major > 16) return client_error("is not known: Gerve knows Forgejo 7 to 16");
        return ForgeFamily::forgejo;
    }
    if (version < ForgeVersion{1, 19, 0}) return client_error("is too old: Gerve knows Gitea from 1.19.0 on");
    if (version >= ForgeVersion{1, 28, 0})
        return client_error("is not known: Gerve knows Gitea 1.19 to 1.27");
    if (version.minor <= 21) return ForgeFamily::gitea_1_21;
    return version.minor <= 23 ? ForgeFamily::gitea_1_22 : ForgeFamily::gitea_1_24;
}

}  // namespace gerve
