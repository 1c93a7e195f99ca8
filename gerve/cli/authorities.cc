#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>

#include "authz/base/text.h"
#include "authz/base/units.h"
#include "authz/model/certificate.h"
#include "authz/model/public_key_file.h"
#include "authz/model/revocation_list.h"
#include "gerve/cli/commands.h"
#include "gerve/cli/input.h"
#include "gerve/cli/output.h"
#include "gerve/cli/site.h"

namespace gerve {
namespace {

struct AuthorityIdentity {
    IdentityRule rule = IdentityRule::key_id;
    std::string host;
};

struct AuthorityValues {
    std::optional<Login> name;
    std::optional<Login> organization;
    std::optional<AuthorityIdentity> identity;
    std::optional<UnixMillis> longest_life;
    std::vector<Revocation> revocations;
    std::string file;
    std::string certificate;
    std::string list;
    bool instance = false;
    bool all = false;
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

Result<UnixMillis> parse_life(const std::string& text) {
    const auto life = parse_setting(text);
    if (life && life->count() > 0) return life->count();
    return client_error("'" + printable(text, 40) + "' is not a duration: write 12h or 30d");
}

Setter serials_into(std::vector<Revocation>& into) {
    return [&into](const std::string& text) -> Result<void> {
        const auto dash = text.find('-');
        const auto first = parse_decimal(std::string_view(text).substr(0, dash));
        const auto last =
            dash == std::string::npos ? first : parse_decimal(std::string_view(text).substr(dash + 1));
        if (!first || !last || *last < *first)
            return client_error("'" + printable(text, 60) + "' is not a serial N or a range N-M");
        into.push_back(revoke_serials(*first, *last));
        return {};
    };
}

Setter key_id_into(std::vector<Revocation>& into) {
    return [&into](const std::string& text) -> Result<void> {
        if (text.empty() || text.size() > Certificate::max_key_id)
            return client_error("a key id has 1 to 255 bytes");
        into.push_back(revoke_value(RevokedBy::key_id, text));
        return {};
    };
}

Setter key_into(std::vector<Revocation>& into) {
    return [&into](const std::string& text) -> Result<void> {
        const auto key = Fingerprint::parse(text);
        if (!key) return pass_on(key);
        into.push_back(revoke_value(RevokedBy::key, key->bytes()));
        return {};
    };
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

std::string life_text(const AuthorityOptions& options) {
    return options.longest_life ? setting_text(std::chrono::milliseconds(*options.longest_life)) : "any";
}

std::string counts_for(const AuthorityOptions& options) {
    return options.organization ? options.organization->text() : "the instance";
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
    std::printf("%s\nfor %s, identity by %s, max life %s%s\n\n", authority.key.text().c_str(),
                counts_for(authority.options).c_str(), identity_text(authority.options).c_str(),
                life_text(authority.options).c_str(),
                authority.revoked ? (", revoked " + time_text(*authority.revoked)).c_str() : "");
    table.print("no revocations");
    return 0;
}

// Of a certificate file: that certificate alone.
Revocation revoke_file(const AuthorityRecord& authority, const std::string& file) {
    const Certificate certificate = read_certificate(file);
    if (certificate.authority() != authority.key)
        throw Stop{refused_status, input_name(file) + ": the certificate is of another authority, " +
                                       certificate.authority().fingerprint().text()};
    return revoke_value(RevokedBy::certificate, certificate.fingerprint().bytes());
}

struct ImportedList {
    std::vector<Revocation> revocations;
    bool revokes_authority = false;
};

ImportedList read_list(const AuthorityRecord& authority, const std::string& file) {
    const auto list = RevocationList::parse(read_input(file, RevocationList::max_bytes));
    const std::string name = input_name(file);
    if (!list) throw Stop{refused_status, name + ": " + describe(list.error())};
    if (list->sha1_fingerprints > 0)
        throw Stop{refused_status,
                   name +
                       ": revokes keys by SHA-1, by which Gerve does not know them: make the list from the "
                       "keys or from their SHA-256 (`hash: SHA256:…`)"};
    ImportedList imported;
    std::size_t others = 0;
    for (const RevocationList::Section& section : list->sections) {
        if (!section.authority.empty() && section.authority != authority.key.blob()) {
            ++others;
            continue;
        }
        for (const auto& [first, last] : section.serials)
            imported.revocations.push_back(revoke_serials(first, last));
        for (const std::string& id : section.key_ids) {
            if (id.size() <= Certificate::max_key_id)
                imported.revocations.push_back(revoke_value(RevokedBy::key_id, id));
        }
    }
    for (const Fingerprint& key : list->keys) {
        imported.revokes_authority = imported.revokes_authority || key == authority.key.fingerprint();
        imported.revocations.push_back(revoke_value(RevokedBy::key, key.bytes()));
    }
    if (others > 0)
        complain(name + ": " + std::to_string(others) + (others == 1 ? " section is" : " sections are") +
                 " about other authorities and left out: import the list for each of them");
    return imported;
}

int revoke(Site& site, const AuthorityValues& values) {
    const AuthorityRecord authority = need(site.registry().show_authority(*values.name));
    std::vector<Revocation> revocations = values.revocations;
    bool whole = values.all;
    if (!values.certificate.empty()) revocations.push_back(revoke_file(authority, values.certificate));
    if (!values.list.empty()) {
        ImportedList imported = read_list(authority, values.list);
        whole = whole || imported.revokes_authority;
        revocations.insert(revocations.end(), std::make_move_iterator(imported.revocations.begin()),
                           std::make_move_iterator(imported.revocations.end()));
    }
    if (revocations.empty() && !whole && values.list.empty())
        throw Stop{usage_status,
                   "give what to revoke: --serial, --key-id, --key, --certificate, --krl or --all"};
    site.details().add("authority", authority.key.fingerprint().text());
    const std::size_t added = need(site.registry().revoke_certificates(*values.name, revocations));
    const bool newly = whole && need(site.registry().revoke_authority(*values.name)) == Outcome::done;
    site.details().add("revoked", added);
    if (newly) site.details().add_flag("all", true);
    if (revocations.empty() && !whole)
        return there_already(input_name(values.list) + " revokes nothing of " + authority.name.text());
    if (added == 0 && !newly) return there_already("all of that was revoked before");
    if (newly) std::printf("revoked the authority %s\n", authority.name.text().c_str());
    if (added > 0) std::printf("%zu new %s\n", added, added == 1 ? "revocation" : "revocations");
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

void declare_revoke(Command& group) {
    const auto values = std::make_shared<AuthorityValues>();
    group
        .change("revoke", "Revoke certificates of an authority, or all of them; their live sessions end.",
                [values](Site& site) { return revoke(site, *values); })
        .argument("NAME", "The authority", parsed(values->name))
        .option("--serial", "N[-M]", "By serial, or by a range of serials", serials_into(values->revocations),
                true)
        .option("--key-id", "ID", "By key id", key_id_into(values->revocations), true)
        .option("--key", "FINGERPRINT", "By the certified key, SHA256:…", key_into(values->revocations), true)
        .option("--certificate", "FILE", "One certificate, by its -cert.pub file", word(values->certificate))
        .option("--krl", "FILE", "What a key revocation list (ssh-keygen -k) revokes", word(values->list))
        .flag("--all", "The authority itself, for good", values->all);
}

}  // namespace

void declare_authorities(Command& root) {
    Command group = root.group("ca", "Certificate authorities, whose certificates users log in with.");
    declare_add(group);
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
    declare_revoke(group);
    const auto remove = std::make_shared<AuthorityValues>();
    group
        .change("remove", "Remove an authority with its revocations; live sessions by its certificates end.",
                [remove](Site& site) { return remove_authority(site, *remove); })
        .argument("NAME", "The authority", parsed(remove->name))
        .flag("--force", "Even if it is revoked or has revocations, which are lost", remove->force);
    group.examples({"gerve ca add corp ca.pub --instance --identity principal --max-life 12h",
                    "gerve ca add acme acme_ca.pub --org acme --identity login@github.com",
                    "gerve ca revoke corp --serial 7-9 --key-id alice@laptop",
                    "gerve ca revoke corp --krl revoked.krl", "gerve ca show corp"});
}

}  // namespace gerve
