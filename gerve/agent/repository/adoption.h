// Making a directory that is on the file server already a repository of its: checked first, then renamed to
// where the layout files it.
#pragma once

#include <cstdint>
#include <string>

#include "authz/base/result.h"
#include "authz/model/repo_path.h"
#include "gerve/agent/repository/adoption_source.h"
#include "gerve/agent/repository/inspection.h"
#include "gerve/agent/repository/repositories.h"

namespace gerve {

// Every call may block for as long as the disk takes, and runs git. Errors: client (the directory is no
// absolute path, or the layout needs an id), denied (told: there is no such directory, it is not in one of
// the places, or it is not ready), unavailable, internal.
class Adoption {
  public:
    // `repositories`: of the same root and layout.
    Adoption(AdoptionPlaces places, Repositories repositories, std::string git)
        : places_(std::move(places)), repositories_(std::move(repositories)), git_(std::move(git)) {}

    // Without a directory: what lies where the layout files the repository. `id` 0: the repository has no
    // number yet, and so with the layout hashed-id no place.
    [[nodiscard]] Result<Inspection> inspect(const RepoPath& repo, std::uint64_t id,
                                             const std::string& directory) const;

    // Checks again, and moves the directory, whole or not at all and over nothing. Denied also when it is not
    // ready: told has why, and what to do. Without a directory nothing is moved.
    [[nodiscard]] Result<void> adopt(const RepoPath& repo, std::uint64_t id,
                                     const std::string& directory) const;

    // The repositories in a tree, from `from` on, which is the `next` of the page before, or empty. A page
    // has at most 256, and what is found in a few seconds.
    [[nodiscard]] Result<TreePage> inspect_tree(const std::string& directory, const std::string& from) const;

  private:
    struct Checked {
        AdoptionSource source;
        Fd directory;
        Inspection found;
    };
    [[nodiscard]] Result<Checked> check(const RepoPath& repo, std::uint64_t id,
                                        const std::string& directory) const;
    [[nodiscard]] Result<AdoptionSource> source_of(const RepoPath& repo, std::uint64_t id,
                                                   const std::string& directory) const;
    [[nodiscard]] Inspection inspect_in_tree(const AdoptionSource& tree, const std::string& relative) const;
    [[nodiscard]] Result<void> move(const Checked& checked, const RepoPath& repo, std::uint64_t id) const;

    AdoptionPlaces places_;
    Repositories repositories_;
    std::string git_;
};

}  // namespace gerve
