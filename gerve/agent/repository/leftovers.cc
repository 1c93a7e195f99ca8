#include "gerve/agent/repository/leftovers.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <climits>
#include <filesystem>
#include <string_view>
#include <system_error>

#include "authz/base/display.h"
#include "authz/base/fd.h"
#include "authz/base/text.h"

namespace gerve {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t most_entries = 1'000'000;  // files and directories that are looked at
constexpr std::size_t most_told = 50;
constexpr std::size_t longest_name = 512;           // bytes of a path that are told
constexpr std::chrono::minutes repairable_age(10);  // of what is removed

bool is_number(const std::string& name) {
    return !name.empty() &&
           std::all_of(name.begin(), name.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// Whether one of the processes that work there is like this, as far as this process may see; `process` is its
// directory in /proc.
template <class IsLike>
bool any_process(const std::string& path, IsLike&& is_like) {
    std::error_code error;
    for (fs::directory_iterator next("/proc", error), end; !error && next != end; next.increment(error)) {
        if (!is_number(next->path().filename().string())) continue;
        std::array<char, PATH_MAX> target{};
        const std::string process = next->path().string();
        const ssize_t size = ::readlink((process + "/cwd").c_str(), target.data(), target.size());
        if (size <= 0) continue;
        const std::string_view directory(target.data(), static_cast<std::size_t>(size));
        if ((directory == path || directory.starts_with(path + "/")) && is_like(process)) return true;
    }
    return false;
}

// Whether git makes a lock of that name; hooks have lock files of their own.
bool is_lock(std::string_view relative) {
    if (!relative.ends_with(".lock")) return false;
    constexpr std::array<std::string_view, 9> files{"HEAD.lock",
                                                    "config.lock",
                                                    "packed-refs.lock",
                                                    "shallow.lock",
                                                    "gc.pid.lock",
                                                    "gc.log.lock",
                                                    "info/refs.lock",
                                                    "objects/maintenance.lock",
                                                    "objects/pack/multi-pack-index.lock"};
    constexpr std::array<std::string_view, 3> directories{"refs/", "logs/", "objects/info/"};
    return std::find(files.begin(), files.end(), relative) != files.end() ||
           std::any_of(directories.begin(), directories.end(),
                       [&](std::string_view one) { return relative.starts_with(one); });
}

bool is_busy(const std::string& path) {
    return any_process(path, [](const std::string&) { return true; });
}

// A gc of another user, or of another machine, as git itself finds out: its file is younger than twelve
// hours.
bool collects_garbage(const std::string& path) {
    std::error_code error;
    const auto since = fs::last_write_time(path + "/gc.pid", error);
    return !error && fs::file_time_type::clock::now() - since < std::chrono::hours(12);
}

// The latest time of a file, or of anything in a directory.
fs::file_time_type latest_in(const fs::path& file, std::error_code& error) {
    auto latest = fs::last_write_time(file, error);
    std::error_code walk;
    for (fs::recursive_directory_iterator next(file, walk), end; !walk && next != end; next.increment(walk)) {
        std::error_code ignored;
        const auto one = fs::last_write_time(next->path(), ignored);
        if (!ignored) latest = std::max(latest, one);
    }
    return latest;
}

// What a name stands for when no process works in the repository; empty: something else.
std::string_view leftover_kind(const fs::path& relative, bool is_directory) {
    const std::string name = relative.filename().string();
    const std::string directory = relative.parent_path().string();
    if (directory == "objects" && (name.starts_with("incoming-") || name.starts_with("tmp_objdir-")))
        return "data of a push that ended early";
    if (directory == "objects/pack" && (name.starts_with("tmp_") || name.starts_with(".tmp-")))
        return "a pack that was never finished";
    if (directory.starts_with("objects/") && name.starts_with("tmp_obj_"))
        return "an object that was never finished";
    if (!is_directory && is_lock(relative.string())) return "a lock that no process holds";
    return {};
}

// git makes files in these, and replaces files by renaming.
bool must_be_writable(const fs::path& relative) {
    const std::string top = relative.begin()->string();
    return top == "objects" || top == "refs" || top == "logs";
}

class Search {
  public:
    Search(const std::string& path, Repair repair)
        : path_(path), repairs_(repair == Repair::yes), busy_(is_busy(path) || collects_garbage(path)) {}

    Leftovers run() {
        std::error_code error;
        std::size_t entries = 0;
        const auto options = fs::directory_options::skip_permission_denied;
        for (fs::recursive_directory_iterator next(path_, options, error), end; !error && next != end;
             next.increment(error)) {
            if (++entries > most_entries) break;
            std::error_code ignored;
            const fs::path relative = next->path().lexically_relative(path_);
            const bool is_directory = next->is_directory(ignored) && !next->is_symlink(ignored);
            if (is_directory && must_be_writable(relative)) check_directory(next->path().string(), relative);
            const std::string_view kind = leftover_kind(relative, is_directory);
            if (kind.empty()) continue;
            if (is_directory) next.disable_recursion_pending();
            if (!busy_) take(next->path(), relative, kind);
        }
        if (repairs_ && busy_) found_.lines += "nothing was removed, because a git process works here\n";
        if (more_ > 0) found_.lines += "and " + std::to_string(more_) + " more\n";
        return std::move(found_);
    }

  private:
    void check_directory(const std::string& path, const fs::path& relative) {
        struct stat status {};
        if (::faccessat(AT_FDCWD, path.c_str(), W_OK | X_OK, AT_EACCESS) == 0) return;
        const int why = errno;
        if (::lstat(path.c_str(), &status) != 0) return;
        tell(relative, "git cannot write here as uid " + std::to_string(::geteuid()) + " (" +
                           std::error_code(why, std::generic_category()).message() + "); it belongs to uid " +
                           std::to_string(status.st_uid));
    }
    void take(const fs::path& file, const fs::path& relative, std::string_view kind) {
        const std::string what(kind);
        if (!repairs_) return tell(relative, what + "; remove it, or run fsck with --repair");
        std::error_code error;
        const auto age = fs::file_time_type::clock::now() - latest_in(file, error);
        if (!error && age < repairable_age)
            return tell(relative, what + "; not removed, because it is younger than ten minutes");
        if (!error) fs::remove_all(file, error);
        if (error) return tell(relative, what + "; not removed: " + error.message());
        add(relative, what + "; removed");
    }
    void tell(const fs::path& relative, const std::string& what) {
        found_.remains = true;
        add(relative, what);
    }
    void add(const fs::path& relative, const std::string& what) {
        if (told_ == most_told) {
            ++more_;
        } else {
            ++told_;
            found_.lines += displayed(utf8_prefix(relative.string(), longest_name)) + ": " + what + "\n";
        }
    }

    std::string path_;
    bool repairs_;
    bool busy_;
    Leftovers found_;
    std::size_t told_ = 0;
    std::size_t more_ = 0;
};

}  // namespace

bool has_process(const std::string& path, std::string_view word) {
    return any_process(path, [word](const std::string& process) {
        const Fd file(::open((process + "/cmdline").c_str(), O_RDONLY | O_CLOEXEC));
        std::array<char, 4096> bytes{};
        const ssize_t size = file ? ::read(file.get(), bytes.data(), bytes.size()) : 0;
        if (size <= 0) return false;
        const auto words = split({bytes.data(), static_cast<std::size_t>(size)}, '\0');
        return std::find(words.begin(), words.end(), word) != words.end();
    });
}

Leftovers look_for_leftovers(const std::string& path, Repair repair) {
    return Search(path, repair).run();
}

}  // namespace gerve
