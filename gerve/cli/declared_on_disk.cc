#include "gerve/cli/declared_on_disk.h"

#include <algorithm>
#include <limits>

#include "gerve/cli/file_server.h"

namespace gerve {
namespace {

// Of no repository: by it only a name can be taken on a file server.
constexpr RepoId no_entry_yet{std::numeric_limits<std::int64_t>::max()};

// Whether a new repository can be created. What was there before its entry nobody may get by it, so without a
// file server to look at there is no entry either.
void look_for_room(Site& site, const DeclaredChange& change, DiskFindings& found) {
    const RepoPath& repo = *change.repository;
    const auto route = find_route_of(site, repo.owner());
    if (!route) return void(found.held.emplace(repo, no_route_text(repo.owner())));
    FileServer server(site, *route);
    const auto size = server.size(repo, no_entry_yet);
    if (!size && size.error().fate == Fate::missing) return;
    if (!size) return void(found.held.emplace(repo, size.error().why));
    std::string why =
        server.name().text() + " has a repository " + repo.text() +
        " that does not belong to any entry here: inspect it on the file server, move or remove it, then "
        "apply again";
    found.refused.push_back({&change, std::move(why)});
}

// Creates it unless it is there; empty: it is. Two that apply at the same time may both want to.
std::string create_there(Site& site, const RepositoryRecord& record) {
    const auto route = find_route_of(site, record.path.owner());
    if (!route) return no_route_text(record.path.owner());
    FileServer server(site, *route);
    const auto made = server.create(record.path, record.id, format_of(record.kind));
    if (made || (made.error().fate == Fate::refused && server.size(record.path, record.id))) return "";
    return made.error().why;
}

// Of an entry that is there, and disabled.
std::string make_ready(Site& site, const RepoPath& repo) {
    const auto record = site.registry().show_repository(repo);
    if (!record) return explanation_of(record.error());
    const auto route = find_route_of(site, record->path.owner());
    if (!route) return no_route_text(record->path.owner());
    const auto size = FileServer(site, *route).size(record->path, record->id);
    if (size) return "";
    return size.error().fate == Fate::missing ? create_there(site, *record) : size.error().why;
}

std::string create_and_enable(Site& site, const DeclaredChange& change) {
    const auto record = site.registry().show_repository(*change.repository);
    if (!record) return explanation_of(record.error());
    if (std::string why = create_there(site, *record); !why.empty()) return why;
    if (change.on_disk == OnDisk::create_disabled || !record->disabled) return "";
    const auto enabled = site.registry().enable_repository(record->path);
    const auto now = enabled ? record : site.registry().show_repository(record->path);
    return enabled || (now && !now->disabled) ? "" : explanation_of(enabled.error());
}

}  // namespace

DiskFindings prepare_on_disk(Site& site, const std::vector<DeclaredChange>& changes) {
    DiskFindings found;
    for (const DeclaredChange& change : changes) {
        if (change.on_disk == OnDisk::nothing) continue;
        if (change.on_disk != OnDisk::enable) {
            look_for_room(site, change, found);
            continue;
        }
        std::string why = make_ready(site, *change.repository);
        if (why.empty())
            found.ready.insert(*change.repository);
        else
            found.held.emplace(*change.repository, std::move(why));
    }
    return found;
}

void hold_back(std::vector<DeclaredChange>& changes, const std::map<RepoPath, std::string>& held) {
    std::set<std::string> not_made;
    for (const DeclaredChange& change : changes) {
        const bool creates = change.on_disk == OnDisk::create || change.on_disk == OnDisk::create_disabled;
        if (creates && held.contains(*change.repository)) not_made.insert(change.repository->text());
    }
    std::erase_if(changes, [&](const DeclaredChange& change) {
        if (change.on_disk == OnDisk::enable) return held.contains(*change.repository);
        return std::any_of(change.about.begin(), change.about.end(), [&](const auto& about) {
            return about.first == "repo" && not_made.contains(about.second);
        });
    });
}

bool enables_unprepared(const std::vector<DeclaredChange>& changes, const std::set<RepoPath>& ready) {
    return std::any_of(changes.begin(), changes.end(), [&](const DeclaredChange& change) {
        return change.on_disk == OnDisk::enable && !ready.contains(*change.repository);
    });
}

std::vector<std::string> create_on_disk(Site& site, const std::vector<DeclaredChange>& changes) {
    std::vector<std::string> failed;
    for (const DeclaredChange& change : changes) {
        if (change.on_disk != OnDisk::create && change.on_disk != OnDisk::create_disabled) continue;
        const std::string why = create_and_enable(site, change);
        if (!why.empty()) failed.push_back(change.repository->text() + ": " + why);
    }
    return failed;
}

}  // namespace gerve
