#include "authz/model/forge.h"

#include <charconv>
#include <optional>

#include "authz/base/text.h"

namespace gerve {
namespace {

std::optional<unsigned> whole_number(std::string_view text) {
    unsigned number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return number;
}

}  // namespace

std::string_view forge_title(ForgeKind kind) {
    return kind == ForgeKind::forgejo ? "Forgejo" : "Gitea";
}

Result<ForgeVersion> ForgeVersion::parse(std::string_view text) {
    const auto parts = split(text.substr(0, text.find_first_of("+-")), '.');
    const auto part = [&](std::size_t at) {
        return parts.size() == 3 ? whole_number(parts[at]) : std::nullopt;
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
