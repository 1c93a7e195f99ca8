#include "gerve/agent/repository/repository_tree.h"

#include <sys/stat.h>

#include <algorithm>
#include <vector>

#include "authz/base/text.h"
#include "gerve/agent/repository/directory_reader.h"

namespace gerve {
namespace {

constexpr std::size_t names_at_once = 1024;  // of one directory
constexpr int deepest_tree = 8;              // directories below the tree

enum class Entry { repository, directory, other };

// What a name in `directory` is. A link with the name of a repository is to be told of, and a directory that
// cannot be read: there may be repositories in it.
Entry look_at_entry(const Fd& directory, const std::string& name) {
    const bool is_named = name.ends_with(".git");
    struct stat status {};
    if (::fstatat(directory.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) return Entry::other;
    if (S_ISLNK(status.st_mode)) return is_named ? Entry::repository : Entry::other;
    if (!S_ISDIR(status.st_mode)) return Entry::other;
    const bool is_readable = ::faccessat(directory.get(), name.c_str(), R_OK | X_OK, AT_EACCESS) == 0;
    if (!is_readable && errno == EACCES) return Entry::repository;
    const auto has = [&](const char* what) {
        return ::fstatat(directory.get(), (name + "/" + what).c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0;
    };
    return is_named || (has("HEAD") && has("objects")) ? Entry::repository : Entry::directory;
}

class TreeWalk {
  public:
    TreeWalk(const TakeRepository& take, const std::function<bool()>& is_over,
             const std::function<bool(const std::string&)>& skip)
        : take_(take), is_over_(is_over), skip_(skip) {}

    Result<std::string> run(const Fd& tree, const std::string& from) {
        std::vector<std::string_view> names;
        if (!from.empty()) names = split(from, '/');
        const auto done = enter(tree, ".", "", names, 0);
        if (!done) return pass_on(done);
        return next_;
    }

  private:
    // False: the walk is over. `from`: the names on the way to where it begins, as far as it leads below
    // here.
    Result<bool> enter(const Fd& parent, const std::string& name, const std::string& prefix,
                       std::vector<std::string_view> from, int depth) {
        const Fd directory(
            ::openat(parent.get(), name.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
        if (!directory) return not_entered(prefix);
        std::string first = from.empty() ? "" : std::string(from.front());
        while (true) {
            auto names = names_from(directory, first, prefix);
            if (!names) return pass_on(names);
            for (const std::string& one : *names) {
                const bool leads_here = !from.empty() && one == from.front();
                std::vector<std::string_view> rest;
                if (leads_here) rest.assign(from.begin() + 1, from.end());
                auto more = visit(directory, one, prefix + one, std::move(rest), depth);
                if (!more || !*more) return more;
            }
            if (names->size() < names_at_once) return true;
            first = names->back() + '\0';  // the least name behind it
        }
    }

    Result<bool> visit(const Fd& directory, const std::string& name, const std::string& relative,
                       std::vector<std::string_view> from, int depth) {
        if (skip_(relative)) return true;
        const Entry entry = look_at_entry(directory, name);
        if (entry == Entry::other) return true;
        if (is_over_() || (entry == Entry::repository && !take_(relative))) {
            next_ = relative;
            for (const std::string_view one : from) next_.append("/").append(one);
            return false;
        }
        if (entry == Entry::repository || depth == deepest_tree) return true;
        return enter(directory, name, relative + "/", std::move(from), depth + 1);
    }

    // The first names of a directory that do not come before `first`, in their order.
    static Result<std::vector<std::string>> names_from(const Fd& directory, const std::string& first,
                                                       const std::string& prefix) {
        DirectoryReader reader(directory, ".");
        std::vector<std::string> names;  // a heap with the last of them at its front
        if (!reader.is_open()) {
            const bool gone = errno == ENOENT || errno == ENOTDIR || errno == ELOOP;
            return gone ? Result<std::vector<std::string>>(names)
                        : unavailable(errno_text("cannot read " + (prefix.empty() ? "it" : prefix)));
        }
        while (const dirent* entry = reader.next()) {
            std::string name(entry->d_name);
            if (name < first || (names.size() == names_at_once && names.front() < name)) continue;
            if (names.size() == names_at_once) {
                std::pop_heap(names.begin(), names.end());
                names.pop_back();
            }
            names.push_back(std::move(name));
            std::push_heap(names.begin(), names.end());
        }
        if (errno != 0) return unavailable(errno_text("cannot read " + prefix));
        std::sort_heap(names.begin(), names.end());
        return names;
    }

    static Result<bool> not_entered(const std::string& prefix) {
        if (errno == ENOENT || errno == ENOTDIR || errno == ELOOP) return true;  // gone meanwhile
        return unavailable(errno_text("cannot open " + prefix));
    }

    const TakeRepository& take_;
    const std::function<bool()>& is_over_;
    const std::function<bool(const std::string&)>& skip_;
    std::string next_;
};

}  // namespace

Result<std::string> walk_tree(const Fd& tree, const std::string& from, const TakeRepository& take,
                              const std::function<bool()>& is_over,
                              const std::function<bool(const std::string&)>& skip) {
    return TreeWalk(take, is_over, skip).run(tree, from);
}

}  // namespace gerve
