#include "gerve/agent/repository/adoption.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/stat.h>

#include <chrono>
#include <cstdio>

#include "authz/base/text.h"
#include "gerve/agent/repository/adoption_check.h"
#include "gerve/agent/repository/repository_check.h"
#include "gerve/agent/repository/repository_tree.h"

namespace gerve {
namespace {

using std::chrono::steady_clock;

// A page fits into one frame of GRV1, whatever its last repository is, and comes within the patience of the
// gateway.
constexpr std::size_t most_in_page = 256;
constexpr std::size_t page_size = 96 * 1024;  // bytes
constexpr std::chrono::seconds page_time{5};
constexpr std::size_t longest_inspection = 128 * 1024;  // bytes

bool is_same(const Fd& one, const Fd& other) {
    struct stat a {};
    struct stat b {};
    return ::fstat(one.get(), &a) == 0 && ::fstat(other.get(), &b) == 0 && a.st_dev == b.st_dev &&
           a.st_ino == b.st_ino;
}

}  // namespace

Result<AdoptionSource> Adoption::source_of(const RepoPath& repo, std::uint64_t id,
                                           const std::string& directory) const {
    if (!directory.empty()) {
        auto source = find_source(places_, directory);
        if (source && source->relative.empty())
            return client_error(printable(directory) + " is not a repository, but the place of many");
        return source;
    }
    auto relative = repository_directory(places_.layout, repo, id);
    if (!relative) return pass_on(relative);
    return AdoptionSource{places_.root, std::move(*relative)};
}

Result<Adoption::Checked> Adoption::check(const RepoPath& repo, std::uint64_t id,
                                          const std::string& directory) const {
    if (places_.layout == Layout::hashed_id && id == 0 && directory.empty())
        return client_error("the agent files repositories by their number (layout hashed-id), which " +
                            repo.text() + " does not have yet: give the directory that it is in now");
    auto source = source_of(repo, id, directory);
    if (!source) return pass_on(source);
    auto opened = open_source(*source);
    if (!opened && opened.error().kind == ErrorKind::denied)
        return fail(ErrorKind::denied, "there is no directory " + printable(source->path()));
    if (!opened) return pass_on(opened);
    if (is_hg_repository(*opened))
        return client_error(
            printable(source->path()) +
            " is a Mercurial repository, and only git's can be adopted: create one with `gerve repo "
            "create OWNER/NAME --hg`, and push to it");
    auto found = check_for_adoption(places_, *source, *opened, git_);
    if (!found) return pass_on(found);
    const auto place = repository_directory(places_.layout, repo, id);
    found->in_place = source->base == places_.root && place && *place == source->relative;
    if (place && !found->in_place && repositories_.has(repo, id))
        found->refusals.push_back("there is a repository in the place of " + repo.text() +
                                  " already: " + printable(places_.root + "/" + *place));
    return Checked{std::move(*source), std::move(*opened), std::move(*found)};
}

Result<Inspection> Adoption::inspect(const RepoPath& repo, std::uint64_t id,
                                     const std::string& directory) const {
    auto checked = check(repo, id, directory);
    if (!checked) return pass_on(checked);
    checked->found.shorten(longest_inspection);
    return std::move(checked->found);
}

Result<void> Adoption::adopt(const RepoPath& repo, std::uint64_t id, const std::string& directory) const {
    const auto checked = check(repo, id, directory);
    if (!checked) return pass_on(checked);
    const Inspection& found = checked->found;
    if (!found.refusals.empty()) return fail(ErrorKind::denied, join(found.refusals, "; "));
    return found.in_place ? Result<void>() : move(*checked, repo, id);
}

// What is moved has to be what was checked, and not what somebody has put in its place meanwhile.
Result<void> Adoption::move(const Checked& checked, const RepoPath& repo, std::uint64_t id) const {
    const auto parent = open_parent(checked.source);
    if (!parent) return pass_on(parent);
    const std::string& from = checked.source.relative;
    const std::string name = from.substr(from.rfind('/') + 1);
    if (auto taken = repositories_.take_in(*parent, name, repo, id); !taken) return taken;
    const auto place = repository_directory(places_.layout, repo, id);
    if (!place) return pass_on(place);
    const auto moved = open_below(places_.root, *place);
    if (moved && is_same(*moved, checked.directory)) return {};
    const std::string path = places_.root + "/" + *place;
    const bool undone =
        ::renameat2(AT_FDCWD, path.c_str(), parent->get(), name.c_str(), RENAME_NOREPLACE) == 0;
    return internal_error(printable(checked.source.path()) + " was replaced while it was checked" +
                          (undone ? "" : ", and is at " + printable(path) + " now: move it away"));
}

Inspection Adoption::inspect_in_tree(const AdoptionSource& tree, const std::string& relative) const {
    const AdoptionSource source{tree.base, tree.relative.empty() ? relative : tree.relative + "/" + relative};
    const auto opened = open_source(source);
    auto found =
        opened ? check_for_adoption(places_, source, *opened, git_) : Result<Inspection>(pass_on(opened));
    if (!found) {
        Inspection unknown;
        unknown.directory = source.path();
        unknown.refusals.push_back(describe(found.error()));
        found = std::move(unknown);
    }
    found->name = relative;
    found->shorten(longest_inspection);
    return std::move(*found);
}

Result<TreePage> Adoption::inspect_tree(const std::string& directory, const std::string& from) const {
    const auto tree = find_source(places_, directory);
    if (!tree) return pass_on(tree);
    const auto opened = open_source(*tree);
    if (!opened && opened.error().kind == ErrorKind::denied)
        return fail(ErrorKind::denied, "there is no directory " + printable(directory));
    if (!opened) return pass_on(opened);
    TreePage page;
    std::size_t size = 0;
    const auto give_up = steady_clock::now() + page_time;
    const auto next = walk_tree(
        *opened, from_hex(from).value_or(""),
        [&](const std::string& relative) {
            if (page.found.size() == most_in_page || size > page_size) return false;
            size += page.found.emplace_back(inspect_in_tree(*tree, relative)).text().size();
            return true;
        },
        [&] { return steady_clock::now() > give_up; },
        [&](const std::string& relative) {
            const std::string inner = tree->relative.empty() ? relative : tree->relative + "/" + relative;
            return is_kept(places_, {tree->base, inner});
        });
    if (!next) return pass_on(next);
    page.next = to_hex(*next);
    return page;
}

}  // namespace gerve
