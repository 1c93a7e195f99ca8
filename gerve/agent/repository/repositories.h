// Making, renaming, deleting, checking and measuring bare repositories below an agent's root. No sockets in
// here.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "authz/base/result.h"
#include "authz/model/repo_path.h"
#include "gerve/agent/repository/default_branch.h"
#include "gerve/agent/repository/layout.h"
#include "gerve/agent/repository/leftovers.h"
#include "gerve/agent/repository/ref_restoring.h"

namespace gerve {

// Below the root, where no layout puts a repository: no login starts with a '.'.
constexpr std::string_view work_directory = ".gerve";

// What `git fsck` said, and what look_for_leftovers() found. 0 is a sound repository.
struct FsckReport {
    int status = 0;
    std::string output;  // both streams of git, at most 1 MiB, and a line for each leftover
};

// Every call may block for as long as the disk takes. `id` is the repository's number in the directory; only
// the layout hashed-id looks at it. Errors: denied (told: it exists already, or does not exist), client (the
// layout needs an id), unavailable (the disk does not tell; `detail` has the path and the reason), internal.
class Repositories {
  public:
    // `root`: absolute, without symbolic links. `template_directory`: as for `git init --template`; empty:
    // none. It is of git alone.
    Repositories(std::string root, Layout layout, std::string git = "/usr/bin/git",
                 std::string template_directory = {}, std::string hg = "/usr/bin/hg")
        : root_(std::move(root)),
          layout_(layout),
          git_(std::move(git)),
          template_directory_(std::move(template_directory)),
          hg_(std::move(hg)) {}

    // A bare repository with HEAD at refs/heads/main; or one of Mercurial. It appears whole or not at all.
    // `object_format`: "sha1" or "sha256", as for `git init`; or "hg".
    [[nodiscard]] Result<void> create(const RepoPath& repo, std::uint64_t id,
                                      const std::string& object_format = "sha1") const;

    // Moves the directory `name` in `parent` to the repository's place, over nothing. Denied also when it is
    // on another file system.
    [[nodiscard]] Result<void> take_in(const Fd& parent, const std::string& name, const RepoPath& repo,
                                       std::uint64_t id) const;

    // Whether anything is in the repository's place; not when nobody can tell.
    [[nodiscard]] bool has(const RepoPath& repo, std::uint64_t id) const;

    // With layout hashed-id there is nothing to do, but the repository must exist.
    [[nodiscard]] Result<void> rename(const RepoPath& from, const RepoPath& to, std::uint64_t id) const;

    // It is gone for everybody at once; its files go afterwards, before this returns.
    [[nodiscard]] Result<void> remove(const RepoPath& repo, std::uint64_t id) const;

    // Bytes that its files take on the disk.
    [[nodiscard]] Result<std::uint64_t> size(const RepoPath& repo, std::uint64_t id) const;

    [[nodiscard]] Result<FsckReport> fsck(const RepoPath& repo, std::uint64_t id,
                                          Repair repair = Repair::no) const;

    // Makes the branch (its name without refs/heads/) the default one; returns the one before, empty when
    // HEAD named a commit. Error: denied also when there is no such branch.
    [[nodiscard]] Result<std::string> set_head(const RepoPath& repo, std::uint64_t id,
                                               const std::string& branch) const;

    // Points the ref to the object; what it pointed to before is kept for `keep_lost` (see keep_objects).
    // Error: denied also when there is no such object, or more than one, or the ref cannot point to it.
    [[nodiscard]] Result<RestoredRef> restore_ref(const RepoPath& repo, std::uint64_t id,
                                                  const RefRestoring& restoring,
                                                  std::chrono::days keep_lost) const;

    // An order of lfs/upkeep.h, and what it tells.
    [[nodiscard]] Result<std::string> large_files(const RepoPath& repo, std::uint64_t id,
                                                  std::string_view order, const std::string& argument) const;

    // Removes what a crash left of an earlier create or remove.
    void clean_up() const;

  private:
    [[nodiscard]] Result<std::string> existing(const RepoPath& repo, std::uint64_t id) const;
    [[nodiscard]] Result<Fd> make_parents(const std::string& relative) const;
    [[nodiscard]] Result<std::string> make_work_directory() const;
    [[nodiscard]] Result<GitPlace> git_place(const std::string& relative) const;
    [[nodiscard]] Result<void> initialise(const std::string& path, const std::string& object_format) const;

    std::string root_;
    Layout layout_;
    std::string git_;
    std::string template_directory_;
    std::string hg_;
};

// What follows "git" to check the repository at `path`.
[[nodiscard]] std::vector<std::string> fsck_arguments(const std::string& path);

}  // namespace gerve
