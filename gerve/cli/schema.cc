#include "authz/store/schema.h"

#include "authz/store/open_database.h"
#include "gerve/cli/commands.h"
#include "gerve/cli/site.h"

namespace gerve {
namespace {

int print_schema(Site& site, bool mysql, bool sqlite) {
    if (mysql && sqlite) throw Stop{usage_status, "--mysql and --sqlite cannot be combined"};
    if (!mysql && !sqlite) mysql = site.config().backend == Backend::mysql;
    std::fputs(schema_text(mysql ? Dialect::mysql : Dialect::sqlite).c_str(), stdout);
    return 0;
}

// Not through Site::database(): that refuses the old schema that is to be brought up to date.
int migrate(Site& site) {
    site.create_state();
    const Connect connect = need(choose_database(site.config(), DatabaseUse::administer));
    const auto database = need_backend(connect());
    const int before = need(migrate_schema(*database));
    const int now = current_schema_version();
    if (before == now) {
        std::printf("the schema is up to date: version %d\n", now);
    } else {
        std::printf("the schema was upgraded from version %d to %d\n", before, now);
    }
    return 0;
}

}  // namespace

void declare_schema(Command& root) {
    struct Values {
        bool mysql = false;
        bool sqlite = false;
    };
    Command schema = root.group("schema", "The tables of the directory.");
    const auto print = std::make_shared<Values>();
    schema
        .command("print", "Print the SQL of the default schema.",
                 [print](Site& site) { return print_schema(site, print->mysql, print->sqlite); })
        .flag("--mysql", "For MySQL and MariaDB; default: the configured database", print->mysql)
        .flag("--sqlite", "For SQLite", print->sqlite);
    (void)schema.change("migrate", "Bring the tables up to date; safe to run twice.", migrate);
    schema.examples({"gerve schema print --mysql | less", "gerve -c /etc/gerve/gerve.toml schema migrate"});
}

}  // namespace gerve
