// The directories of large files in a repository, opened without following a symbolic link.
#pragma once

#include <sys/file.h>
#include <sys/types.h>

#include <string>
#include <string_view>

#include "authz/base/fd.h"
#include "authz/base/result.h"

namespace gerve::lfs {

// flock(2), however often a signal comes. False: errno says why it is not locked.
[[nodiscard]] bool lock_file(const Fd& file, int how);

// Opens a directory by one name; a symbolic link is none. With an errno it is not open.
[[nodiscard]] Fd open_step(const Fd& parent, const std::string& name);

// A repository's directory, and what is made in it as its objects/ is: so a repository that a group writes to
// (core.sharedRepository) stays one.
class Places {
  public:
    // `repository` is open for reading.
    explicit Places(Fd repository);
    // `root` and `directory`, and errors: as open_below.
    [[nodiscard]] static Result<Places> below(const std::string& root, const std::string& directory);

    [[nodiscard]] const Fd& repository() const { return repository_; }
    // lfs/NAME. Not open when it is missing, or is no directory.
    [[nodiscard]] Fd open(const std::string& name) const;
    // The same, made when it is missing. Error: unavailable.
    [[nodiscard]] Result<Fd> make(const std::string& name) const;
    [[nodiscard]] Result<Fd> make_step(const Fd& parent, const std::string& name) const;
    // Gives a new file its mode: to be read only, and by whom objects/ may be read.
    void set_file_mode(const Fd& file) const;

  private:
    Fd repository_;
    mode_t mode_;  // of directories
};

// What the client reads of a disk that fails: what was tried, and the words of errno. A full disk is the
// client's to know as well (ErrorKind::denied).
[[nodiscard]] tl::unexpected<Error> disk_error(const std::string& tried);

// A file in a directory that only its writer has a name for, until it is given another one. It is locked
// (flock) as long as it is open, so that what nobody writes any more can be told apart.
class AsideFile {
  public:
    // NAME is followed by a dot and a number of its own. Error: as disk_error.
    [[nodiscard]] static Result<AsideFile> make(const Fd& directory, const std::string& name);
    AsideFile(AsideFile&& other) noexcept;
    AsideFile& operator=(AsideFile&&) = delete;
    AsideFile(const AsideFile&) = delete;
    ~AsideFile();  // removes it, if it was not moved

    [[nodiscard]] const Fd& file() const { return file_; }
    // Takes a name in another directory of the same file system: in place of what has it, or only when
    // nothing has (then the error is EEXIST). Returns 0 or an errno.
    [[nodiscard]] int move(const Fd& directory, const std::string& name, bool replace);

  private:
    AsideFile(Fd directory, Fd file, std::string name)
        : directory_(std::move(directory)), file_(std::move(file)), name_(std::move(name)) {}
    Fd directory_;
    Fd file_;
    std::string name_;  // empty: it is gone from there
};

// Whether a process has an aside file open, by its name in a directory. False: none has, or it is no file.
[[nodiscard]] bool is_held(int directory, const std::string& name);

// Removes the aside files of a directory that no process has open; those of dead processes. The number of
// files removed.
std::size_t remove_abandoned(const Fd& directory);

}  // namespace gerve::lfs
