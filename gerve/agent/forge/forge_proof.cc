#include "gerve/agent/forge/forge_proof.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "authz/base/text.h"
#include "gerve/agent/lfs/receive_hooks.h"
#include "gerve/agent/repository/layout.h"

namespace gerve {
namespace {

// A repository of a Forgejo or Gitea has these, from the day that it was made (modules/repository/hooks.go).
constexpr std::array<std::string_view, 7> hooks_of_forges{
    "pre-receive",  "pre-receive.d/gitea",  "update",       "update.d/gitea",
    "post-receive", "post-receive.d/gitea", "proc-receive",
};

// As long as the forge's own hooks wait for a connection.
constexpr std::chrono::seconds local_url_patience{10};

bool is_file(const std::string& path) {
    struct stat status {};
    return ::stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode);
}

ProofLine prove_user(const ForgeSettings& forge) {
    const AppIniFacts& facts = forge.facts;
    const std::string& here = forge.user;
    if (::geteuid() == 0)
        return {false,
                "user: the agent runs as root, and the forge's hooks refuse to run as root: "
                "run it as the forge's user"};
    if (facts.any_user || facts.user.empty() || facts.user == here)
        return {true, "user: the agent runs as " + here};
    return {false, "user: the agent runs as " + here + ", and the forge's hooks only run as " + facts.user +
                       " (RUN_USER): run the agent, and this check, as " + facts.user};
}

ProofLine prove_app_ini(const ForgeSettings& forge) {
    const std::string named = "app_ini: " + forge.app_ini;
    if (::access(forge.app_ini.c_str(), R_OK) != 0)
        return {false, errno_text(named + " cannot be read") + ". The hooks have to read it, too"};
    if (!forge.unread.empty())
        return {false, "app_ini: " + forge.unread + " (reload the agent when it is corrected)"};
    return {true, named + " can be read"};
}

ProofLine prove_program(const ForgeSettings& forge) {
    const std::string named = "program: " + forge.program;
    if (::access(forge.program.c_str(), X_OK) != 0) return {false, errno_text(named + " cannot be executed")};
    if (!is_file(forge.program)) return {false, named + " is not a file"};
    return {true, named + " can be executed"};
}

// git says nothing about a .gitconfig that it may not read.
ProofLine prove_home(const ForgeSettings& forge) {
    if (forge.home.empty()) return {false, "home: it is not known: set forge.home to HOME_PATH of app.ini"};
    const std::string config = forge.home + "/.gitconfig";
    if (::access(config.c_str(), R_OK) != 0)
        return {false, errno_text("home: " + config + " cannot be read") +
                           ". The forge writes it when it starts: set forge.home to HOME_PATH of app.ini"};
    return {true, "home: " + config + " can be read"};
}

// The forge looks at the objects of a push where git has put them: under the same name.
ProofLine prove_root(const ForgeSettings& forge, const std::string& root) {
    if (!forge.unread.empty()) return {false, "root: ROOT of the forge is not known, since app_ini is not"};
    if (real_path(forge.facts.root) == root) return {true, "root: " + root + " is the forge's ROOT"};
    return {false, "root: it is " + root + " here, and ROOT of the forge is " + forge.facts.root +
                       ": set root to ROOT, under which both have to see the repositories"};
}

ProofLine prove_execution(const std::string& root) {
    struct statvfs status {};
    if (::statvfs(root.c_str(), &status) != 0)
        return {false, errno_text("mount: the options of " + root + " cannot be read")};
    if ((status.f_flag & ST_NOEXEC) != 0)
        return {false, "mount: " + root +
                           " is mounted with noexec, so git cannot run hooks: mount it without noexec"};
    return {true, "mount: programs on the file system of " + root + " may be executed"};
}

// Looked at, not set for the push: a git that a hook runs in another repository would go by it, too.
Result<void> check_hooks_path(const GitPlace& place, const GitEnvironment& environment) {
    GitStart start{place.git,
                   {"--git-dir=" + place.path, "config", "--type=path", "--get", "core.hooksPath"},
                   environment.lines()};
    start.directory = place.path;
    const auto run = run_git(start);
    if (!run) return pass_on(run);
    constexpr int not_set = 1;
    if (run->end.signal == 0 && run->end.code == not_set && run->output.empty()) return {};
    if (run->end.signal == 0 && run->end.code == 0)
        return fail(ErrorKind::denied, "",
                    "core.hooksPath is set to " + printable(trim(run->output), 200) +
                        ", so that git would not run the hooks of the repository");
    return unavailable("core.hooksPath cannot be read: " + printable(trim(run->output), 200));
}

// A name that is there as a file that git cannot execute, it skips.
Result<void> check_executable(const Fd& repository, std::string_view name, bool must_be_there) {
    const std::string hook = std::string(lfs::usual_hooks) + "/" + std::string(name);
    struct stat status {};
    if (::fstatat(repository.get(), hook.c_str(), &status, 0) != 0) {
        if (errno == ENOENT && !must_be_there) return {};
        return fail(ErrorKind::denied, "",
                    errno == ENOENT ? hook + " is missing" : errno_text("cannot access " + hook));
    }
    if (!S_ISREG(status.st_mode)) return fail(ErrorKind::denied, "", hook + " is not a file");
    if (::faccessat(repository.get(), hook.c_str(), X_OK, AT_EACCESS) == 0) return {};
    return fail(ErrorKind::denied, "", errno_text(hook + " cannot be executed"));
}

// With such a file git takes hooks and configuration from the directory that it names
// (gitrepository-layout(5)).
Result<void> check_common_directory(const Fd& repository) {
    struct stat status {};
    if (::fstatat(repository.get(), "commondir", &status, AT_SYMLINK_NOFOLLOW) != 0 && errno == ENOENT)
        return {};
    return fail(ErrorKind::denied, "",
                "there is a file commondir, so that git would not run the hooks of the repository");
}

}  // namespace

std::vector<ProofLine> prove_machine(const ForgeSettings& forge, const std::string& root) {
    if (!forge.kind) return {prove_execution(root)};
    return {prove_user(forge), prove_app_ini(forge),    prove_program(forge),
            prove_home(forge), prove_root(forge, root), prove_execution(root)};
}

std::vector<ProofLine> prove_forge(const ForgeSettings& forge, const std::string& root) {
    auto lines = prove_machine(forge, root);
    if (forge.kind && forge.unread.empty()) lines.push_back(prove_local_url(forge.facts, local_url_patience));
    return lines;
}

Result<void> check_hooks(const ForgeSettings& forge, const Fd& repository, const GitPlace& place,
                         const GitEnvironment& environment, bool asks_git) {
    if (auto checked = check_common_directory(repository); !checked) return checked;
    if (forge.kind) {
        for (const std::string_view name : hooks_of_forges) {
            if (auto checked = check_executable(repository, name, true); !checked) return checked;
        }
    }
    for (const std::string_view name : lfs::hook_names) {
        if (auto checked = check_executable(repository, name, false); !checked) return checked;
    }
    return forge.kind && asks_git ? check_hooks_path(place, environment) : Result<void>{};
}

}  // namespace gerve
