#include <algorithm>
#include <limits>

#include "authz/base/text.h"
#include "authz/model/certificate.h"
#include "authz/model/revocation_list.h"
#include "gerve/cli/commands.h"
#include "gerve/cli/input.h"
#include "gerve/cli/output.h"
#include "gerve/cli/site.h"

namespace gerve {
namespace {

struct RevokingValues {
    std::optional<Login> name;
    std::vector<Revocation> revocations;
    std::string certificate;
    std::string list;
    bool all = false;
};

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

int revoke(Site& site, const RevokingValues& values) {
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

}  // namespace

void declare_authority_revoking(Command& group) {
    const auto values = std::make_shared<RevokingValues>();
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

}  // namespace gerve
