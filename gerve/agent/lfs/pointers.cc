#include "gerve/agent/lfs/pointers.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string>
#include <vector>

#include "authz/base/text.h"
#include "gerve/agent/lfs/objects.h"
#include "gerve/agent/repository/environment.h"
#include "gerve/agent/repository/git_process.h"

namespace gerve::lfs {
namespace {

constexpr std::string_view before_oid = "oid sha256:";

// How often history is read, when refs change while it is read.
constexpr int readings = 5;

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
        named.merge(named_by(said.substr(end + 1, *size)));
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
Result<void> each_line(const GitPlace& place, std::vector<std::string> arguments, OnLine&& on_line) {
    std::vector<std::string> environment = plain_git_environment(place.path);
    environment.emplace_back("GIT_NO_REPLACE_OBJECTS=1");
    arguments.insert(arguments.begin(), "--git-dir=" + place.path);
    auto started = GitProcess::start({place.git, std::move(arguments), std::move(environment)});
    if (!started) return pass_on(started);
    GitProcess& git = *started;
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
    if (end.code != 0 || end.signal != 0) return internal_error("git failed: " + printable(trim(errors)));
    return {};
}

// A digest of all refs and of what they name. refs/gerve/lost is one of them, and gets a new commit with each
// entry of its reflog.
Result<std::string> state_of_refs(const GitPlace& place) {
    Hasher hash;
    auto read = each_line(place, {"for-each-ref", "--format=%(objectname) %(refname)"},
                          [&](std::string_view line) -> Result<void> {
                              hash.add(line);
                              hash.add("\n");
                              return {};
                          });
    if (!read) return pass_on(read);
    return hash.hex();
}

Result<std::set<Oid>> read_history(const GitPlace& place) {
    std::set<Oid> named;
    std::vector<std::string> blobs;
    auto read =
        each_line(place,
                  {"rev-list", "--objects", "--no-object-names", "--all", "--reflog",
                   "--filter=combine:object:type=blob+blob:limit=" + std::to_string(max_pointer),
                   "--filter-provided-objects"},
                  [&](std::string_view line) -> Result<void> {
                      blobs.emplace_back(line);
                      return blobs.size() < blobs_at_once ? Result<void>() : read_blobs(place, blobs, named);
                  });
    if (read) read = read_blobs(place, blobs, named);
    if (!read) return pass_on(read);
    return named;
}

}  // namespace

std::set<Oid> named_by(std::string_view blob) {
    constexpr std::size_t oid_size = 64;
    std::set<Oid> named;
    if (blob.size() >= max_pointer) return named;
    for (auto at = blob.find(before_oid); at != std::string_view::npos; at = blob.find(before_oid, at + 1)) {
        if (auto oid = Oid::parse(blob.substr(at + before_oid.size(), oid_size)))
            named.insert(std::move(*oid));
    }
    return named;
}

Result<std::set<Oid>> named_objects(const GitPlace& place) {
    auto before = state_of_refs(place);
    for (int i = 0; i < readings && before; ++i) {
        auto named = read_history(place);
        // Where objects went away meanwhile, the next reading says whether they are missing.
        auto after = state_of_refs(place);
        if (!after) return pass_on(after);
        if (*after == *before) return named;
        before = std::move(after);
    }
    if (!before) return pass_on(before);
    return fail(ErrorKind::denied,
                "refs of this repository changed each time its history was read: run it again later");
}

}  // namespace gerve::lfs
