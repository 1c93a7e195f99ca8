#include "gerve/agent/repository/default_branch.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>

#include "authz/base/text.h"

namespace gerve {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view branches = "refs/heads/";
constexpr std::size_t most_packed = 1 << 20;  // bytes; a file of that size is of no new repository

// Those of the refs that are there.
Result<std::vector<std::string>> existing(const GitPlace& place, const std::vector<std::string>& refs) {
    std::vector<std::string> arguments{"for-each-ref", "--format=%(refname)", "--"};
    arguments.insert(arguments.end(), refs.begin(), refs.end());
    auto output = ask_in(place, std::move(arguments));
    if (!output) return pass_on(output);
    std::vector<std::string> found;
    for (const std::string_view line : split(trim(*output), '\n')) {
        // A pattern also stands for what is below it.
        if (std::find(refs.begin(), refs.end(), line) != refs.end()) found.emplace_back(line);
    }
    return found;
}

Result<bool> has_ref(const GitPlace& place, const std::string& ref) {
    return existing(place, {ref}).map([](const auto& found) { return !found.empty(); });
}

Result<void> name_in_head(const GitPlace& place, const std::string& ref) {
    auto done = ask_in(place, {"symbolic-ref", "-m", "gerve: default branch", "HEAD", ref});
    if (!done) return pass_on(done);
    return {};
}

bool has_packed_branches(const Fd& repository) {
    const Fd file(::openat(repository.get(), "packed-refs", O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
    if (!file) return errno != ENOENT;
    const auto content = read_open_file(file, "packed-refs", most_packed);
    return !content || content->find(branches) != std::string::npos;
}

bool has_loose_branches(const std::string& path) {
    std::error_code error;
    for (fs::recursive_directory_iterator next(path + "/refs/heads", error), end; !error && next != end;
         next.increment(error)) {
        if (!next->is_directory(error) && next->path().extension() != ".lock") return true;
    }
    return bool(error);
}

}  // namespace

bool has_branches(const Fd& repository, const std::string& path, const std::string& head) {
    struct stat status {};
    if (head.empty() || ::fstatat(repository.get(), head.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0) {
        return true;
    }
    return has_packed_branches(repository) || has_loose_branches(path);
}

std::string_view branch_name(std::string_view ref) {
    if (ref.starts_with(branches)) ref.remove_prefix(branches.size());
    return ref;
}

Result<PushEnd> look_for_kept_head(const GitPlace& place) {
    const auto there = has_ref(place, place.head);
    if (!there) return pass_on(there);
    return PushEnd{"", *there};
}

std::string kept_head_text(const RepoPath& repo, std::string_view head) {
    const std::string branch = printable(branch_name(head));
    return branch + " is the default branch of " + repo.text() +
           ", and git does not delete the default branch. An administrator can choose another branch first: "
           "gerve repo set-head " +
           repo.text() + " BRANCH\n";
}

Result<PushEnd> settle_default_branch(const GitPlace& place, const std::vector<std::string>& pushed) {
    std::vector<std::string> wanted{place.head, "refs/heads/main", "refs/heads/master"};
    wanted.insert(wanted.end(), pushed.begin(), pushed.end());
    const auto there = existing(place, wanted);
    if (!there) return pass_on(there);
    const auto chosen = std::find_first_of(wanted.begin(), wanted.end(), there->begin(), there->end());
    if (chosen == wanted.end() || *chosen == place.head) return PushEnd{};
    if (auto done = name_in_head(place, *chosen); !done) return pass_on(done);
    return PushEnd{*chosen, false};
}

Result<void> set_default_branch(const GitPlace& place, std::string_view branch) {
    const std::string ref = std::string(branches) + std::string(branch);
    const auto there = has_ref(place, ref);
    if (!there) return pass_on(there);
    if (!*there) return fail(ErrorKind::denied, "there is no branch " + std::string(branch));
    return name_in_head(place, ref);
}

}  // namespace gerve
