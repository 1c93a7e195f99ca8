#include "gerve/agent/repository/adoption_source.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

#include "authz/base/text.h"
#include "authz/os/system_user.h"

namespace gerve {
namespace {

constexpr std::size_t longest_path = 4095;

bool is_below(std::string_view path, std::string_view base) {
    return path == base || (path.starts_with(base) && path[base.size()] == '/');
}

std::string list_of(const std::vector<std::string>& directories) {
    std::string text;
    for (const std::string& one : directories) text += (text.empty() ? "" : ", ") + printable(one);
    return text.empty() ? "which has none" : text;
}

Result<Fd> open_base(const std::string& base) {
    Fd directory(::open(base.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!directory) return unavailable(errno_text("cannot open " + base));
    return directory;
}

}  // namespace

bool may_be_directory(std::string_view text) {
    if (text.size() > longest_path || text.size() < 2 || text.front() != '/') return false;
    const bool clean = std::none_of(text.begin(), text.end(),
                                    [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
    const auto names = split(text.substr(1), '/');
    return clean && std::none_of(names.begin(), names.end(), [](std::string_view name) {
               return name.empty() || name == "." || name == "..";
           });
}

bool is_kept(const AdoptionPlaces& places, const AdoptionSource& source) {
    if (source.base != places.root) return false;
    const std::string first = source.relative.substr(0, source.relative.find('/'));
    return first == ".gerve" || (first == "@hashed" && places.layout == Layout::hashed_id);
}

Result<AdoptionSource> find_source(const AdoptionPlaces& places, std::string_view directory) {
    const std::string shown = printable(directory);
    if (!may_be_directory(directory))
        return client_error(shown + " is not an absolute path without . and ..");
    // The root first: what lies in it is the agent's, even if one of the others has it too.
    std::vector<std::string> bases{places.root};
    bases.insert(bases.end(), places.from.begin(), places.from.end());
    for (const std::string& base : bases) {
        if (!is_below(directory, base)) continue;
        AdoptionSource source{base,
                              std::string(directory.substr(std::min(directory.size(), base.size() + 1)))};
        if (is_kept(places, source))
            return fail(ErrorKind::denied, shown + " is where the agent keeps repositories of its own");
        return source;
    }
    return fail(ErrorKind::denied, shown + " is neither below the agent's root (" + printable(places.root) +
                                       ") nor below an adopt_from of its configuration (" +
                                       list_of(places.from) + ")");
}

Result<Fd> open_source(const AdoptionSource& source) {
    return source.relative.empty() ? open_base(source.base) : open_below(source.base, source.relative);
}

Result<Fd> open_parent(const AdoptionSource& source) {
    const auto slash = source.relative.rfind('/');
    if (slash == std::string::npos) return open_base(source.base);
    return open_below(source.base, source.relative.substr(0, slash));
}

std::string shell_word(const std::string& path) {
    constexpr std::string_view plain = "/._-+@:=,";
    const bool is_plain =
        path.size() <= longest_path_told && std::all_of(path.begin(), path.end(), [&](char c) {
            return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                   plain.find(c) != std::string_view::npos;
        });
    if (is_plain) return path;
    std::string word = "'";
    for (const char c : printable(path, longest_path_told)) word += c == '\'' ? "'\\''" : std::string(1, c);
    return word + "'";
}

std::string own_user() {
    const auto user = find_system_user(::geteuid());
    return user ? user->name : std::to_string(::geteuid());
}

std::string own_command(const std::string& command) {
    return ::geteuid() == 0 ? command : "sudo -u " + own_user() + " " + command;
}

std::string filed_as(const AdoptionPlaces& places, const AdoptionSource& source) {
    if (source.base != places.root || places.layout == Layout::hashed_id) return "";
    const auto names = split(source.relative, '/');
    if (names.size() < 2) return "";
    const auto repo = RepoPath::parse(std::string(names[names.size() - 2]) + "/" + std::string(names.back()));
    if (!repo) return "";
    return repository_directory(places.layout, *repo, 0) == source.relative ? repo->text() : "";
}

}  // namespace gerve
