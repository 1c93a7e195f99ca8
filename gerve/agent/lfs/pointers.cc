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

// What a line of a pointer says: "KEY VALUE".
std::optional<std::string_view> value_of(std::string_view line, std::string_view key) {
    if (!line.starts_with(key) || line.size() == key.size() || line[key.size()] != ' ') return std::nullopt;
    return line.substr(key.size() + 1);
}

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

// "ext-0-NAME HASH": an extension has changed the file before it was hashed.
bool is_extension(std::string_view line) {
    constexpr std::string_view prefix = "ext-";
    const auto key = line.substr(0, line.find(' '));
    if (key.size() == line.size() || !key.starts_with(prefix) || key.size() < 7) return false;
    const char first = key[6];
    const bool is_word = (first >= 'a' && first <= 'z') || (first >= 'A' && first <= 'Z') || first == '_';
    return is_digit(key[4]) && key[5] == '-' && (is_word || is_digit(first));
}

// Empty lines do not count, nor do the carriage returns of a file with the line ends of Windows.
std::vector<std::string_view> pointer_lines(std::string_view blob) {
    std::vector<std::string_view> lines;
    for (std::string_view line : split(trim(blob), '\n')) {
        if (line.ends_with('\r')) line.remove_suffix(1);
        if (!line.empty() && !is_extension(line)) lines.push_back(line);
    }
    return lines;
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
    std::set<Oid> named;
    auto read = each_small_blob(GitReader::of(place), {"--no-object-names", "--all", "--reflog"}, "",
                                [&](std::string_view, std::string_view content) -> Result<void> {
                                    named.merge(named_by(content));
                                    return {};
                                });
    if (!read) return pass_on(read);
    return named;
}

}  // namespace

std::optional<SizedOid> parse_pointer(std::string_view blob) {
    constexpr std::string_view hash = "sha256:";
    if (blob.size() >= max_pointer) return std::nullopt;
    const auto lines = pointer_lines(blob);
    if (lines.size() != 3) return std::nullopt;
    const auto version = value_of(lines[0], "version");
    const auto name = value_of(lines[1], "oid");
    const auto size = parse_object_size(value_of(lines[2], "size").value_or(""));
    const bool known =
        std::find(pointer_versions.begin(), pointer_versions.end(), version) != pointer_versions.end();
    if (!known || !name || !name->starts_with(hash) || !size) return std::nullopt;
    auto oid = Oid::parse(name->substr(hash.size()));
    if (!oid) return std::nullopt;
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
