#include "gerve/agent/repository/config_findings.h"

#include <algorithm>
#include <array>

#include "authz/base/text.h"
#include "gerve/agent/repository/adoption_source.h"
#include "gerve/agent/repository/environment.h"
#include "gerve/agent/repository/git_run.h"

namespace gerve {
namespace {

struct RefusedKey {
    std::string_view key;  // in small letters; one that ends with a dot stands for all that begin so
    std::string_view why;
    std::string_view remedy;  // behind "git config --file CONFIG "; empty: a full clone
};
constexpr std::array refused_keys{
    RefusedKey{"core.worktree", "it has a work tree", "--unset-all core.worktree"},
    RefusedKey{"include.path", "it includes another file, which could be another user's",
               "--remove-section include"},
    RefusedKey{"includeif.", "it includes another file, which could be another user's",
               "--edit, and remove the sections [includeIf]"},
    RefusedKey{"extensions.worktreeconfig", "it also takes settings from config.worktree",
               "--unset-all extensions.worktreeConfig"},
    RefusedKey{"extensions.partialclone", "it is a partial clone, and lacks objects", ""},
};

// What the repository decides, where Gerve would otherwise (git_settings.h).
constexpr std::array<std::string_view, 12> deciding_keys{"receive.fsckobjects",
                                                         "transfer.fsckobjects",
                                                         "core.logallrefupdates",
                                                         "receive.autogc",
                                                         "maintenance.",
                                                         "committer.",
                                                         "transfer.hiderefs",
                                                         "receive.hiderefs",
                                                         "uploadpack.hiderefs",
                                                         "receive.maxinputsize",
                                                         "gc.",
                                                         "core.sharedrepository"};

// What git runs, as the user that it runs as.
constexpr std::array<std::string_view, 8> program_keys{
    "core.fsmonitor", "core.alternaterefscommand", "core.sshcommand", "core.gitproxy", "gpg.",
    "credential.",    "gc.recentobjectshook",      "protocol."};

// A key of a remote, whatever that is called: of_remote(key, ".vcs").
bool of_remote(std::string_view key, std::string_view end) {
    return key.starts_with("remote.") && key.ends_with(end);
}

bool is_meant(std::string_view key, std::string_view pattern) {
    return pattern.ends_with('.') ? key.starts_with(pattern) : key == pattern;
}

template <std::size_t count>
bool is_one_of(std::string_view key, const std::array<std::string_view, count>& patterns) {
    return std::any_of(patterns.begin(), patterns.end(),
                       [&](std::string_view pattern) { return is_meant(key, pattern); });
}

bool says_no(std::string_view value) {
    const std::string folded = fold_case(value);
    return folded == "false" || folded == "no" || folded == "off" || folded == "0" || folded.empty();
}

void add_once(std::vector<std::string>& list, std::string text) {
    constexpr std::size_t most = 20;
    if (list.size() < most && std::find(list.begin(), list.end(), text) == list.end())
        list.push_back(std::move(text));
}

void take_key(std::string_view key, std::string_view value, const std::string& path, ConfigFindings& found,
              std::vector<std::string>& deciding) {
    const std::string shown = printable(key, 100);
    if (key == "core.bare" && says_no(value)) {
        add_once(found.refusals, "it is not bare (core.bare): make a bare one with `git clone --mirror`");
    } else if (key == "core.hookspath") {
        add_once(found.notes, "its hooks are those in " + printable(value) + " (core.hooksPath)");
    } else if (of_remote(key, ".promisor") || of_remote(key, ".partialclonefilter")) {
        add_once(found.refusals, "it is a partial clone, and lacks objects (" + shown +
                                     " in its config): make a whole one with `git clone --mirror`");
    } else if (is_one_of(key, program_keys) || of_remote(key, ".uploadpack") ||
               of_remote(key, ".receivepack") || of_remote(key, ".vcs")) {
        add_once(found.notes, "its config names a program that git may run: " + shown);
    } else if (is_one_of(key, deciding_keys)) {
        add_once(deciding, shown);
    }
    for (const RefusedKey& refused : refused_keys) {
        if (!is_meant(key, refused.key)) continue;
        std::string told = std::string(refused.why) + " (" + shown + " in its config): ";
        told +=
            refused.remedy.empty()
                ? "make a whole one with `git clone --mirror`"
                : "`" + own_command("git config --file " + path + "/config " + std::string(refused.remedy)) +
                      "`";
        add_once(found.refusals, std::move(told));
    }
}

}  // namespace

ConfigFindings find_in_config(std::string_view listed, const std::string& path) {
    ConfigFindings found;
    std::vector<std::string> deciding;
    for (const std::string_view entry : split(listed, '\0')) {
        const auto end = entry.find('\n');
        // A key without a value is true.
        const std::string_view value = end == std::string_view::npos ? "true" : entry.substr(end + 1);
        take_key(fold_case(entry.substr(0, end)), value, path, found, deciding);
    }
    if (!deciding.empty())
        found.notes.push_back("its config decides, and not Gerve: " + join(deciding, ", "));
    return found;
}

Result<ConfigFindings> read_config_findings(const GitPlace& place) {
    // Outside of the repository: in it, git would first read all that the file includes.
    GitStart start{place.git,
                   {"config", "--file=" + place.path + "/config", "--no-includes", "--list", "-z"},
                   plain_git_environment(place.path)};
    start.directory = "/";
    const auto run = run_git(start);
    if (!run) return pass_on(run);
    if (run->end.signal != 0 || run->end.code != 0 || run->output.size() == max_git_output)
        return ConfigFindings{{}, {"git cannot read its config: " + printable(trim(run->output), 300)}};
    return find_in_config(run->output, shell_word(place.path));
}

}  // namespace gerve
