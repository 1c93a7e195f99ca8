// Registry: every change that an administrator makes to the directory, and the lists he is shown.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "authz/store/database.h"
#include "authz/store/declared_state.h"
#include "authz/store/records.h"

namespace gerve {

[[nodiscard]] Result<LimitHolder> parse_limit_holder(std::string_view text);  // OWNER or OWNER/NAME

// Errors of every call: client (refused; the text names what is wrong and the remedy, and is meant for the
// administrator, not for a git client) and unavailable. A change is made whole or not at all.
// Adding what is there already, as it is to be, changes nothing and says so; with other properties it is
// refused, telling the difference. Taking away what is not there is refused.
class Registry {
  public:
    // `database` is not owned and must outlive the registry.
    explicit Registry(Database& database, UnixMillis (*clock)() = unix_now)
        : database_(database), clock_(clock) {}

    // ---- accounts (registry_accounts.cc)
    [[nodiscard]] Result<Added<AccountRecord>> add_account(const Login& login, AccountKind kind);
    [[nodiscard]] Result<std::vector<AccountRecord>> list_accounts();
    [[nodiscard]] Result<AccountRecord> show_account(const Login& login);
    [[nodiscard]] Result<void> suspend_account(const Login& login);
    [[nodiscard]] Result<void> unsuspend_account(const Login& login);

    // Who owns no repository, team or key that counts. What an account had besides goes with it: memberships,
    // grants, its route, keys that were revoked before anybody logged in by them, redirects of its old names.
    // `login` may be a name that an account had: then it is reserved no more.
    [[nodiscard]] Result<void> remove_account(const Login& login);

    // ---- renaming an account (registry_names.cc), as the caller moves what is on the file server between
    // the two steps. The old name stays reserved, and leads to every repository that it led to. Reserves the
    // new name.
    enum class Begun {
        with_new_name,
        with_old_name,  // one that the account had before, or another spelling
        before,         // by a renaming that was cut short
    };
    [[nodiscard]] Result<Begun> begin_renaming(const Login& from, const Login& to);
    // `begun`: what begin_renaming() returned. A name that the account had before stays reserved.
    [[nodiscard]] Result<void> cancel_renaming(const Login& from, Begun begun);
    [[nodiscard]] Result<void> finish_renaming(const Login& from, const Login& to);
    // The account that `was` is another name of, if it is one.
    [[nodiscard]] Result<std::optional<Login>> find_current_name(const Login& was);

    [[nodiscard]] Result<Outcome> set_org_member(const Login& organization, const Login& user, OrgRole role);
    // Takes him out of the organisation's teams as well.
    [[nodiscard]] Result<void> remove_org_member(const Login& organization, const Login& user);
    [[nodiscard]] Result<std::vector<OrgMemberRecord>> list_org_members(const Login& organization);

    [[nodiscard]] Result<Outcome> add_team(const TeamPath& team);
    [[nodiscard]] Result<void> remove_team(const TeamPath& team);
    [[nodiscard]] Result<std::vector<TeamRecord>> list_teams(const Login& organization);
    // Makes him a member of the organisation if he is none yet.
    [[nodiscard]] Result<Outcome> add_team_member(const TeamPath& team, const Login& user);
    [[nodiscard]] Result<void> remove_team_member(const TeamPath& team, const Login& user);

