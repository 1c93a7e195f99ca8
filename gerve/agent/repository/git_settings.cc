#include "gerve/agent/repository/git_settings.h"

#include <fcntl.h>

#include <cerrno>
#include <optional>

#include "authz/base/text.h"

namespace gerve {
namespace {

constexpr std::size_t longest_config = 256 * 1024;

// Nothing: it cannot be read, or is too long to be looked through.
std::optional<std::string> config_content(int directory, const char* name) {
    const Fd file(::openat(directory, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (!file) return errno == ENOENT ? std::optional(std::string()) : std::nullopt;
    auto content = read_open_file(file, name, longest_config);
    return content ? std::optional(std::move(*content)) : std::nullopt;
}

void put(GitEnvironment& environment, std::string key, std::string value) {
    environment.config.emplace_back(std::move(key), std::move(value));
}

// But for what the histories of old projects are full of.
void add_object_checks(GitEnvironment& environment) {
    put(environment, "receive.fsckObjects", "true");
    for (const char* tolerated : {"badTimezone", "missingNameBeforeEmail", "missingSpaceBeforeDate",
                                  "missingSpaceBeforeEmail", "zeroPaddedFilemode"})
        put(environment, std::string("receive.fsck.") + tolerated, "ignore");
}

}  // namespace

ConfigWords::ConfigWords(const Fd& repository, const std::string& home) {
    const auto own = config_content(repository.get(), "config");
    std::string at_home;
    bool is_home_known = true;
    for (const char* file : {"/.gitconfig", "/.config/git/config"}) {
        const auto content =
            home.empty() ? std::optional(std::string()) : config_content(AT_FDCWD, (home + file).c_str());
        is_home_known = is_home_known && content;
        if (content) at_home += fold_case(*content);
    }
    const auto everybodys = config_content(AT_FDCWD, "/etc/gitconfig");
    if (own && everybodys) text_ = fold_case(*own + *everybodys) + at_home;
    // extensions.worktreeConfig: git reads a second file in the repository, also in a bare one.
    const bool has_second = text_.find("worktreeconfig") != std::string::npos;
    const auto second = has_second ? config_content(repository.get(), "config.worktree") : std::string();
    if (second) text_ += fold_case(*second);
    unknown_ = !own || !everybodys || !second || !is_home_known || text_.find("include") != std::string::npos;
}

GitSettings fetch_settings(const ConfigWords& words) {
    GitSettings settings;
    settings.gives_any = !words.has("hiderefs") && !words.has("sha1inwant");
    return settings;
}

GitSettings push_settings(const ConfigWords& words, bool checks_objects, bool keeps_lost) {
    GitSettings settings;
    settings.checks_objects = checks_objects && !words.has("fsckobjects");
    settings.logs_refs = keeps_lost && !words.has("logallrefupdates");
    settings.names_committer = !words.has("[committer");
    settings.collects_garbage = !words.has("autogc") && !words.has("[maintenance");
    settings.has_garbage_limits = words.has("[gc]");
    settings.limits_input = words.has("maxinputsize");
    return settings;
}

void add_settings(GitEnvironment& environment, const GitSettings& settings, const Committer& committer) {
    if (settings.gives_any && !environment.sets(".hiderefs"))
        put(environment, "uploadpack.allowAnySHA1InWant", "true");
    if (settings.checks_objects && !environment.sets(".fsckobjects")) add_object_checks(environment);
    if (settings.logs_refs) put(environment, "core.logAllRefUpdates", "always");
    if (settings.names_committer) {
        put(environment, "committer.name", committer.name);
        put(environment, "committer.email", committer.request);
    }
    if (settings.collects_garbage) put(environment, "receive.autogc", "false");
    put(environment, "transfer.hideRefs", std::string(own_refs.substr(0, own_refs.size() - 1)));
}

void limit_input(GitEnvironment& environment, std::uint64_t bytes) {
    put(environment, "receive.maxInputSize", std::to_string(bytes));
    put(environment, "receive.unpackLimit", "1");
}

}  // namespace gerve
