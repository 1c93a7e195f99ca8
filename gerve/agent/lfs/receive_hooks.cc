#include "gerve/agent/lfs/receive_hooks.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "authz/base/digest.h"
#include "authz/base/text.h"
#include "gerve/agent/repository/environment.h"
#include "gerve/agent/repository/repositories.h"
#include "gerve/loop/deadline.h"

namespace gerve::lfs {
namespace {

constexpr std::string_view hooks_key = "core.hooksPath";

std::string link_target(int directory, const std::string& name) {
    std::array<char, PATH_MAX> target{};
    const ssize_t size = ::readlinkat(directory, name.c_str(), target.data(), target.size());
    return size <= 0 ? "" : std::string(target.data(), static_cast<std::size_t>(size));
}

// run_in mixes git's complaints with its output, and these end with a line feed. So a path with control
// characters is refused: better no push than one whose hooks are looked for in a wrong place.
Result<std::string> find_own_hooks(const GitPlace& place) {
    const auto run = run_in(place, {"config", "--type=path", "--null", "--get", std::string(hooks_key)});
    if (!run) return pass_on(run);
    constexpr int not_set = 1;
    if (run->end.code == not_set && run->end.signal == 0) return std::string(usual_hooks);
    std::string path = run->output;
    const bool ended = run->end.code == 0 && run->end.signal == 0 && path.ends_with('\0');
    if (ended) path.pop_back();
    const bool is_clean = std::none_of(
        path.begin(), path.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
    if (!ended || !is_clean)
        return unavailable("cannot read core.hooksPath of " + place.path + ": " + printable(path, 512));
    return path.empty() ? "/" : path;  // as git reads it
}

unsigned own_hooks_of(const Fd& repository, const std::string& own) {
    unsigned found = 1;
    for (std::size_t i = 1; i < hook_names.size(); ++i) {
        const std::string hook = own + "/" + std::string(hook_names[i]);
        if (::faccessat(repository.get(), hook.c_str(), X_OK, 0) == 0) found |= 1U << i;
    }
    return found;
}

// A name that is there already is replaced in one step: another push may be about to use it.
Result<void> make_link(int directory, const std::string& name, const std::string& path) {
    if (link_target(directory, name) == own_program()) return {};
    const std::string fresh = name + "." + to_hex(random_bytes(8));
    if (::symlinkat(own_program().c_str(), directory, fresh.c_str()) != 0)
        return unavailable(errno_text("cannot make a link in " + path));
    if (::renameat(directory, fresh.c_str(), directory, name.c_str()) == 0) return {};
    const std::string why = errno_text("cannot make " + path + "/" + name);
    ::unlinkat(directory, fresh.c_str(), 0);
    return unavailable(why);
}

// For each combination of hooks, and for each program, a directory that stays.
Result<std::string> make_hooks(const std::string& root, unsigned hooks) {
    if (own_program().empty() || ::access(own_program().c_str(), X_OK) != 0)
        return unavailable("the agent's own program is not found, to check pushes with: " + own_program());
    std::string path = root;
    for (const std::string& step :
         {std::string(work_directory), std::string(hooks_directory),
          std::to_string(hooks) + "-" + to_hex(sha256(own_program()).substr(0, 8))}) {
        path += "/" + step;
        if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST)
            return unavailable(errno_text("cannot make " + path));
    }
    const Fd directory(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!directory) return unavailable(errno_text("cannot open " + path));
    for (std::size_t i = 0; i < hook_names.size(); ++i) {
        if ((hooks >> i & 1) == 0) continue;
        if (auto made = make_link(directory.get(), std::string(hook_names[i]), path); !made)
            return pass_on(made);
    }
    return path;
}

}  // namespace

const std::string& own_program() {
    static const std::string program = link_target(AT_FDCWD, "/proc/self/exe");
    return program;
}

Result<ReceiveHooks> redirect_hooks(const std::string& root, const Fd& repository, const GitPlace& place,
                                    bool has_hooks_path) {
    auto own = has_hooks_path ? find_own_hooks(place) : Result<std::string>(std::string(usual_hooks));
    if (!own) return pass_on(own);
    auto directory = make_hooks(root, own_hooks_of(repository, *own));
    if (!directory) return pass_on(directory);
    return ReceiveHooks{std::move(*directory), std::move(*own), place.git};
}

void add_hooks(GitEnvironment& environment, const ReceiveHooks& hooks) {
    environment.config.emplace_back(hooks_key, hooks.directory);
    environment.variables.push_back(std::string(own_hooks_variable) + "=" + hooks.own);
    environment.variables.push_back(std::string(git_variable) + "=" + hooks.git);
}

std::vector<std::string> without_redirection(std::vector<std::string> environment) {
    constexpr std::string_view count_name = "GIT_CONFIG_COUNT=";
    const auto count_line =
        std::find_if(environment.begin(), environment.end(),
                     [&](const std::string& line) { return line.starts_with(count_name); });
    const auto count = count_line == environment.end()
                           ? std::nullopt
                           : parse_decimal(std::string_view(*count_line).substr(count_name.size()));
    std::string last;
    if (count && *count > 0) {
        last = std::to_string(*count - 1);
        const std::string key = "GIT_CONFIG_KEY_" + last + "=" + std::string(hooks_key);
        if (std::find(environment.begin(), environment.end(), key) == environment.end()) last.clear();
    }
    if (!last.empty()) *count_line = std::string(count_name) + last;
    std::erase_if(environment, [&](const std::string& line) {
        return line.starts_with(std::string(own_hooks_variable) + "=") ||
               line.starts_with(std::string(git_variable) + "=") ||
               (!last.empty() && (line.starts_with("GIT_CONFIG_KEY_" + last + "=") ||
                                  line.starts_with("GIT_CONFIG_VALUE_" + last + "=")));
    });
    return environment;
}

}  // namespace gerve::lfs
