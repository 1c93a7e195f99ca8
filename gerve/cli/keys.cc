#include <sys/stat.h>

#include <cstdio>
#include <nlohmann/json.hpp>

#include "authz/base/fd.h"
#include "authz/base/text.h"
#include "gerve/cli/commands.h"
#include "gerve/cli/held_signals.h"
#include "gerve/cli/key_show.h"
#include "gerve/cli/output.h"
#include "gerve/cli/site.h"

namespace gerve {
namespace {

using Json = nlohmann::ordered_json;

struct Values {
    std::optional<Login> login;
    std::optional<RepoPath> repo;
    std::optional<Fingerprint> fingerprint;
    std::optional<UnixMillis> expires;
    std::string file;
    std::string title;
    bool write = false;
    bool json = false;
};

constexpr const char* fingerprint_help = "SHA256:…, as `ssh-keygen -l` prints it";
constexpr const char* file_help = "An id_….pub file, or - for standard input";

Setter expiry_into(std::optional<UnixMillis>& into) {
    return parsed(into, [](const std::string& text) -> Result<UnixMillis> {
        auto time = parse_time(text, unix_now());
        if (time && *time <= unix_now()) return client_error("'" + printable(text, 40) + "' is in the past");
        return time;
    });
}

std::string read_input(const std::string& file) {
    constexpr std::size_t limit = 64 * 1024;
    struct stat status {};
    if (file != "-" && ::stat(file.c_str(), &status) == 0 && !S_ISREG(status.st_mode))
        throw Stop{refused_status, file + ": not a regular file: use - for standard input"};
    if (file != "-") return need(read_file(file, limit));
    std::string text(limit + 1, '\0');
    const AwaitedInput awaited;
    text.resize(std::fread(text.data(), 1, text.size(), stdin));
    if (std::ferror(stdin) != 0) throw Stop{refused_status, errno_text("standard input")};
    if (text.size() > limit) throw Stop{refused_status, "standard input: longer than a public key can be"};
    return text;
}

PublicKey read_key(const std::string& file) {
    const std::string text = read_input(file);
    auto key = PublicKey::parse_line(trim(text));
    if (!key)
        throw Stop{refused_status, (file == "-" ? "standard input" : file) + ": " + describe(key.error())};
    return *key;
}

void print_keys(const std::vector<KeyRecord>& keys, bool json, const std::string& none) {
    Json out = Json::array();
    Table table({"FINGERPRINT", "TYPE", "HOLDER", "KIND", "STATE", "LAST USED", "TITLE"});
    for (const KeyRecord& key : keys) {
        out.push_back(key_json(key));
        table.add({key.fingerprint.text(), key.algorithm, holder_of(key), kind_of(key),
                   std::string(key.state(unix_now())), format_time(key.last_used, "never"),
                   shown(key.title)});
    }
    json ? print_json(out) : table.print(none);
}

int revoke_key(Site& site, const Values& values) {
    site.details().add("fingerprint", values.fingerprint->text());
    const KeyRecord key = need(site.registry().revoke_key(*values.fingerprint));
    const bool of_user = std::holds_alternative<User>(key.owner);
    site.details().add(of_user ? "user" : "deploy_key_of", holder_of(key));
    std::printf("revoked %s of %s\n", key.fingerprint.text().c_str(), holder_of(key).c_str());
    return 0;
}

void declare_key(Command& root) {
    Command key = root.group("key", "Keys of users, and what each key reaches.");
    const auto add = std::make_shared<Values>();
    key.change("add", "Give a user a key.",
               [add](Site& site) {
                   site.details().add("user", add->login->text());
                   const PublicKey given = read_key(add->file);
                   site.details().add("fingerprint", given.fingerprint().text());
                   const KeyRecord record =
                       need(site.registry().add_key(*add->login, given, add->title, add->expires));
                   std::printf("%s\n", record.fingerprint.text().c_str());
                   return 0;
               })
        .argument("LOGIN", "The user", parsed(add->login))
        .argument("FILE", file_help, word(add->file))
        .option("-t,--title", "TEXT", "What to call it; default: the key's comment", word(add->title))
        .option("--expires", "DATE", "2027-01-31, 2027-01-31T12:00:00Z (UTC), or 90d",
                expiry_into(add->expires));
    const auto list = std::make_shared<Values>();
    key.command("list", "List all keys, or those of one user; expired and revoked ones too.",
                [list](Site& site) {
                    print_keys(need(site.registry().list_keys(list->login)), list->json,
                               "no keys: add one with `gerve key add LOGIN FILE`");
                    return 0;
                })
        .optional_argument("LOGIN", "Of this user only", parsed(list->login))
        .json(list->json);
    const auto show = std::make_shared<Values>();
    key.command("show",
                "Show a key: holder, state, last use, live sessions, and every repository it reaches.",
                [show](Site& site) { return show_key(site, *show->fingerprint, show->json); })
        .argument("FINGERPRINT", fingerprint_help, parsed(show->fingerprint))
        .json(show->json);
    const auto revoke = std::make_shared<Values>();
    key.change("revoke", "Refuse a key for good; it cannot be added again.",
               [revoke](Site& site) { return revoke_key(site, *revoke); })
        .argument("FINGERPRINT", fingerprint_help, parsed(revoke->fingerprint));
    key.examples({"gerve key add alice ~/.ssh/id_ed25519.pub --title laptop",
                  "ssh-add -L | head -1 | gerve key add alice -", "gerve key list alice",
                  "gerve key show SHA256:…", "gerve key revoke SHA256:…"});
}

void declare_deploy_key(Command& root) {
    Command key = root.group("deploy-key", "Keys bound to one repository, for machines.");
    const auto add = std::make_shared<Values>();
    key.change("add", "Let a key read one repository, or with --write push to it as well.",
               [add](Site& site) {
                   site.details().add("repo", add->repo->text());
                   const PublicKey given = read_key(add->file);
                   site.details().add("fingerprint", given.fingerprint().text());
                   const KeyRecord record = need(site.registry().add_deploy_key(*add->repo, given, add->title,
                                                                                add->write, add->expires));
                   std::printf("%s\n", record.fingerprint.text().c_str());
                   return 0;
               })
        .argument("OWNER/REPO", "The repository", parsed(add->repo))
        .argument("FILE", file_help, word(add->file))
        .flag("--write", "It may push", add->write)
        .option("-t,--title", "TEXT", "What to call it; default: the key's comment", word(add->title))
        .option("--expires", "DATE", "2027-01-31, 2027-01-31T12:00:00Z (UTC), or 90d",
                expiry_into(add->expires));
    const auto list = std::make_shared<Values>();
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
