#include "gerve/agent/repository/repositories.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <filesystem>

#include "authz/base/digest.h"
#include "authz/base/text.h"
#include "authz/model/repository_kind.h"
#include "gerve/agent/hg/hg_program.h"
#include "gerve/agent/lfs/receive_hooks.h"
#include "gerve/agent/lfs/upkeep.h"
#include "gerve/agent/repository/default_branch.h"
#include "gerve/agent/repository/disk_usage.h"
#include "gerve/agent/repository/environment.h"
#include "gerve/agent/repository/git_run.h"
#include "gerve/agent/repository/repository_check.h"

namespace gerve {
namespace {

namespace fs = std::filesystem;

// What partial clones and push options need; a template with a `config` of its own decides by itself.
constexpr std::string_view default_config =
    "[uploadpack]\n\tallowFilter = true\n[receive]\n\tadvertisePushOptions = true\n";

std::string unique_name(std::string_view kind) {
    return std::string(kind) + "-" + to_hex(random_bytes(8)) + ".git";
}

tl::unexpected<Error> exists_already(const RepoPath& repo) {
    return fail(ErrorKind::denied, repo.text() + " already exists");
}

// From one place to another, never over something. `from` is below `old_directory`.
Result<void> rename_exclusively(int old_directory, const std::string& from, const Fd& directory,
                                const std::string& name, const RepoPath& repo) {
    if (::renameat2(old_directory, from.c_str(), directory.get(), name.c_str(), RENAME_NOREPLACE) == 0)
        return {};
    if (errno == EEXIST || errno == ENOTEMPTY) return exists_already(repo);
    if (errno == EXDEV)
        return fail(ErrorKind::denied, from + " is on another file system than the place of " + repo.text() +
                                           ": copy it there (`cp -a`), and adopt the copy");
    return internal_error(errno_text("cannot rename " + from));
}

std::string last_name(const std::string& relative) {
    return relative.substr(relative.rfind('/') + 1);
}

}  // namespace

std::vector<std::string> fsck_arguments(const std::string& path) {
    return {"--git-dir=" + path, "fsck", "--no-progress", "--no-dangling"};
}

Result<std::string> Repositories::existing(const RepoPath& repo, std::uint64_t id) const {
    auto relative = repository_directory(layout_, repo, id);
    if (!relative) return relative;
    auto directory = open_below(root_, *relative);
    if (!directory && directory.error().kind == ErrorKind::denied) {
        return fail(ErrorKind::denied, repo.text() + " does not exist", directory.error().detail);
    }
    if (!directory) return pass_on(directory);
    return relative;
}

// Where git may be run.
Result<GitPlace> Repositories::git_place(const std::string& relative) const {
    const auto directory = open_repository(root_, relative);
    if (!directory) return pass_on(directory);
    std::string path = root_ + "/" + relative;
    auto head = read_head(*directory, path);
    if (!head) return pass_on(head);
    return GitPlace{git_, std::move(path), std::move(*head)};
}

// Opens the directory in which `relative` is to stand, making those on the way. Follows no symbolic link.
Result<Fd> Repositories::make_parents(const std::string& relative) const {
    constexpr int flags = O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW;
    Fd directory(::open(root_.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!directory) return internal_error(errno_text("cannot open " + root_));
    auto names = split(relative, '/');
    names.pop_back();
    for (const std::string_view name : names) {
        const std::string text(name);
        if (::mkdirat(directory.get(), text.c_str(), 0777) != 0 && errno != EEXIST) {
            return internal_error(errno_text("cannot make a directory for " + relative));
        }
        Fd next(::openat(directory.get(), text.c_str(), flags));
        if (!next) return internal_error(errno_text("cannot open a directory for " + relative));
        directory = std::move(next);
    }
    return directory;
}

Result<std::string> Repositories::make_work_directory() const {
    std::string path = root_ + "/" + std::string(work_directory);
    if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) {
        return internal_error(errno_text("cannot make " + path));
    }
    return path;
}

Result<void> Repositories::initialise(const std::string& path, const std::string& object_format) const {
    if (object_format == kind_name(RepositoryKind::hg)) return hg::initialise(hg_, path);
    GitStart start;
    start.program = git_;
    start.arguments = {"init",
                       "--quiet",
                       "--bare",
                       "--initial-branch=main",
                       "--object-format=" + object_format,
                       "--template=" + template_directory_,
                       path};
    start.environment = plain_git_environment(path);
    auto run = run_git(start);
    if (!run) return pass_on(run);
    if (run->end.signal != 0 || run->end.code != 0) {
        return internal_error("git init failed: " + printable(trim(run->output), 512));
    }
    if (!template_directory_.empty()) {
        const std::string own = template_directory_ + "/config";
        if (::access(own.c_str(), F_OK) == 0) return {};
        if (errno != ENOENT) return internal_error(errno_text("cannot stat " + own));
    }
    auto config = read_file(path + "/config");
    if (!config) return pass_on(config);
    return write_file(path + "/config", config->append(default_config), 0666);
}

Result<void> Repositories::create(const RepoPath& repo, std::uint64_t id,
                                  const std::string& object_format) const {
    auto relative = repository_directory(layout_, repo, id);
    if (!relative) return pass_on(relative);
    struct stat status {};
    const std::string place = root_ + "/" + *relative;
    if (::lstat(place.c_str(), &status) == 0) return exists_already(repo);
    if (errno != ENOENT && errno != ENOTDIR) return unavailable(errno_text("cannot stat " + place));
    auto work = make_work_directory();
    if (!work) return pass_on(work);
    const std::string fresh = *work + "/" + unique_name("new");
    auto made = initialise(fresh, object_format);
    if (made) {
        auto parent = make_parents(*relative);
        made = parent ? rename_exclusively(AT_FDCWD, fresh, *parent, last_name(*relative), repo)
                      : Result<void>(pass_on(parent));
    }
    if (!made) {
        std::error_code ignored;
        fs::remove_all(fresh, ignored);
    }
    return made;
}

Result<void> Repositories::take_in(const Fd& parent, const std::string& name, const RepoPath& repo,
                                   std::uint64_t id) const {
    const auto relative = repository_directory(layout_, repo, id);
    if (!relative) return pass_on(relative);
    const auto place = make_parents(*relative);
    if (!place) return pass_on(place);
    return rename_exclusively(parent.get(), name, *place, last_name(*relative), repo);
}

bool Repositories::has(const RepoPath& repo, std::uint64_t id) const {
    const auto relative = repository_directory(layout_, repo, id);
    struct stat status {};
    return relative && ::lstat((root_ + "/" + *relative).c_str(), &status) == 0;
}

Result<void> Repositories::rename(const RepoPath& from, const RepoPath& to, std::uint64_t id) const {
    auto old_place = existing(from, id);
    if (!old_place) return pass_on(old_place);
    auto new_place = repository_directory(layout_, to, id);
    if (!new_place) return pass_on(new_place);
    if (*old_place == *new_place) return {};
    auto parent = make_parents(*new_place);
    if (!parent) return pass_on(parent);
    return rename_exclusively(AT_FDCWD, root_ + "/" + *old_place, *parent, last_name(*new_place), to);
}

Result<void> Repositories::remove(const RepoPath& repo, std::uint64_t id) const {
    auto place = existing(repo, id);
    if (!place) return pass_on(place);
    auto work = make_work_directory();
    if (!work) return pass_on(work);
    const std::string trash = *work + "/" + unique_name("deleted");
    if (::rename((root_ + "/" + *place).c_str(), trash.c_str()) != 0) {
        return internal_error(errno_text("cannot move " + *place + " to the trash"));
    }
    std::error_code error;
    fs::remove_all(trash, error);
    if (error) return internal_error("cannot remove " + trash + ": " + error.message());
    return {};
}

Result<std::uint64_t> Repositories::size(const RepoPath& repo, std::uint64_t id) const {
    auto place = existing(repo, id);
    if (!place) return pass_on(place);
    return measure_disk_usage(root_ + "/" + *place);
}

Result<FsckReport> Repositories::fsck(const RepoPath& repo, std::uint64_t id, Repair repair) const {
    auto place = existing(repo, id);
    if (!place) return pass_on(place);
    const auto directory = open_repository(root_, *place);
    if (!directory) return pass_on(directory);
    if (is_hg_repository(*directory)) return hg::verify(hg_, root_ + "/" + *place);
    const auto git = git_place(*place);
    if (!git) return pass_on(git);
    auto run = run_git({git_, fsck_arguments(git->path), plain_git_environment(git->path)});
    if (!run) return pass_on(run);
    FsckReport report{run->end.signal != 0 ? 128 + run->end.signal : run->end.code, std::move(run->output)};
    const Leftovers left = look_for_leftovers(git->path, repair);
    const Leftovers objects = lfs::check_objects(root_, *place, repair);
    report.output += left.lines + objects.lines;
    if ((left.remains || objects.remains) && report.status == 0) report.status = 1;
    return report;
}

Result<std::string> Repositories::large_files(const RepoPath& repo, std::uint64_t id, std::string_view order,
                                              const std::string& argument) const {
    const auto place = existing(repo, id);
    if (!place) return pass_on(place);
    const auto git = git_place(*place);
    if (!git) return pass_on(git);
    return lfs::carry_out(root_, *place, *git, order, argument);
}

Result<std::string> Repositories::set_head(const RepoPath& repo, std::uint64_t id,
                                           const std::string& branch) const {
    auto place = existing(repo, id);
    if (!place) return pass_on(place);
    const auto git = git_place(*place);
    if (!git) return pass_on(git);
    auto done = set_default_branch(*git, branch);
    if (!done && done.error().kind == ErrorKind::denied) {
        return fail(ErrorKind::denied, repo.text() + " has no branch " + printable(branch));
    }
    if (!done) return pass_on(done);
    return std::string(branch_name(git->head));
}

Result<RestoredRef> Repositories::restore_ref(const RepoPath& repo, std::uint64_t id,
                                              const RefRestoring& restoring,
                                              std::chrono::days keep_lost) const {
    auto place = existing(repo, id);
    if (!place) return pass_on(place);
    const auto git = git_place(*place);
    if (!git) return pass_on(git);
    return gerve::restore_ref(*git, restoring, keep_lost);
}

void Repositories::clean_up() const {
    std::error_code error;
    for (fs::directory_iterator next(root_ + "/" + std::string(work_directory), error), end;
         !error && next != end; next.increment(error)) {
        std::error_code ignored;
        if (next->path().filename() == lfs::hooks_directory) continue;
        const bool deleted = next->path().filename().string().starts_with("deleted-");
        const auto age = fs::file_time_type::clock::now() - fs::last_write_time(next->path(), ignored);
        // One that is being made right now, by a command beside the agent, is young.
        if (deleted || age > std::chrono::hours(1)) fs::remove_all(next->path(), ignored);
    }
}

}  // namespace gerve
