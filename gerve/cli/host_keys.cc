#include "gerve/ssh/host_keys.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "authz/state_directory.h"
#include "gerve/cli/audit_view.h"
#include "gerve/cli/commands.h"
#include "gerve/cli/host_key_readiness.h"
#include "gerve/cli/host_keys_here.h"
#include "gerve/cli/output.h"
#include "gerve/cli/recorded_logins.h"
#include "gerve/cli/site.h"

namespace gerve {
namespace {

Json as_json(const HostCertificate& one) {
    const Certificate& certificate = one.certificate;
    return {{"file", one.file},
            {"key_id", certificate.key_id()},
            {"serial", std::to_string(certificate.serial())},
            {"authority", certificate.authority().fingerprint().text()},
            {"principals", certificate.principals()},
            {"valid_before", end_text(certificate)}};
}

int list(Site& site, bool json) {
    Table table({"TYPE", "BITS", "STATE", "CERTIFICATE", "FINGERPRINT", "FILE"});
    Json rows = Json::array();
    const auto keys = host_keys_of(site.config());
    const HostCertificates certificates = host_certificates_of(site.config(), keys);
    for (const HostKey& one : keys) {
        const PublicKey& key = one.key;
        const auto* certificate = choose_certificate(certificates.usable, key.blob(), unix_now());
        table.add({key.algorithm(), std::to_string(key.bits()), one.state(),
                   certificate == nullptr ? "-" : "until " + end_text(certificate->certificate),
                   key.fingerprint().text(), shown(one.file)});
        Json row{{"type", key.algorithm()},  {"bits", key.bits()},
                 {"state", one.state()},     {"fingerprint", key.fingerprint().text()},
                 {"public_key", key.text()}, {"file", one.file}};
        if (certificate != nullptr) row["certificate"] = as_json(*certificate);
        rows.push_back(std::move(row));
    }
    if (json) {
        print_json(rows);
    } else {
        table.print("no host keys: `gerve serve` makes them at its first start");
    }
    return 0;
}

// ---- new, announce

void refuse_if_listed(const Config& config, const std::string& remedy) {
    if (!is_listed(config)) return;
    throw Stop{refused_status, "ssh.host_keys in " + config.file + " lists the host keys: " + remedy};
}

int make(Site& site, HostKeyType type) {
    const Config& config = site.config();
    const std::string name(name_of(type));
    refuse_if_listed(config,
                     "make one with `ssh-keygen -t " + name +
                         " -N '' -f FILE`, add FILE there behind the key of its type, on all gateways, "
                         "and reload (SIGHUP)");
    need(make_state_directory(config.state));
    const auto found = need(find_host_keys(config.state));
    const std::string serving = host_key_file(config.state, type);
    const bool serves = std::find(found.begin(), found.end(), serving) != found.end();
    const auto role = serves ? HostKeyRole::made : HostKeyRole::serving;
    const std::string file = need(make_host_key(config.state, type, role));
    const PublicKey key = need(read_host_key(file));
    std::printf("made %s: %s %s\n", file.c_str(), key.algorithm().c_str(), key.fingerprint().text().c_str());
    if (serves) {
        std::printf("Nothing uses it yet. To announce it to clients: gerve host-key announce %s\n",
                    name.c_str());
        return 0;
    }
    std::printf(
        "It is served after a reload (SIGHUP) or a restart. Clients that prefer this type and know another\n"
        "key of this gateway will prompt or warn: publish the fingerprint beforehand.\n");
    return 0;
}

int announce(Site& site, HostKeyType type, bool force) {
    const Config& config = site.config();
    refuse_if_listed(config,
                     "the first of a type serves, and those behind it are announced after a reload (SIGHUP)");
    need(announce_host_key(config.state, type, force));
    const PublicKey key = need(read_host_key(host_key_file(config.state, type, HostKeyRole::announced)));
    std::printf(
        "%s is announced after a reload (SIGHUP) or a restart: clients that\n"
        "update their known_hosts learn it at their next login. `gerve host-key drop %s --dry-run` shows\n"
        "who has not yet.\n",
        key.fingerprint().text().c_str(), std::string(name_of(type)).c_str());
    return 0;
}

// ---- drop

struct DropValues {
    std::optional<HostKeyType> type;
    std::optional<UnixMillis> since;
    bool force = false;
    bool dry_run = false;
    bool json = false;
};

const HostKey* find_host_key(const std::vector<HostKey>& keys, HostKeyType type, HostKeyRole role) {
    const auto found = std::find_if(keys.begin(), keys.end(), [&](const HostKey& one) {
        return one.role == role && type_of(one.key) == type;
    });
    return found == keys.end() ? nullptr : &*found;
}

void print_readiness(const HostKeyReadiness& readiness, const HostKey& serving, const HostKey& next) {
    std::printf("serving:   %s %s\nannounced: %s %s\n", serving.key.fingerprint().text().c_str(),
                shown(serving.file).c_str(), next.key.fingerprint().text().c_str(), shown(next.file).c_str());
    std::printf(
        "%zu keys logged in: %zu rely on host keys that stay, and %zu of the others have learned the "
        "announced one.\n",
        readiness.keys, readiness.elsewhere, readiness.prepared);
    if (!readiness.unknown.empty()) std::printf("The list is incomplete: %s.\n", readiness.unknown.c_str());
    if (readiness.unprepared.empty()) return;
    std::printf("\nThese would be warned of a changed host key:\n");
    Table table({"LAST LOGIN (UTC)", "WHO", "KEY", "ADDRESS", "CLIENT"});
    for (const AuditJson& login : readiness.unprepared) {
        table.add({audit_clock(login), shown(audit_who(login)), one_line(text_in(login, "fingerprint")),
                   one_line(text_in(login, "address")), shown(text_in(login, "client"))});
    }
    table.print("nobody");
}

void print_readiness_json(const HostKeyReadiness& readiness, const HostKey& serving, const HostKey& next) {
    Json unprepared = Json::array();
    for (const AuditJson& login : readiness.unprepared) {
        Json one;
        for (const char* name : {"time", "user", "deploy_key_of", "fingerprint", "address", "client"}) {
            if (login.contains(name)) one[name] = login[name];
        }
        unprepared.push_back(std::move(one));
    }
    print_json({{"serving", serving.key.fingerprint().text()},
                {"announced", next.key.fingerprint().text()},
                {"keys", readiness.keys},
                {"elsewhere", readiness.elsewhere},
                {"prepared", readiness.prepared},
                {"complete", readiness.unknown.empty()},
                {"unprepared", std::move(unprepared)}});
}

// Stops unless nobody would be warned, as far as the events tell.
void refuse_unless_ready(const HostKeyReadiness& readiness) {
    const std::string remedy = "publish the announced key (gerve host-key print HOST) and use --force";
    if (!readiness.unprepared.empty()) {
        throw Stop{refused_status,
                   "nothing was changed: clients of these keys would be warned of a changed host key. Wait "
                   "until they have logged in, or " +
                       remedy};
    }
    if (!readiness.unknown.empty())
        throw Stop{refused_status, "nothing was changed: " + readiness.unknown + "; or " + remedy};
}

// The keys of other types that serve.
std::vector<Fingerprint> keys_beside(const std::vector<HostKey>& keys, const HostKey& serving) {
    std::vector<Fingerprint> staying;
    for (const HostKey& one : keys) {
        if (one.role == HostKeyRole::serving && &one != &serving) staying.push_back(one.key.fingerprint());
    }
    return staying;
}

int drop(Site& site, const DropValues& values) {
    const Config& config = site.config();
    const HostKeyType type = *values.type;
    const std::string name(name_of(type));
    const auto keys = host_keys_of(config);
    const HostKey* serving = find_host_key(keys, type, HostKeyRole::serving);
    const HostKey* next = find_host_key(keys, type, HostKeyRole::announced);
    if (serving == nullptr)
        throw Stop{refused_status, "there is no host key of type " + name + ": see gerve host-key list"};
    if (next == nullptr) {
        throw Stop{refused_status, "no " + name +
                                       " key is announced, so every client would be warned: first " +
                                       (is_listed(config) ? "add one to ssh.host_keys, behind the serving one"
                                                          : "gerve host-key new " + name)};
    }
    const UnixMillis since = window_begin(values.since);
    if (!values.force || values.dry_run) {
        const auto readiness = judge_readiness(site, serving->key.fingerprint(), next->key.fingerprint(),
                                               keys_beside(keys, *serving), since);
        values.json ? print_readiness_json(readiness, *serving, *next)
                    : print_readiness(readiness, *serving, *next);
        std::fflush(stdout);
        if (!values.dry_run) refuse_unless_ready(readiness);
    }
    if (values.dry_run) return 0;
    if (is_listed(config)) {
        std::printf("Remove %s from ssh.host_keys in %s on all gateways, and reload (SIGHUP).\n",
                    shown(serving->file).c_str(), shown(config.file).c_str());
        return 0;
    }
    need(drop_host_key(config.state, type, serving->key.fingerprint(), next->key.fingerprint()));
    if (type == HostKeyType::ed25519) need(make_spare_host_key(config.state));
    std::printf("%s serves after a reload (SIGHUP) or a restart. The former key is in %s.\n",
                next->key.fingerprint().text().c_str(),
                shown(host_key_file(config.state, type, HostKeyRole::dropped)).c_str());
    return 0;
}

void declare_drop(Command& host_key) {
    const auto values = std::make_shared<DropValues>();
    host_key
        .change("drop", "Replace the serving host key of a type with the announced one.",
                [values](Site& site) { return drop(site, *values); })
        .argument("TYPE", "ed25519, ecdsa or rsa", parsed(values->type, parse_host_key_type))
        .option("--since", "TIME",
                "Look at logins since then: 2026-01-31, or an age such as 30d; default: 90d",
                past_into(values->since))
        .flag("--dry-run", "Only list who would be warned of a changed host key", values->dry_run)
        .flag("--force", "Do it even if clients would be warned, without reading the audit events",
              values->force)
        .json(values->json);
}

}  // namespace

void declare_host_keys(Command& root) {
    Command host_key = root.group("host-key", "The host keys, by which clients recognise this gateway.");
    const auto json = std::make_shared<bool>(false);
    host_key
        .command("list", "List the host keys with their fingerprints.",
                 [json](Site& site) { return list(site, *json); })
        .json(*json);
    struct Values {
        std::optional<HostKeyType> made;
        std::optional<HostKeyType> announced;
        bool force = false;
    };
    const auto values = std::make_shared<Values>();
    host_key
        .change("new", "Create a host key in the state directory.",
                [values](Site& site) { return make(site, *values->made); })
        .argument("TYPE", "ed25519, ecdsa or rsa", parsed(values->made, parse_host_key_type));
    host_key
        .change("announce", "Announce the host key that `new` made to clients.",
                [values](Site& site) { return announce(site, *values->announced, values->force); })
        .argument("TYPE", "ed25519, ecdsa or rsa", parsed(values->announced, parse_host_key_type))
        .flag("--force", "Do it even if another key is announced already, which is then lost", values->force);
    declare_drop(host_key);
    declare_host_key_print(host_key);
    host_key.examples({"gerve host-key list", "gerve host-key print git.example.org >>known_hosts",
                       "gerve host-key print --format cert-authority '*.example.org'",
                       "gerve host-key drop ed25519 --dry-run"});
}

}  // namespace gerve
