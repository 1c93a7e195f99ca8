#include "gerve/agent/hg/hg_program.h"

#include <unistd.h>

#include "authz/base/text.h"
#include "gerve/agent/repository/git_run.h"

namespace gerve::hg {
namespace {

GitStart start_of(const std::string& hg, std::vector<std::string> arguments) {
    GitStart start;
    start.program = hg;
    start.name = "hg";
    start.arguments = std::move(arguments);
    start.environment = environment();
    return start;
}

}  // namespace

std::vector<std::string> environment(const std::string& settings, const std::vector<std::string>& more) {
    std::vector<std::string> all{"PATH=/usr/local/bin:/usr/bin:/bin",
                                 "HOME=/nonexistent",
                                 "LANG=C.UTF-8",
                                 "HGPLAIN=1",
                                 "HGENCODING=UTF-8",
                                 "HGRCPATH=" + settings,
                                 "PYTHONDONTWRITEBYTECODE=1"};
    all.insert(all.end(), more.begin(), more.end());
    return all;
}

GitStart verify_start(const std::string& hg, const std::string& path) {
    return start_of(hg, {"-R", path, "verify", "--quiet"});
}

Result<void> check_installed(const std::string& hg) {
    if (::access(hg.c_str(), X_OK) == 0) return {};
    return internal_error(hg + " is not a program: install Mercurial on the file server (package mercurial)");
}

Result<void> initialise(const std::string& hg, const std::string& path) {
    if (auto installed = check_installed(hg); !installed) return installed;
    auto run = run_git(start_of(hg, {"init", path}));
    if (!run) return pass_on(run);
    if (run->end.signal != 0 || run->end.code != 0)
        return internal_error("hg init failed: " + printable(trim(run->output), 512));
    return {};
}

Result<FsckReport> verify(const std::string& hg, const std::string& path) {
    if (auto installed = check_installed(hg); !installed) return pass_on(installed);
    auto run = run_git(verify_start(hg, path));
    if (!run) return pass_on(run);
    return FsckReport{run->end.signal != 0 ? 128 + run->end.signal : run->end.code, std::move(run->output)};
}

}  // namespace gerve::hg
