#include <cstdio>

#include "authz/base/fd.h"
#include "gerve/cli/commands.h"
#include "gerve/cli/declared_text.h"
#include "gerve/cli/site.h"

namespace gerve {
namespace {

// As it is at one moment.
DeclaredState read_state(Site& site) {
    const auto transaction = need_backend(Transaction::begin(site.database()));
    return need_backend(site.registry().read_declared());
}

int run_export(Site& site, const std::string& file) {
    const std::string text = declared_text(read_state(site));
    if (!file.empty() && file != "-") {
        need(write_file(file, text, 0644));
        return 0;
    }
    const bool written = std::fwrite(text.data(), 1, text.size(), stdout) == text.size();
    if (!written || std::fflush(stdout) != 0) throw Stop{refused_status, errno_text("standard output")};
    return 0;
}

}  // namespace

void declare_export(Command& root) {
    const auto file = std::make_shared<std::string>();
    root.command("export", "Write accounts, keys, teams, repositories and grants as TOML, for `gerve apply`.",
                 [file](Site& site) { return run_export(site, *file); })
        .optional_argument("FILE", "The file, which is replaced; default: standard output", word(*file))
        .examples({"gerve export directory.toml", "gerve export | gerve --state DIR apply -"});
}

}  // namespace gerve
