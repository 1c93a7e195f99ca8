#include "gerve/cli/declared_text.h"

#include <cstdio>

#include "authz/base/text.h"
#include "authz/base/units.h"
#include "gerve/cli/output.h"

namespace gerve {
namespace {

constexpr std::string_view introduction =
    "# Accounts, keys, teams, repositories and grants, as `gerve export` writes them.\n"
    "# `gerve apply --dry-run FILE` shows what differs from it, `gerve apply FILE` makes it so.\n";

// Of a well-formed UTF-8 sequence.
std::uint32_t code_point_of(std::string_view sequence) {
    const auto lead = static_cast<unsigned char>(sequence.front());
    if (sequence.size() == 1) return lead;
    std::uint32_t code = lead & (0xffU >> (sequence.size() + 1));
    for (const char next : sequence.substr(1)) code = code << 6 | (static_cast<unsigned char>(next) & 0x3fU);
    return code;
}

std::string escaped(std::uint32_t code) {
    char text[16];
    std::snprintf(text, sizeof text, code > 0xffff ? "\\U%08X" : "\\u%04X", code);
    return text;
}

std::string assignment(std::string_view key, std::string_view value) {
    return std::string(key) + " = " + std::string(value) + "\n";
}

std::string flag(std::string_view key, bool value) {
    return value ? assignment(key, "true") : "";
}

// One name a line, so that a comparison of two files shows each that came or went.
std::string name_list(std::string_view key, const std::vector<std::string>& names) {
    if (names.empty()) return "";
    if (names.size() == 1) return assignment(key, "[" + toml_string(names.front()) + "]");
    std::string text = std::string(key) + " = [\n";
    for (const std::string& name : names) text += "    " + toml_string(name) + ",\n";
    return text + "]\n";
}

std::string key_text(std::string_view table, const DeclaredKey& key) {
    std::string text = "\n[[" + std::string(table) + "]]\n# " + key.key.fingerprint().text() + "\n";
    text += assignment("key", toml_string(key.key.text()));
    if (!key.title.empty()) text += assignment("title", toml_string(key.title));
    text += flag("write", key.can_write);
    if (key.expires) text += assignment("expires", toml_string(declared_time_text(*key.expires)));
    return text + flag("no_touch_required", key.no_touch_required) + flag("revoked", key.revoked);
}

// What belongs to an account, an organisation or a repository, found once for all.
struct Belongings {
    std::map<Login, std::vector<const DeclaredKey*>> keys;
    std::map<RepoPath, std::vector<const DeclaredKey*>> deploy_keys;
    std::map<Login, std::vector<std::string>> owners;
    std::map<Login, std::vector<std::string>> members;
    std::map<Login, std::vector<TeamPath>> teams;
    std::map<TeamPath, std::vector<std::string>> team_members;
    std::map<std::pair<RepoPath, Access>, std::vector<std::string>> grants;