    // ---- keys (registry_keys.cc)
    // A key stands once: for one user, or for one repository. A revoked key comes back if nobody ever logged
    // in by it: then it was added by mistake.
    [[nodiscard]] Result<Added<KeyRecord>> add_key(const Login& user, const PublicKey& key,
                                                   const KeyOptions& options);
    [[nodiscard]] Result<Added<KeyRecord>> add_deploy_key(const RepoPath& repo, const PublicKey& key,
                                                          bool can_write, const KeyOptions& options);
    // The same by title and end alone.
    [[nodiscard]] Result<Added<KeyRecord>> add_key(const Login& user, const PublicKey& key, std::string title,
                                                   std::optional<UnixMillis> expires) {
        return add_key(user, key, KeyOptions{std::move(title), expires});
    }
    [[nodiscard]] Result<Added<KeyRecord>> add_deploy_key(const RepoPath& repo, const PublicKey& key,
                                                          std::string title, bool can_write,
                                                          std::optional<UnixMillis> expires) {
        return add_deploy_key(repo, key, can_write, KeyOptions{std::move(title), expires});
    }
    // All keys, or those of one user; revoked and expired ones too.
    [[nodiscard]] Result<std::vector<KeyRecord>> list_keys(const std::optional<Login>& user = std::nullopt);
    [[nodiscard]] Result<std::vector<KeyRecord>> list_deploy_keys(const RepoPath& repo);
    [[nodiscard]] Result<KeyRecord> show_key(const Fingerprint& fingerprint);
    // Where it was used from lately, the last address first and at most ten.
    [[nodiscard]] Result<std::vector<KeyAddress>> list_addresses(const Fingerprint& fingerprint);
    // ---- (registry_key_life.cc)
    // For good, once somebody logged in by it.
    [[nodiscard]] Result<KeyRecord> revoke_key(const Fingerprint& fingerprint);
    // To a user, from another or from a repository; refused when revoked.
    [[nodiscard]] Result<KeyMove> move_key(const Fingerprint& fingerprint, const Login& user);
    // Nothing: it never expires. Refused when revoked; an expired key is live again.
    [[nodiscard]] Result<Added<KeyRecord>> extend_key(const Fingerprint& fingerprint,
                                                      std::optional<UnixMillis> expires);

    // Of a FIDO key; refused for others.
    [[nodiscard]] Result<Outcome> set_no_touch_required(const Fingerprint& fingerprint, bool no_touch);

    // Any UTF-8 of at most 200 bytes.
    [[nodiscard]] Result<KeyRecord> retitle_key(const Fingerprint& fingerprint, const std::string& title);

    // ---- repositories (registry_repositories.cc)
    // The row alone: the caller makes, renames and deletes what is on the file server (by Repository::id and
    // path), and undoes the row when that fails.
    [[nodiscard]] Result<RepositoryRecord> create_repository(const RepoPath& repo, bool is_public,
                                                             RepositoryKind kind = RepositoryKind::git);
    [[nodiscard]] Result<std::vector<RepositoryRecord>> list_repositories(
        const std::optional<Login>& owner = std::nullopt);
    // By its name now; an old name that redirects is refused, telling the new one.
    [[nodiscard]] Result<RepositoryRecord> show_repository(const RepoPath& repo);
    // The repository that `was` is a former name of, if it is one.
    [[nodiscard]] Result<std::optional<RepoPath>> find_current_path(const RepoPath& was);
    [[nodiscard]] Result<void> archive_repository(const RepoPath& repo);
    [[nodiscard]] Result<void> unarchive_repository(const RepoPath& repo);
    [[nodiscard]] Result<void> disable_repository(const RepoPath& repo);
    [[nodiscard]] Result<void> enable_repository(const RepoPath& repo);
    [[nodiscard]] Result<void> set_repository_public(const RepoPath& repo, bool is_public);
    // To another name, or to another owner, or both; the old name leads to it from then on, until a
    // repository is created there. Returns it under its new name.
    [[nodiscard]] Result<RepositoryRecord> rename_repository(const RepoPath& from, const RepoPath& to);
    // With its deploy keys, grants and redirects. Returns what it was.
    [[nodiscard]] Result<RepositoryRecord> delete_repository(const RepoPath& repo);

    // ---- size limits (registry_limits.cc)
    [[nodiscard]] Result<OwnSizeLimits> show_limits(const LimitHolder& holder);
    [[nodiscard]] Result<LimitsChanged> change_limits(const LimitHolder& holder, const LimitChange& change);
    // Of every account and repository that has some, by name.
    [[nodiscard]] Result<std::vector<LimitRecord>> list_limits();

    // ---- what organisations ask of logins (registry_policies.cc)
    [[nodiscard]] Result<LoginPolicy> show_policy(const Login& organization);
    [[nodiscard]] Result<PolicyChanged> change_policy(const Login& organization,
                                                      const LoginPolicyChange& change);
    // Of each that asks something, or says so of deploy keys; by name.
    [[nodiscard]] Result<std::vector<PolicyRecord>> list_policies();
    // Members, collaborators and holders of deploy keys; everybody else reaches public repositories alone.
    [[nodiscard]] Result<std::vector<PolicySubject>> list_policy_subjects(const Login& organization);

