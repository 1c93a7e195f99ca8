#include "gerve/cli/import/gitolite_files.h"

#include <glob.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>

#include "authz/base/fd.h"
#include "authz/base/text.h"

namespace gerve {
namespace {

constexpr std::size_t largest_conf = 64 * 1024 * 1024;
constexpr std::size_t largest_key_file = 1024 * 1024;

// Device and inode, by which gitolite knows a file that it has read. Empty: not a regular file, or not there.
std::string identity_of(const std::string& path) {
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) return "";
    return std::to_string(status.st_dev) + "/" + std::to_string(status.st_ino);
}

// A directory whose name has wildcards in it is that directory.
std::string without_wildcards(const std::string& directory) {
    std::string text;
    for (const char c : directory) {
        if (std::string_view("*?[]{}\\,").find(c) != std::string_view::npos) text += '\\';
        text += c;
    }
    return text;
}

// As Perl's glob(): with braces, and in alphabetical order without regard to case. What has no wildcards is a
// name.
std::vector<std::string> paths_by(const std::string& directory, const std::string& pattern) {
    const std::string before = directory.empty() || pattern.starts_with('/') ? "" : directory + "/";
    if (pattern.find_first_of("*?[{\\") == std::string::npos) return {before + pattern};
    glob_t found{};
    std::vector<std::string> paths;
    if (::glob((without_wildcards(before) + pattern).c_str(), GLOB_BRACE, nullptr, &found) == 0)
        paths.assign(found.gl_pathv, found.gl_pathv + found.gl_pathc);
    ::globfree(&found);
    std::ranges::sort(paths, {}, [](const std::string& path) { return std::pair(fold_case(path), path); });
    return paths;
}

}  // namespace

ConfFiles files_beside(const std::string& conf) {
    const std::string directory = std::filesystem::path(conf).parent_path().string();
    const auto find = [conf, directory](const std::string& pattern) {
        if (pattern == conf) return std::vector<ConfFiles::Found>{{conf, identity_of(conf)}};
        std::vector<ConfFiles::Found> files;
        for (const std::string& path : paths_by(directory, pattern))
            files.push_back({path, identity_of(path)});
        return files;
    };
    return {[](const std::string& name) { return read_file(name, largest_conf); }, find};
}

Result<std::vector<KeydirFile>> read_keydir(const std::string& directory) {
    namespace fs = std::filesystem;
    std::vector<KeydirFile> files;
    std::error_code error;
    fs::recursive_directory_iterator at(directory, error);
    for (; !error && at != fs::recursive_directory_iterator(); at.increment(error)) {
        const std::string path = at->path().string();
        std::error_code unknown;
        if (!path.ends_with(".pub") || !fs::is_regular_file(at->symlink_status(unknown)) || unknown) continue;
        auto content = read_file(path, largest_key_file);
        if (!content) return pass_on(content);
        files.push_back({path, std::move(*content)});
    }
    if (error) return internal_error("cannot read " + directory + ": " + error.message());
    std::ranges::sort(files, {}, &KeydirFile::path);
    return files;
}

}  // namespace gerve
