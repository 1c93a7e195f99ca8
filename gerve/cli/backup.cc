#include <cstdio>

#include "authz/store/sqlite/sqlite_backup.h"
#include "gerve/cli/commands.h"
#include "gerve/cli/site.h"

namespace gerve {
namespace {

constexpr const char* mysql_backup =
    "the directory is in MySQL or MariaDB: back it up with the database's own tools, with an account that "
    "can read all of it:\n"
    "  mariadb-dump --single-transaction SCHEMA > FILE    (or mysqldump --single-transaction)\n"
    "docs/operations.md, \"Backup and restore\", lists the files of Gerve that belong in the backup";
constexpr const char* mysql_restore =
    "the directory is in MySQL or MariaDB: restore it with the database's own tools, into an empty schema:\n"
    "  mariadb SCHEMA < FILE    (or mysql SCHEMA < FILE)\n"
    "then run `gerve schema migrate` and, with Redis, `gerve route sync`";

void print(const BackupFacts& facts) {
    std::printf("schema version %d, %lld accounts, %lld keys\n", facts.schema,
                static_cast<long long>(facts.accounts), static_cast<long long>(facts.keys));
}

int backup(Site& site, const std::string& file) {
    if (site.config().backend == Backend::mysql) throw Stop{usage_status, mysql_backup};
    const BackupFacts facts = need_backend(backup_sqlite(site.config().sqlite_file(), file));
    std::printf("wrote %s: ", file.c_str());
    print(facts);
    std::printf("keep with it, from %s: repositories/, ssh_host_*, ticket.key, audit.key, audit.jsonl*\n",
                site.config().state.c_str());
    return 0;
}

int restore(Site& site, const std::string& file) {
    if (site.config().backend == Backend::mysql) throw Stop{usage_status, mysql_restore};
    site.create_state();
    const BackupFacts facts = need_backend(restore_sqlite(file, site.config().sqlite_file(), unix_now()));
    site.details().add("file", file);
    site.details().add("former", facts.former);
    std::printf("restored %s: ", file.c_str());
    print(facts);
    if (!facts.former.empty()) std::printf("the previous database is kept as %s\n", facts.former.c_str());
    if (site.config().redis) std::printf("now run `gerve route sync`: Redis may have different routes\n");
    return 0;
}

}  // namespace

void declare_backup(Command& root) {
    const auto into = std::make_shared<std::string>();
    root.command("backup", "Write the whole directory to a new file, even while it is in use (SQLite).",
                 [into](Site& site) { return backup(site, *into); })
        .argument("FILE", "A file that does not exist yet", word(*into))
        .examples({"gerve backup /var/backups/gerve-$(date +%F).db"});
    const auto from = std::make_shared<std::string>();
    root.change("restore", "Replace the directory with a backup, even while it is being served (SQLite).",
                [from](Site& site) { return restore(site, *from); })
        .argument("FILE", "A file that `gerve backup` wrote", word(*from))
        .examples({"gerve restore /var/backups/gerve-2026-01-31.db"});
}

}  // namespace gerve