    // ---- access (registry_access.cc)
    // Replaces what the holder had. The owner needs no grant and gets none.
    [[nodiscard]] Result<Outcome> grant_access(const RepoPath& repo, const GrantHolder& holder,
                                               Access access);
    [[nodiscard]] Result<void> revoke_access(const RepoPath& repo, const GrantHolder& holder);
    [[nodiscard]] Result<std::vector<GrantRecord>> list_access(const RepoPath& repo);
    // ---- (registry_reach.cc) What is listed is decided by reach_of() of authz/policy.h, over one statement
    // for each kind of holder: the answers are held in memory, within Database::max_rows.
    // Every repository that the holder of a key reaches: its own, by grant, by team, by organisation, and for
    // a deploy key its one. Public repositories of others are not listed. Empty for a key that is not live.
    [[nodiscard]] Result<std::vector<ReachRecord>> list_reach(const KeyRecord& key);
    // Suspended accounts, dead keys and disabled repositories are in it, with access none.
    [[nodiscard]] Result<RepositoryReview> review_repository(const RepoPath& repo);
    [[nodiscard]] Result<AccountReview> review_account(const Login& user);
    // Those that are not disabled, by name.
    [[nodiscard]] Result<std::vector<RepositoryRecord>> list_public_repositories();

    // ---- file servers and routes (registry_routes.cc)
    [[nodiscard]] Result<Added<ServerRecord>> add_server(const ServerName& name,
                                                         const std::vector<Endpoint>& endpoints);
    // Replaces its endpoints.
    [[nodiscard]] Result<ServerRecord> set_endpoints(const ServerName& name,
                                                     const std::vector<Endpoint>& endpoints);
    // Refused while an owner is routed to it.
    [[nodiscard]] Result<void> remove_server(const ServerName& name);
    [[nodiscard]] Result<std::vector<ServerRecord>> list_servers();
    [[nodiscard]] Result<Outcome> set_route(const Login& owner, const ServerName& server);
    [[nodiscard]] Result<void> remove_route(const Login& owner);
    [[nodiscard]] Result<std::vector<RouteRecord>> list_routes();
    // (where an owner's repositories live now: Directory::find_route)

    // ---- authorities of certificates (registry_authorities.cc)
    // A key is that of one authority. Error besides: the name or the key is taken, by what.
    [[nodiscard]] Result<Added<AuthorityRecord>> add_authority(const Login& name, const PublicKey& key,
                                                               const AuthorityOptions& options);
    // What runs with its certificates ends, unless only its longest life grows: it was let in by what the
    // row said. Error besides: it is revoked.
    [[nodiscard]] Result<AuthorityChanged> change_authority(const Login& name, const AuthorityChange& change);
    // Its certificates are then of an authority that nobody knows. Refused where it or certificates of it are
    // revoked, unless `with_revocations`: added again, it would bring them back.
    [[nodiscard]] Result<AuthorityRecord> remove_authority(const Login& name, bool with_revocations);
    [[nodiscard]] Result<std::vector<AuthorityRecord>> list_authorities();  // by name
    [[nodiscard]] Result<AuthorityRecord> show_authority(const Login& name);
    // All that it signs, for good: it stays in the directory, so that holders are told.
    [[nodiscard]] Result<Outcome> revoke_authority(const Login& name);
    // All or none of them; how many were new.
    [[nodiscard]] Result<std::size_t> revoke_certificates(const Login& name,
                                                          const std::vector<Revocation>& revocations);
    // The oldest first.
    [[nodiscard]] Result<std::vector<Revocation>> list_revocations(const Login& name);

    // ---- what a file declares (registry_declared.cc), in one statement for each kind of entry, within
    // Database::max_rows: read it in a Transaction to see one moment.
    [[nodiscard]] Result<DeclaredState> read_declared();
    // Users that logged in with a key they have, and organisations that have an authority, which keeps both
    // from being removed.
    [[nodiscard]] Result<std::set<Login>> list_used_accounts();

  private:
    Database& database_;
    UnixMillis (*clock_)();
};

}  // namespace gerve
