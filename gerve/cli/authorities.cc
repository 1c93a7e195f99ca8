#include <algorithm>
#include <nlohmann/json.hpp>

#include "authz/base/text.h"
#include "authz/base/units.h"
#include "authz/model/public_key_file.h"
#include "gerve/cli/commands.h"
#include "gerve/cli/input.h"
#include "gerve/cli/output.h"
#include "gerve/cli/site.h"

namespace gerve {
namespace {

// Nothing: a certificate may be valid for any time.
struct LifeBound {
    std::optional<UnixMillis> longest;
};

struct AuthorityValues {
    std::optional<Login> name;
    std::optional<Login> organization;
    std::optional<AuthorityIdentity> identity;
    std::optional<UnixMillis> longest_life;
    std::optional<LifeBound> life_bound;
    std::string file;
    bool instance = false;
    bool force = false;
    bool json = false;
};

constexpr std::size_t most_authority_bytes = 64 * 1024;
constexpr std::string_view login_mark = "login@";

Result<AuthorityIdentity> parse_identity(const std::string& text) {
    if (text == "key-id") return AuthorityIdentity{IdentityRule::key_id, ""};
    if (text == "principal") return AuthorityIdentity{IdentityRule::principal, ""};
    if (text == "login") return AuthorityIdentity{IdentityRule::login, ""};
    const bool plain = std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c <= '~'; });
    if (text.starts_with(login_mark) && text.size() > login_mark.size() && text.size() <= 255 && plain)
        return AuthorityIdentity{IdentityRule::login, text.substr(login_mark.size())};
    return client_error("'" + printable(text, 80) + "': give key-id, principal, login or login@HOST");
}

std::string identity_text(const AuthorityOptions& options) {
    switch (options.identity) {
        case IdentityRule::key_id: return "key-id";
        case IdentityRule::principal: return "principal";
        case IdentityRule::login: break;
    }
    return options.host.empty() ? "login" : std::string(login_mark) + options.host;
}

std::string life_text(const AuthorityOptions& options) {
    return options.longest_life ? setting_text(std::chrono::milliseconds(*options.longest_life)) : "any";
}

std::string counts_for(const AuthorityOptions& options) {
    return options.organization ? options.organization->text() : "the instance";
}

// In one line, as the audit trail has it too.
std::string options_text(const AuthorityOptions& options) {
    return "for " + counts_for(options) + ", identity by " + identity_text(options) + ", max life " +
           life_text(options);
}

Result<UnixMillis> parse_life(const std::string& text) {
    const auto life = parse_setting(text);
    if (life && life->count() > 0) return life->count();
    return client_error("'" + printable(text, 40) + "' is not a duration: write 12h or 30d");
}

Result<LifeBound> parse_life_bound(const std::string& text) {
    if (text == "any") return LifeBound{};
    const auto life = parse_life(text);
    if (!life) return client_error(life.error().told + ", or any");
    return LifeBound{*life};
}

PublicKey read_authority_key(const std::string& file) {
    const auto keys = parse_key_file(read_input(file, most_authority_bytes));
    const std::string name = input_name(file);
    if (!keys) throw Stop{refused_status, name + ": " + describe(keys.error())};
    if (keys->size() != 1)
        throw Stop{refused_status, name + ": contains " + std::to_string(keys->size()) +
                                       " public keys: give a file with the authority's key alone"};
    return keys->front().key;
}

int add_authority(Site& site, const AuthorityValues& values) {
    if (values.organization.has_value() == values.instance)
        throw Stop{usage_status,
                   "give either --org ORG, whose repositories its certificates are for, or --instance"};
    const PublicKey key = read_authority_key(values.file);
    const auto identity = values.identity.value_or(AuthorityIdentity());
    const AuthorityOptions options{values.organization, identity.rule, identity.host, values.longest_life};
    site.details().add("authority", key.fingerprint().text());
    if (values.organization) site.details().add("organization", values.organization->text());
    const auto added = need(site.registry().add_authority(*values.name, key, options));
    std::printf("%s\n", added.key.fingerprint().text().c_str());
    return added.was_there ? there_already("authority " + added.name.text() + " already exists") : 0;
}

// What is not given stays as it is.
int set_authority(Site& site, const AuthorityValues& values) {
    if (values.organization && values.instance)
        throw Stop{usage_status, "give --org ORG or --instance, not both"};
    AuthorityChange change;
    if (values.organization || values.instance) change.organization = values.organization;
    change.identity = values.identity;
    if (values.life_bound) change.longest_life = values.life_bound->longest;
    if (!change.any())
        throw Stop{usage_status, "give what to change: --org, --instance, --identity or --max-life"};
    const AuthorityChanged changed = need(site.registry().change_authority(*values.name, change));
    site.details().add("authority", changed.now.key.fingerprint().text());
    site.details().add("before", options_text(changed.before));
    site.details().add("after", options_text(changed.now.options));
    if (changed.outcome == Outcome::already)
        return there_already("authority " + changed.now.name.text() +
                             " is already: " + options_text(changed.before));
    return 0;
}

int remove_authority(Site& site, const AuthorityValues& values) {
    const auto removed = need(site.registry().remove_authority(*values.name, values.force));
    site.details().add("authority", removed.key.fingerprint().text());
    return 0;
}

