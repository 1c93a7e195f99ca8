#include "gerve/cli/sshd_surroundings.h"

#include <sys/stat.h>
#include <unistd.h>

#include <optional>
#include <vector>

#include "gerve/cli/installed.h"
#include "gerve/cli/local_user.h"

namespace gerve {
namespace {

// "/" first, the path itself last.
std::vector<std::string> steps_to(const std::string& path) {
    std::vector<std::string> steps{"/"};
    for (std::size_t at = 1; at < path.size(); ++at) {
        if (path[at] == '/') steps.push_back(path.substr(0, at));
    }
    if (path != "/") steps.push_back(path);
    return steps;
}

std::optional<struct stat> status_of(const std::string& path) {
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0) return std::nullopt;
    return status;
}

// The first directory above the path that the user may not pass, with its remedy; empty when all let him.
std::string obstacle(const std::string& path, const LocalUser& user) {
    for (const std::string& step : steps_to(path)) {
        const auto status = status_of(step);
        if (!status) return step + ": does not exist";
        if (step != path && !user.may(*status, 1)) {
            return step + ": " + user.name() + " cannot traverse it; chmod o+x " + step;
        }
    }
    return {};
}

}  // namespace

CheckLine check_program(const std::string& path) {
    const std::string what = "AuthorizedKeysCommand's program";
    if (!path.starts_with('/')) return bad_line(what, path + ": sshd needs an absolute path");
    for (const std::string& step : steps_to(path)) {
        const auto status = status_of(step);
        if (!status)
            return bad_line(what, step + ": does not exist; install it, or correct AuthorizedKeysCommand");
        if (status->st_uid != 0) {
            return bad_line(what,
                            step + ": is not owned by root, so sshd will not run it; chown root " + step);
        }
        // Debian's sshd accepts what root's own group may write; OpenSSH's own does not.
        const bool harmless = (status->st_mode & 002) == 0 && LocalUser::is_roots_own(status->st_gid);
        if ((status->st_mode & 022) != 0 && !harmless) {
            return bad_line(
                what, step + ": writable by group or others, so sshd will not run it; chmod go-w " + step);
        }
    }
    return good_line(what, path);
}

CheckLine check_runnable(const std::string& path, const std::string& user) {
    const std::string what = path.substr(path.rfind('/') + 1) + " as " + user;
    const auto account = LocalUser::find(user);
    if (!account) return bad_line(what, "there is no such user");
    if (const std::string told = obstacle(path, *account); !told.empty()) return bad_line(what, told);
    if (!account->may(*status_of(path), 1)) {
        return bad_line(what, path + ": " + user + " cannot execute it; chmod 755 " + path);
    }
    return good_line(what, path);
}

CheckLine check_socket(const std::string& path, const std::string& user) {
    const std::string what = path.substr(path.rfind('/') + 1) + " for " + user;
    const auto account = LocalUser::find(user);
    if (!account) return bad_line(what, "there is no such user");
    const auto status = status_of(path);
    if (const std::string told = obstacle(path, *account); !told.empty()) {
        return bad_line(what, told + (status ? "" : "; is `gerve serve` running?"));
    }
    if (!S_ISSOCK(status->st_mode)) return bad_line(what, path + ": is not a socket");
    if (!account->may(*status, 2)) {
        return bad_line(what, path + ": " + user +
                                  " cannot connect; set sshd's users in [authz], and restart `gerve serve`");
    }
    return good_line(what, path);
}

CheckLine check_git_account(const std::string& login, bool pam) {
    const std::string what = "account " + login;
    const auto account = LocalUser::find(login);
    if (!account) {
        return bad_line(what, std::string("does not exist; useradd --system --create-home --shell ") +
                                  sshd_programs + "/gerve-shell " + login);
    }
    const std::string& shell = account->shell();
    const std::string name = shell.substr(shell.rfind('/') + 1);
    const auto shell_status = status_of(shell);
    if (name == "nologin" || name == "false" || name == "git-shell" || !shell_status ||
        !account->may(*shell_status, 1)) {
        return bad_line(what, "its shell " + shell + " cannot run the forced command; usermod --shell " +
                                  sshd_programs + "/gerve-shell " + login);
    }
    if (!pam && account->password().starts_with('!')) {
        return bad_line(what, "is locked, so sshd refuses it; usermod --password '*' " + login);
    }
    if (!status_of(account->home())) {
        return bad_line(what, "its home " + account->home() +
                                  " does not exist, and sshd reports that to every client; mkdir " +
                                  account->home());
    }
    return good_line(what, "shell " + shell);
}

CheckLine check_ticket_key(const std::string& path, const std::string& owner) {
    const std::string what = "key of handles and tickets";
    const auto account = LocalUser::find(owner);
    if (!account) return bad_line(what, "the user that authz runs as has no name");
    if (const std::string told = obstacle(path, *account); !told.empty()) return bad_line(what, told);
    if (!account->may(*status_of(path), 4)) {
        return bad_line(what, path + ": authz, which runs as " + owner + ", cannot read it; chown " + owner +
                                  " " + path + " && chmod 600 " + path);
    }
    return good_line(what, path);
}

CheckLine check_hidden(const std::string& path, const std::string& other) {
    const std::string what = path.substr(path.rfind('/') + 1) + " from " + other;
    const auto account = LocalUser::find(other);
    const auto status = status_of(path);
    if (!account || !status || !obstacle(path, *account).empty() || !account->may(*status, 4)) {
        return good_line(what, "cannot be read");
    }
    if (account->is_root()) {
        return bad_line(what, "root can read every file; sshd's programs need users of their own");
    }
    const bool everybody = (status->st_mode & 004) != 0;
    return bad_line(what, path + ": " + other + " can read it, and so could make a handle for anyone; " +
                              (everybody ? "chmod o-r " + path
                                         : "give it an owner and a group other than " + other + "'s"));
}

}  // namespace gerve
