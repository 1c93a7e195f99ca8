#include "gerve/agent/lfs/pointers.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string>
#include <vector>

#include "authz/base/text.h"
#include "gerve/agent/repository/environment.h"
#include "gerve/agent/repository/git_process.h"

namespace gerve::lfs {
namespace {

constexpr std::string_view pointer_begins = "version https://";
constexpr std::string_view oid_line = "oid sha256:";

// So many blobs, each smaller than a pointer may be, are read by one git: what run_git takes of its output
// has room for them.
constexpr std::size_t blobs_at_once = 900;

// "ID blob SIZE", the blob, and a line feed, for each. False: it is none of that.
bool take_blobs(std::string_view said, std::set<Oid>& named) {
    while (!said.empty()) {
        const auto end = said.find('\n');
        if (end == std::string_view::npos) return false;
        const auto words = split(said.substr(0, end), ' ');
        const auto size = words.size() == 3 ? parse_decimal(words[2]) : std::nullopt;
        if (!size || words[1] != "blob" || said.size() < end + 2 + *size) return false;
        if (auto oid = parse_pointer(said.substr(end + 1, *size))) named.insert(std::move(*oid));
        said.remove_prefix(end + 2 + *size);
    }
    return true;
}

Result<void> read_blobs(const GitPlace& place, std::vector<std::string>& blobs, std::set<Oid>& named) {
    if (blobs.empty()) return {};
    const auto said =
        ask_in(place, {"cat-file", "--batch", "--buffer"}, no_deadline, join(blobs, "\n") + "\n");
    blobs.clear();
    if (!said) return pass_on(said);
    if (!take_blobs(*said, named)) return internal_error("git cat-file: unexpected output");
    return {};
}

// Reads the lines that git writes, for as long as it takes. Error: internal, when it failed.
template <class OnLine>
Result<void> each_line(GitProcess& git, OnLine&& on_line) {
    git.in.reset();
    std::string rest;
    std::string errors;
    std::array<char, 65536> buffer{};
    while (git.out || git.err) {
        std::array<pollfd, 2> ready{pollfd{git.out ? git.out.get() : -1, POLLIN, 0},
                                    pollfd{git.err ? git.err.get() : -1, POLLIN, 0}};
        if (::poll(ready.data(), ready.size(), -1) < 0 && errno != EINTR)
            return internal_error(errno_text("poll"));
        for (Fd* from : {&git.out, &git.err}) {
            const ssize_t got = *from ? ::read(from->get(), buffer.data(), buffer.size()) : -1;
            if (got == 0) from->reset();
            if (got <= 0) continue;
            std::string& into = from == &git.out ? rest : errors;
            if (errors.size() < 4096 || from == &git.out)
                into.append(buffer.data(), static_cast<std::size_t>(got));
        }
        std::size_t begin = 0;
        for (auto end = rest.find('\n'); end != std::string::npos; end = rest.find('\n', begin)) {
            if (auto taken = on_line(std::string_view(rest).substr(begin, end - begin)); !taken) return taken;
            begin = end + 1;
        }
        rest.erase(0, begin);
    }
    const GitEnd end = git.reap();
    if (end.code != 0 || end.signal != 0)
        return internal_error("git rev-list failed: " + printable(trim(errors)));
    return {};
}

}  // namespace

std::optional<Oid> parse_pointer(std::string_view blob) {
    if (blob.size() >= max_pointer || !blob.starts_with(pointer_begins)) return std::nullopt;
    for (const std::string_view line : split(blob, '\n')) {
        if (line.starts_with(oid_line)) return Oid::parse(trim(line.substr(oid_line.size())));
    }
    return std::nullopt;
}

Result<std::set<Oid>> named_objects(const GitPlace& place) {
    std::vector<std::string> environment = plain_git_environment(place.path);
    environment.emplace_back("GIT_NO_REPLACE_OBJECTS=1");
    auto git = GitProcess::start(
        {place.git,
         {"--git-dir=" + place.path, "rev-list", "--objects", "--no-object-names", "--all", "--reflog",
          "--filter=combine:object:type=blob+blob:limit=" + std::to_string(max_pointer),
          "--filter-provided-objects"},
         std::move(environment)});
    if (!git) return pass_on(git);
    std::set<Oid> named;
    std::vector<std::string> blobs;
    auto read = each_line(*git, [&](std::string_view line) -> Result<void> {
        blobs.emplace_back(line);
        return blobs.size() < blobs_at_once ? Result<void>() : read_blobs(place, blobs, named);
    });
    if (read) read = read_blobs(place, blobs, named);
    if (!read) return pass_on(read);
    return named;
}

}  // namespace gerve::lfs