    explicit Belongings(const DeclaredState& state) {
        for (const auto& [fingerprint, key] : state.keys) {
            match(
                key.holder, [&, one = &key](const Login& user) { keys[user].push_back(one); },
                [&, one = &key](const RepoPath& repo) { deploy_keys[repo].push_back(one); });
        }
        for (const auto& [who, member] : state.members)
            (member.role == OrgRole::owner ? owners : members)[who.first].push_back(who.second.text());
        for (const auto& [team, place] : state.teams) teams[team.organization].push_back(team);
        for (const auto& [who, place] : state.team_members)
            team_members[who.first].push_back(who.second.text());
        for (const auto& [grant, given] : state.grants)
            grants[{grant.first, given.access}].push_back(name_of(grant.second));
    }
};

std::string user_text(const DeclaredAccount& user, Belongings& all) {
    std::string text = "\n[[users]]\n" + assignment("login", toml_string(user.login.text()));
    text += flag("suspended", user.suspended);
    for (const DeclaredKey* key : all.keys[user.login]) text += key_text("users.keys", *key);
    return text;
}

std::string asked_for_text(std::string_view key, AskedFor what) {
    return what == AskedFor::nothing ? "" : assignment(key, toml_string(asked_for_name(what)));
}

std::string policy_lines(const LoginPolicy& policy) {
    return flag("require_post_quantum", policy.post_quantum) + asked_for_text("require_touch", policy.touch) +
           asked_for_text("require_pin", policy.pin) + flag("require_of_deploy_keys", policy.deploy_keys);
}

std::string organization_text(const DeclaredAccount& organization, Belongings& all) {
    const Login& login = organization.login;
    std::string text = "\n[[orgs]]\n" + assignment("login", toml_string(login.text()));
    text += name_list("owners", all.owners[login]) + name_list("members", all.members[login]);
    text += policy_lines(organization.policy);
    for (const TeamPath& team : all.teams[login]) {
        text += "\n[[orgs.teams]]\n" + assignment("name", toml_string(team.name.text()));
        text += name_list("members", all.team_members[team]);
    }
    return text;
}

std::string repository_text(const RepoPath& repo, const DeclaredRepository& repository, Belongings& all) {
    std::string text = "\n[[repositories]]\n" + assignment("path", toml_string(repo.text()));
    text += assignment("visibility", repository.is_public ? "\"public\"" : "\"private\"");
    if (repository.kind != RepositoryKind::git)
        text += assignment("kind", toml_string(kind_name(repository.kind)));
    text += flag("archived", repository.archived) + flag("disabled", repository.disabled);
    for (const Access access : {Access::admin, Access::write, Access::read})
        text += name_list(access_name(access), all.grants[{repo, access}]);
    for (const DeclaredKey* key : all.deploy_keys[repo]) text += key_text("repositories.deploy_keys", *key);
    return text;
}

}  // namespace

std::string toml_string(std::string_view text) {
    std::string quoted = "\"";
    while (!text.empty()) {
        const std::size_t size = utf8_size(text);
        const std::string_view letter = text.substr(0, std::max<std::size_t>(size, 1));
        if (size == 0)
            quoted += "\\uFFFD";  // no TOML can hold it
        else if (letter == "\"" || letter == "\\")
            quoted += "\\" + std::string(letter);
        else
            quoted += is_displayable(letter) ? std::string(letter) : escaped(code_point_of(letter));
        text.remove_prefix(letter.size());
    }
    return quoted + '"';
}

std::string declared_time_text(UnixMillis time) {
    const UnixMillis millis = (time % 1000 + 1000) % 1000;
    std::string text = time_text(time - millis);
    if (millis == 0) return text;
    char fraction[8];
    std::snprintf(fraction, sizeof fraction, ".%03d", static_cast<int>(millis));
    return text.insert(text.size() - 1, fraction);
}

Result<UnixMillis> parse_declared_time(std::string_view text) {
    const bool has_fraction = text.size() == 24 && text[19] == '.' && text[23] == 'Z';
    const auto millis = has_fraction ? parse_decimal(text.substr(20, 3)) : 0;
    const std::string whole = has_fraction ? std::string(text.substr(0, 19)) + "Z" : std::string(text);
    if (millis && !text.ends_with('d')) {
        if (const auto time = parse_time(whole, 0)) return *time + static_cast<UnixMillis>(*millis);
    }
    return client_error("'" + printable(text, 40) +
                        "' is not a time: write 2027-01-31 or 2027-01-31T12:00:00Z");
}

std::string declared_text(const DeclaredState& state) {
    std::string text(introduction);
    text += assignment("format", std::to_string(declared_format));
    Belongings all(state);
    for (const auto& [login, account] : state.accounts) {
        if (account.kind == AccountKind::user) text += user_text(account, all);
    }
    for (const auto& [login, account] : state.accounts) {
        if (account.kind == AccountKind::organization) text += organization_text(account, all);
    }
    for (const auto& [repo, repository] : state.repositories) text += repository_text(repo, repository, all);
    return text;
}

}  // namespace gerve
