#include "gerve/agent/lfs/pointers.h"

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "authz/base/text.h"
#include "gerve/agent/lfs/git_reader.h"
#include "gerve/agent/lfs/objects.h"

namespace gerve::lfs {
namespace {

constexpr std::string_view before_oid = "oid sha256:";

// Those that git-lfs reads: its own, and what was written before it had this name.
constexpr std::array<std::string_view, 3> pointer_versions{
    "https://git-lfs.github.com/spec/v1", "https://hawser.github.com/spec/v1", "http://git-media.io/v/2"};

// How often history is read, when refs change while it is read.
constexpr int readings = 5;

bool is_key(std::string_view word) {
    return !word.empty() && std::all_of(word.begin(), word.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-';
    });
}

// A digest of all refs and of what they name. refs/gerve/lost is one of them, and gets a new commit with each
// entry of its reflog.
Result<std::string> state_of_refs(const GitPlace& place) {
    Hasher hash;
    auto read = each_line(GitReader::of(place), {"for-each-ref", "--format=%(objectname) %(refname)"}, "",
                          [&](std::string_view line) -> Result<void> {
                              hash.add(line);
                              hash.add("\n");
                              return {};
                          });
    if (!read) return pass_on(read);
    return hash.hex();
}

Result<std::set<Oid>> read_history(const GitPlace& place) {
    const GitReader reader = GitReader::of(place);
    std::set<Oid> named;
    std::vector<std::string> blobs;
    const auto look_at_blobs = [&]() -> Result<void> {
        auto read = each_blob(reader, blobs, [&](std::size_t, std::string_view content) -> Result<void> {
            named.merge(named_by(content));
            return {};
        });
        blobs.clear();
        return read;
    };
    std::vector<std::string> arguments{"rev-list", "--objects", "--no-object-names", "--all", "--reflog"};
    const auto filter = small_blobs_only();
    arguments.insert(arguments.end(), filter.begin(), filter.end());
    auto read = each_line(reader, std::move(arguments), "", [&](std::string_view line) -> Result<void> {
        blobs.emplace_back(line);
        return blobs.size() < blobs_at_once ? Result<void>() : look_at_blobs();
    });
    if (read) read = look_at_blobs();
    if (!read) return pass_on(read);
    return named;
}

}  // namespace

std::optional<SizedOid> parse_pointer(std::string_view blob) {
    constexpr std::string_view version = "version ";
    if (blob.size() >= max_pointer || !blob.starts_with(version)) return std::nullopt;
    if (blob.ends_with('\n')) blob.remove_suffix(1);
    const auto lines = split(blob, '\n');
    const auto known =
        std::find(pointer_versions.begin(), pointer_versions.end(), lines.front().substr(version.size()));
    if (known == pointer_versions.end()) return std::nullopt;
    std::optional<Oid> oid;
    std::optional<std::uint64_t> size;
    std::string_view last;
    for (std::size_t i = 1; i < lines.size(); ++i) {
        const auto space = lines[i].find(' ');
        const std::string_view key = lines[i].substr(0, space);
        if (space == std::string_view::npos || !is_key(key) || key <= last) return std::nullopt;
        const std::string_view value = lines[i].substr(space + 1);
        if (key == "oid" && value.starts_with("sha256:")) oid = Oid::parse(value.substr(7));
        if (key == "size") size = parse_object_size(value);
        last = key;
    }
    if (!oid || !size) return std::nullopt;
    return SizedOid{std::move(*oid), *size};
}

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
