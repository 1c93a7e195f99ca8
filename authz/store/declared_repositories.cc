// What differs in repositories and grants.
#include "authz/store/declared_differences.h"

namespace gerve {
namespace {

class RepositoryDifferences {
  public:
    explicit RepositoryDifferences(DeclaredDifferences& all) : all_(all) {}
    void compare() { compare_repositories(); }

  private:
    using Mark = std::function<Result<void>(Registry&, const RepoPath&)>;
    DeclaredChange& mark_repository(const RepoPath& repo, const char* before, const char* after,
                                    TextPlace place, Mark mark) {
        return all_.note(
            {.sign = ChangeSign::change,
             .kind = DeclaredKind::repository,
             .name = repo.text(),
             .before = before,
             .after = after,
             .about = {{"repo", repo.text()}},
             .place = place,
             .turn = put_repositories,
             .make = [repo, mark = std::move(mark)](Registry& registry) { return mark(registry, repo); }});
    }

    void disable(const RepoPath& repo, TextPlace place) {
        mark_repository(repo, "enabled", "disabled", place, &Registry::disable_repository);
    }

    // What no command changes: it is shown with the changes, and refused with them.
    void refuse_kind(const RepoPath& repo, const DeclaredRepository& wanted,
                     const DeclaredRepository& there) {
        const std::string is(kind_name(there.kind));
        mark_repository(repo, kind_name(there.kind).data(), kind_name(wanted.kind).data(), wanted.place,
                        [is](Registry&, const RepoPath& path) -> Result<void> {
                            return client_error(path.text() + " is of kind " + is +
                                                ", and a repository cannot change its kind: write kind = \"" +
                                                is + "\"");
                        });
    }

    void change_repository(const RepoPath& repo, const DeclaredRepository& wanted,
                           const DeclaredRepository& there) {
        if (wanted.kind != there.kind) refuse_kind(repo, wanted, there);
        if (wanted.is_public != there.is_public) {
            const bool is_public = wanted.is_public;
            mark_repository(repo, is_public ? "private" : "public", is_public ? "public" : "private",
                            wanted.place, [is_public](Registry& registry, const RepoPath& path) {
                                return registry.set_repository_public(path, is_public);
                            });
        }
        if (wanted.archived && !there.archived)
            mark_repository(repo, "unarchived", "archived", wanted.place, &Registry::archive_repository);
        if (!wanted.archived && there.archived)
            mark_repository(repo, "archived", "unarchived", wanted.place, &Registry::unarchive_repository);
        if (wanted.disabled && !there.disabled) disable(repo, wanted.place);
        if (wanted.disabled || !there.disabled) return;
        DeclaredChange& enabled =
            mark_repository(repo, "disabled", "enabled", wanted.place, &Registry::enable_repository);
        enabled.on_disk = OnDisk::enable;
        enabled.repository = repo;
    }

    // Disabled until it is on the file server.
    static Result<void> create(Registry& registry, const RepoPath& repo, const DeclaredRepository& wanted) {
        // `gerve repo create` takes the name; a file that nobody changed behind a rename shall not.
        const auto now = registry.find_current_path(repo);
        if (!now) return pass_on(now);
        if (*now) return client_error(repo.text() + " is now called " + (*now)->text());
        if (const auto created = registry.create_repository(repo, wanted.is_public, wanted.kind); !created)
            return pass_on(created);
        if (auto disabled = registry.disable_repository(repo); !disabled) return disabled;
        return wanted.archived ? registry.archive_repository(repo) : Result<void>();
    }

    void put_repository(const RepoPath& repo, const DeclaredRepository& wanted) {
        all_.note({.kind = DeclaredKind::repository,
                   .name = repo.text(),
                   .after = std::string(wanted.is_public ? "public" : "private") +
                            (wanted.kind == RepositoryKind::git ? "" : ", hg") +
                            (wanted.archived ? ", archived" : "") + (wanted.disabled ? ", disabled" : ""),
                   .about = {{"repo", repo.text()}},
                   .place = wanted.place,
                   .turn = put_repositories,
                   .make = [repo, wanted](Registry& registry) { return create(registry, repo, wanted); },
                   .on_disk = wanted.disabled ? OnDisk::create_disabled : OnDisk::create,
                   .repository = repo});
    }

    void compare_repositories() {
        walk_declared(
            all_.wanted().repositories, all_.there().repositories,
            [&](const RepoPath& repo, const auto& wanted, const auto& there) {
                change_repository(repo, wanted, there);
            },
            [&](const RepoPath& repo, const auto& wanted) { put_repository(repo, wanted); },
            [&](const RepoPath& repo, const auto& there) {
                if (!all_.options().prune || there.disabled) return all_.keep(DeclaredKind::repository);
                disable(repo, {});
            });
    }

    DeclaredDifferences& all_;
};

class GrantDifferences {
  public:
    explicit GrantDifferences(DeclaredDifferences& all) : all_(all) {}
    void compare() { compare_grants(); }

  private:
    static DeclaredChange grant_change(const DeclaredState::Grant& grant, ChangeSign sign) {
        const bool to_user = std::holds_alternative<Login>(grant.second);
        return {.sign = sign,
                .kind = DeclaredKind::grant,
                .name = grant.first.text() + " " + name_of(grant.second),
                .about = {{"repo", grant.first.text()}, {to_user ? "user" : "team", name_of(grant.second)}}};
    }

    void put_grant(const DeclaredState::Grant& grant, const DeclaredGrant& wanted,
                   const DeclaredGrant* there) {
        DeclaredChange change = grant_change(grant, there == nullptr ? ChangeSign::add : ChangeSign::change);
        if (there != nullptr) change.before = access_name(there->access);
        change.after = access_name(wanted.access);
        change.place = wanted.place;
        change.turn = put_grants;
        change.make = [grant, access = wanted.access](Registry& registry) {
            return without_value(registry.grant_access(grant.first, grant.second, access));
        };
        all_.note(std::move(change));
    }

    void drop_grant(const DeclaredState::Grant& grant, const DeclaredGrant& there) {
        if (!all_.options().prune) return all_.keep(DeclaredKind::grant);
        DeclaredChange change = grant_change(grant, ChangeSign::remove);
        change.before = access_name(there.access);
        change.turn = drop_grants;
        change.make = [grant](Registry& registry) {
            return registry.revoke_access(grant.first, grant.second);
        };
        all_.note(std::move(change));
    }

    void compare_grants() {
        walk_declared(
            all_.wanted().grants, all_.there().grants,
            [&](const auto& grant, const DeclaredGrant& wanted, const DeclaredGrant& there) {
                if (wanted.access != there.access) put_grant(grant, wanted, &there);
            },
            [&](const auto& grant, const DeclaredGrant& wanted) { put_grant(grant, wanted, nullptr); },
            [&](const auto& grant, const DeclaredGrant& there) { drop_grant(grant, there); });
    }

    DeclaredDifferences& all_;
};

}  // namespace

void DeclaredDifferences::compare_repositories() {
    RepositoryDifferences(*this).compare();
    GrantDifferences(*this).compare();
}

}  // namespace gerve