Json to_json(const AuthorityRecord& one) {
    Json out{{"name", one.name.text()},
             {"fingerprint", one.key.fingerprint().text()},
             {"key", one.key.text()},
             {"organization", nullptr},
             {"identity", identity_text(one.options)},
             {"max_life", nullptr},
             {"created", time_text(one.created)},
             {"revoked", json_time(one.revoked)},
             {"revocations", one.revocations}};
    if (one.options.organization) out["organization"] = one.options.organization->text();
    if (one.options.longest_life)
        out["max_life"] = setting_text(std::chrono::milliseconds(*one.options.longest_life));
    return out;
}

int list_authorities(Site& site, bool json) {
    Json out = Json::array();
    Table table({"AUTHORITY", "FINGERPRINT", "FOR", "IDENTITY", "MAX LIFE", "STATE", "REVOCATIONS"});
    for (const AuthorityRecord& one : need(site.registry().list_authorities())) {
        out.push_back(to_json(one));
        table.add({one.name.text(), one.key.fingerprint().text(), counts_for(one.options),
                   identity_text(one.options), life_text(one.options), one.revoked ? "revoked" : "live",
                   std::to_string(one.revocations)});
    }
    json ? print_json(out)
         : table.print(
               "no certificate authorities: add one with `gerve ca add NAME FILE --instance`, or "
               "--org ORG");
    return 0;
}

int show_authority(Site& site, const AuthorityValues& values) {
    const AuthorityRecord authority = need(site.registry().show_authority(*values.name));
    Json revoked = Json::array();
    Table table({"REVOKED BY", "VALUE", "SINCE"});
    for (const Revocation& one : need(site.registry().list_revocations(*values.name))) {
        const std::string by(revoked_by_name(one.by));
        revoked.push_back({{"by", by}, {"value", text_of(one)}, {"since", time_text(one.created)}});
        table.add({by, shown(text_of(one)), time_text(one.created)});
    }
    Json out = to_json(authority);
    out["revoked_certificates"] = revoked;
    if (values.json) {
        print_json(out);
        return 0;
    }
    std::printf("%s\n%s%s\n\n", authority.key.text().c_str(), options_text(authority.options).c_str(),
                authority.revoked ? (", revoked " + time_text(*authority.revoked)).c_str() : "");
    table.print("no revocations");
    return 0;
}

void declare_add(Command& group) {
    const auto values = std::make_shared<AuthorityValues>();
    group
        .change("add", "Accept certificates that an authority signs.",
                [values](Site& site) { return add_authority(site, *values); })
        .argument("NAME", "The authority's name here", parsed(values->name))
        .argument("FILE", "Its public key, a .pub file, or - for standard input", word(values->file))
        .option("--org", "ORG", "Its certificates count for repositories of this organisation alone",
                parsed(values->organization))
        .flag("--instance", "Its certificates count for all repositories", values->instance)
        .option("--identity", "RULE",
                "What names the user: key-id (default), principal, login (an extension login@HOST), or "
                "login@HOST for one HOST",
                parsed(values->identity, parse_identity))
        .option("--max-life", "TIME",
                "Refuse certificates that are valid for longer than this, for example 30d",
                parsed(values->longest_life, parse_life));
}

void declare_set(Command& group) {
    const auto values = std::make_shared<AuthorityValues>();
    group
        .change("set", "Change what an authority's certificates count for; what is not given stays.",
                [values](Site& site) { return set_authority(site, *values); })
        .argument("NAME", "The authority", parsed(values->name))
        .option("--org", "ORG", "Its certificates count for repositories of this organisation alone",
                parsed(values->organization))
        .flag("--instance", "Its certificates count for all repositories", values->instance)
        .option("--identity", "RULE", "What names the user: key-id, principal, login or login@HOST",
                parsed(values->identity, parse_identity))
        .option("--max-life", "TIME",
                "Refuse certificates that are valid for longer than this; any: no limit",
                parsed(values->life_bound, parse_life_bound));
}

}  // namespace

void declare_authorities(Command& root) {
    Command group = root.group("ca", "Certificate authorities, whose certificates users log in with.");
    declare_add(group);
    declare_set(group);
    const auto list = std::make_shared<AuthorityValues>();
    group
        .command("list", "List the authorities.",
                 [list](Site& site) { return list_authorities(site, list->json); })
        .json(list->json);
    const auto show = std::make_shared<AuthorityValues>();
    group
        .command("show", "Show an authority and its revocations.",
                 [show](Site& site) { return show_authority(site, *show); })
        .argument("NAME", "The authority", parsed(show->name))
        .json(show->json);
    declare_authority_revoking(group);
    const auto remove = std::make_shared<AuthorityValues>();
    group
        .change("remove", "Remove an authority with its revocations; live sessions by its certificates end.",
                [remove](Site& site) { return remove_authority(site, *remove); })
        .argument("NAME", "The authority", parsed(remove->name))
        .flag("--force", "Even if it is revoked or has revocations, which are lost", remove->force);
    group.examples({"gerve ca add corp ca.pub --instance --identity principal --max-life 12h",
                    "gerve ca add acme acme_ca.pub --org acme --identity login@github.com",
                    "gerve ca set corp --max-life 8h",
                    "gerve ca revoke corp --serial 7-9 --key-id alice@laptop",
                    "gerve ca revoke corp --krl revoked.krl", "gerve ca show corp"});
}

}  // namespace gerve
