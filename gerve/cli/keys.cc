#include <unistd.h>

#include <cstdio>
#include <nlohmann/json.hpp>

#include "authz/base/text.h"
#include "authz/model/public_key_file.h"
#include "gerve/cli/commands.h"
#include "gerve/cli/input.h"
#include "gerve/cli/key_show.h"
#include "gerve/cli/output.h"
#include "gerve/cli/site.h"

namespace gerve {
namespace {

struct KeyValues {
    std::optional<Login> login;
    std::optional<RepoPath> repo;
    std::optional<Fingerprint> fingerprint;
    std::optional<UnixMillis> expires;
    std::string file;
    std::string title;
    bool never = false;  // expires
    bool all = false;    // keys of the file
    bool write = false;
    bool no_touch = false;
    bool json = false;
};

constexpr const char* no_touch_help = "Let a security key (sk-…) log in without being touched";

constexpr std::size_t most_key_bytes = 1024 * 1024;
constexpr const char* fingerprint_help = "SHA256:…, as `ssh-keygen -l` prints it";
constexpr const char* file_help = "An id_….pub file, or - for standard input";
constexpr const char* expires_help = "2027-01-31, 2027-01-31T12:00:00Z (UTC), or 90d";

Setter expiry_into(std::optional<UnixMillis>& into) {
    return parsed(into, [](const std::string& text) -> Result<UnixMillis> {
        auto time = parse_time(text, unix_now());
        if (time && *time <= unix_now()) return client_error("'" + printable(text, 40) + "' is in the past");
        return time;
    });
}

std::string lines_of(const std::vector<FiledKey>& keys) {
    std::string text;
    for (std::size_t i = 0; i < keys.size() && i < 10; ++i)
        text += (i == 0 ? "" : ", ") + std::to_string(keys[i].line);
    return keys.size() > 10 ? text + ", …" : text;
}

// The key of a file, or with --all each of them.
std::vector<FiledKey> read_keys(const KeyValues& values) {
    const std::string text = read_input(values.file, most_key_bytes);
    const std::string name = input_name(values.file);
    auto keys = parse_key_file(text);
    if (!keys) {
        const std::string beside = values.file + ".pub";
        const bool known = values.file != "-" && is_private_key(text) && ::access(beside.c_str(), F_OK) == 0;
        throw Stop{refused_status,
                   name + ": " + describe(keys.error()) + (known ? "; the public key is in " + beside : "")};
    }
    if (keys->size() == 1 || (values.all && values.title.empty())) return std::move(*keys);
    if (values.all) throw Stop{usage_status, "--title applies to one key, and " + name + " has several"};
    throw Stop{refused_status, name + ": contains " + std::to_string(keys->size()) + " public keys (lines " +
                                   lines_of(*keys) +
                                   "): add them all with --all, or give a file with one key"};
}

using AddKey = std::function<Result<Added<KeyRecord>>(const PublicKey&, const KeyOptions&)>;

constexpr std::size_t most_on_record = 64;

void note_keys(Site& site, const std::vector<FiledKey>& keys) {
    if (keys.size() == 1) return site.details().add("fingerprint", keys.front().key.fingerprint().text());
    Json fingerprints = Json::array();
    for (std::size_t i = 0; i < std::min(keys.size(), most_on_record); ++i)
        fingerprints.push_back(keys[i].key.fingerprint().text());
    site.details().add("keys", keys.size());
    site.details().add_json("fingerprints", fingerprints.dump());
}

// Adds the keys of a file, and prints their fingerprints. One that is refused keeps the others from nothing.
int add_keys(Site& site, const KeyValues& values, const AddKey& add) {
    const std::vector<FiledKey> keys = read_keys(values);
    const KeyOptions options{values.title, values.expires, site.config().audit.enabled, false,
                             values.no_touch};
    note_keys(site, keys);
    std::string refused;
    for (const FiledKey& one : keys) {
        const auto added = add(one.key, options);
        const std::string where = keys.size() == 1 ? "" : "line " + std::to_string(one.line) + ": ";
        if (!added) {
            if (added.error().kind == ErrorKind::unavailable || keys.size() == 1) (void)need(added);
            refused += (refused.empty() ? "" : "\n") + where + explanation_of(added.error());
            continue;
        }
        std::printf("%s\n", added->fingerprint.text().c_str());
        std::fflush(stdout);
        if (added->was_there) (void)there_already(where + name_of(added->holder) + " already has this key");
    }
    if (!refused.empty()) throw Stop{refused_status, refused};
    return 0;
}

void print_keys(const std::vector<KeyRecord>& keys, bool json, const std::string& none) {
    Json out = Json::array();
    Table table({"FINGERPRINT", "TYPE", "HOLDER", "KIND", "STATE", "LAST USED", "TITLE"});
    for (const KeyRecord& key : keys) {
        out.push_back(key_json(key));
        table.add({key.fingerprint.text(), key.algorithm, name_of(key.holder), kind_of(key),
                   std::string(key.state(unix_now())), time_or(key.last_used, "never"), shown(key.title)});
    }
    json ? print_json(out) : table.print(none);
}

void note_holder(Site& site, const KeyRecord& key) {
    site.details().add(audit_member_of(key.holder), name_of(key.holder));
}

int revoke_key(Site& site, const KeyValues& values) {
    site.details().add("fingerprint", values.fingerprint->text());
    const KeyRecord key = need(site.registry().revoke_key(*values.fingerprint));
    note_holder(site, key);
    std::printf("revoked %s of %s\n", key.fingerprint.text().c_str(), name_of(key.holder).c_str());
    return 0;
}

int move_key(Site& site, const KeyValues& values) {
    site.details().add("fingerprint", values.fingerprint->text());
    const KeyMove moved = need(site.registry().move_key(*values.fingerprint, *values.login));
    note_holder(site, moved.after);
    site.details().add("before", name_of(moved.before.holder));
    site.details().add("after", name_of(moved.after.holder));
    const std::string fingerprint = moved.after.fingerprint.text();
    if (is_same_holder(moved.before.holder, moved.after.holder))
        return there_already(fingerprint + " already belongs to " + name_of(moved.after.holder));
    std::printf("%s of %s now belongs to %s\n", fingerprint.c_str(), name_of(moved.before.holder).c_str(),
                name_of(moved.after.holder).c_str());
    return 0;
}

int extend_key(Site& site, const KeyValues& values) {
    site.details().add("fingerprint", values.fingerprint->text());
    if (!values.expires && !values.never)
        throw Stop{usage_status, "--expires is missing: give a date, or never"};
    const auto key = need(site.registry().extend_key(*values.fingerprint, values.expires));
    note_holder(site, key);
    site.details().add("after", time_or(key.expires, "never"));
    const std::string what = key.fingerprint.text() + " of " + name_of(key.holder) +
                             (key.was_there ? " already" : "") +
                             (key.expires ? " expires on " + time_text(*key.expires) : " never expires");
    if (key.was_there) return there_already(what);
    std::printf("%s\n", what.c_str());
    return 0;
}

void declare_key_changes(Command& key) {
    const auto move = std::make_shared<KeyValues>();
    key.change("move", "Give a key to another user; the previous holder's live sessions with it end.",
               [move](Site& site) { return move_key(site, *move); })
        .argument("FINGERPRINT", fingerprint_help, parsed(move->fingerprint))
        .argument("LOGIN", "The new holder", parsed(move->login));
    const auto extend = std::make_shared<KeyValues>();
    key.change("extend", "Change when a key expires; an expired key becomes valid again.",
               [extend](Site& site) { return extend_key(site, *extend); })
        .argument("FINGERPRINT", fingerprint_help, parsed(extend->fingerprint))
        .option("--expires", "DATE", std::string(expires_help) + ", or never",
                [values = extend.get()](const std::string& text) -> Result<void> {
                    values->never = text == "never";
                    return values->never ? Result<void>() : expiry_into(values->expires)(text);
                });
}

void declare_key(Command& root) {
    Command key = root.group("key", "Keys of users, and what each key reaches.");
    const auto add = std::make_shared<KeyValues>();
    key.change("add", "Give a user a key.",
               [add](Site& site) {
                   site.details().add("user", add->login->text());
                   return add_keys(site, *add, [&](const PublicKey& given, const KeyOptions& options) {
                       return site.registry().add_key(*add->login, given, options);
                   });
               })
        .argument("LOGIN", "The user", parsed(add->login))
        .argument("FILE", file_help, word(add->file))
        .option("-t,--title", "TEXT", "The key's title; default: the key's comment", word(add->title))
        .option("--expires", "DATE", expires_help, expiry_into(add->expires))
        .flag("--no-touch-required", no_touch_help, add->no_touch)
        .flag("--all", "Add every key in the file", add->all);
    const auto list = std::make_shared<KeyValues>();
    key.command("list", "List all keys or those of one user, including expired and revoked ones.",
                [list](Site& site) {
                    print_keys(need(site.registry().list_keys(list->login)), list->json,
                               "no keys: add one with `gerve key add LOGIN FILE`");
                    return 0;
                })
        .optional_argument("LOGIN", "Only keys of this user", parsed(list->login))
        .json(list->json);
    const auto show = std::make_shared<KeyValues>();
    key.command("show",
                "Show a key: holder, state, last use, live sessions, and every repository it reaches.",
                [show](Site& site) { return show_key(site, *show->fingerprint, show->json); })
        .argument("FINGERPRINT", fingerprint_help, parsed(show->fingerprint))
        .json(show->json);
    const auto revoke = std::make_shared<KeyValues>();
    key.change("revoke", "Revoke a key; if it was ever used to log in, it cannot be added again.",
               [revoke](Site& site) { return revoke_key(site, *revoke); })
        .argument("FINGERPRINT", fingerprint_help, parsed(revoke->fingerprint));
    declare_key_changes(key);
    key.examples({"gerve key add alice ~/.ssh/id_ed25519.pub --title laptop",
                  "ssh-add -L | gerve key add alice - --all", "gerve key list alice",
                  "gerve key show SHA256:…", "gerve key extend SHA256:… --expires 90d",
                  "gerve key move SHA256:… bob", "gerve key revoke SHA256:…"});
}

void declare_deploy_key(Command& root) {
    Command key = root.group("deploy-key", "Keys bound to one repository, for machines.");
    const auto add = std::make_shared<KeyValues>();
    key.change("add", "Let a key read one repository and, with --write, push to it.",
               [add](Site& site) {
                   site.details().add("repo", add->repo->text());
                   return add_keys(site, *add, [&](const PublicKey& given, const KeyOptions& options) {
                       return site.registry().add_deploy_key(*add->repo, given, add->write, options);
                   });
               })
        .argument("OWNER/REPO", "The repository", parsed(add->repo))
        .argument("FILE", file_help, word(add->file))
        .flag("--write", "Allow pushes", add->write)
        .option("-t,--title", "TEXT", "The key's title; default: the key's comment", word(add->title))
        .option("--expires", "DATE", expires_help, expiry_into(add->expires))
        .flag("--no-touch-required", no_touch_help, add->no_touch)
        .flag("--all", "Add every key in the file", add->all);
    const auto list = std::make_shared<KeyValues>();
    key.command("list", "List the deploy keys of a repository.",
                [list](Site& site) {
                    print_keys(need(site.registry().list_deploy_keys(*list->repo)), list->json,
                               "no deploy keys: add one with `gerve deploy-key add OWNER/REPO FILE`");
                    return 0;
                })
        .argument("OWNER/REPO", "The repository", parsed(list->repo))
        .json(list->json);
    key.examples({"gerve deploy-key add alice/hello ci.pub",
                  "gerve deploy-key add alice/hello mirror.pub --write", "gerve deploy-key list alice/hello",
                  "gerve key revoke SHA256:…     revokes a deploy key as well"});
}

}  // namespace

void declare_keys(Command& root) {
    declare_key(root);
    declare_deploy_key(root);
}

}  // namespace gerve
