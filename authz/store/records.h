// What the administrative commands are shown: rows of the directory as plain values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "authz/base/clock.h"
#include "authz/certificate_rules.h"
#include "authz/model/decision.h"
#include "authz/model/ids.h"
#include "authz/model/login_policy.h"
#include "authz/model/principal.h"
#include "authz/model/repository.h"
#include "authz/model/route.h"
#include "authz/model/size_limits.h"

namespace gerve {

enum class AccountKind : int { user = 1, organization = 2 };

struct AccountRecord {
    AccountId id;
    Login login;
    AccountKind kind = AccountKind::user;
    UnixMillis created = 0;
    std::optional<UnixMillis> suspended;
};

// ORG/TEAM. The spelling rules of a team's name are those of a login.
struct TeamPath {
    Login organization;
    Login name;
    [[nodiscard]] static Result<TeamPath> parse(std::string_view text);
    [[nodiscard]] std::string text() const { return organization.text() + "/" + name.text(); }
    friend bool operator==(const TeamPath&, const TeamPath&) = default;
    friend auto operator<=>(const TeamPath&, const TeamPath&) = default;
};

// Who is given access: an account, or a team of an organisation.
using GrantHolder = std::variant<Login, TeamPath>;
[[nodiscard]] Result<GrantHolder> parse_grant_holder(std::string_view text);  // LOGIN or ORG/TEAM
[[nodiscard]] inline std::string name_of(const GrantHolder& holder) {
    return std::visit([](const auto& one) { return one.text(); }, holder);
}

struct TeamRecord {
    TeamPath path;
    UnixMillis created = 0;
    std::vector<Login> members;  // by login
};

enum class OrgRole : int { member = 1, owner = 2 };

struct OrgMemberRecord {
    Login login;
    OrgRole role = OrgRole::member;
};

// A key in any state.
struct KeyRecord {
    KeyId id;
    Fingerprint fingerprint;
    std::string algorithm;
    unsigned bits = 0;
    std::string public_key;  // "TYPE BASE64"
    std::string title;
    KeyHolder holder;
    UnixMillis created = 0;
    std::optional<UnixMillis> expires;
    std::optional<UnixMillis> revoked;
    std::optional<UnixMillis> last_used;
    std::string last_address;        // where from; empty: never used
    bool no_touch_required = false;  // of a FIDO key
    // "live", "expired", "revoked", "suspended" (the account)
    [[nodiscard]] std::string_view state(UnixMillis now) const;
};

// What became of a command: it changed something, or it was so already.
enum class Outcome { done, already };

// A key before and after it got another holder; the same when it had that one already.
struct KeyMove {
    KeyRecord before;
    KeyRecord after;
};

// What a key gets beside its holder.
struct KeyOptions {
    std::string title;                  // empty: the key's comment
    std::optional<UnixMillis> expires;  // nothing: never
    bool uses_recorded = true;          // the audit trail is on, so that a login by it would be known
    // As a file declares it: an empty title stays empty, any UTF-8 is taken, and its end may be past.
    bool as_declared = false;
    bool no_touch_required = false;  // of a FIDO key alone
};

// What was to be added, and whether it was there already, as it was to be; then nothing was changed.
template <class Record>
struct Added : Record {
    bool was_there = false;
};

struct RepositoryRecord {
    RepoId id;
    RepoPath path;
    AccountId owner;
    bool is_public = false;
    UnixMillis created = 0;
    std::optional<UnixMillis> archived;
    std::optional<UnixMillis> disabled;
    RepositoryKind kind = RepositoryKind::git;
    [[nodiscard]] std::string_view state() const;  // "active", "archived", "disabled"
};

// Whose size limits they are: an owner's, for all his repositories, or one repository's.
using LimitHolder = std::variant<Login, RepoPath>;

struct LimitRecord {
    LimitHolder holder;
    OwnSizeLimits limits;
};

// What is to become of each limit; nothing: it stays. An inner nothing takes it away.
struct LimitChange {
    std::optional<std::optional<std::uint64_t>> push;
    std::optional<std::optional<std::uint64_t>> repository;
    std::optional<std::optional<std::uint64_t>> owner;  // of an owner alone
};

struct PolicyRecord {
    Login organization;
    LoginPolicy policy;
};

struct PolicyChanged {
    LoginPolicy before;
    LoginPolicy after;
};

// Somebody that reaches a repository of an organisation.
struct PolicySubject {
    std::string name;  // a login, or OWNER/REPO of a deploy key
    bool is_deploy_key = false;
};

struct LimitsChanged {
    OwnSizeLimits before;
    OwnSizeLimits after;
};

// A way by which somebody comes to a repository: owner, collaborator, team, organization, deploy_key, or
// public_read.
struct AccessWay {
    Access access = Access::none;  // what it gives as long as nothing stands against it
    Rule because = Rule::no_read_access;
    std::string via;  // the team, ORG/TEAM, or the organisation; empty: nobody else comes in
};

// What somebody can do in a repository now, by all ways together.
struct Standing {
    Access access = Access::none;
    Rule because = Rule::no_read_access;  // that of the first way, or what stands against all of them
    std::vector<AccessWay> ways;          // the one that decides first; at least one
    [[nodiscard]] const AccessWay& way() const { return ways.front(); }
    [[nodiscard]] bool is_held_back() const { return because != way().because; }  // suspended, disabled
};

// One repository to which an account, or the holder of a key, has a way.
struct ReachRecord : Standing {
    RepositoryRecord repository;
};

// The keys of an account.
struct AccountKeys {
    std::int64_t valid = 0;               // those that are neither revoked nor expired
    std::optional<UnixMillis> last_used;  // of any of them, whatever its state now
};

// One account that has a way to a repository.
struct AccountReach : Standing {
    User account;
    std::optional<UnixMillis> suspended;
    AccountKeys keys;
};

// One deploy key of a repository: no access unless it is live.
struct DeployKeyReach : Standing {
    KeyRecord key;
    std::string_view state;  // KeyRecord::state()
};

// All that have a way to a repository, but for everybody, if it is public.
struct RepositoryReview {
    RepositoryRecord repository;
    std::vector<AccountReach> accounts;       // by login
    std::vector<DeployKeyReach> deploy_keys;  // the oldest first
};

// All repositories to which an account has a way, but for the public ones of others.
struct AccountReview {
    AccountRecord account;
    AccountKeys keys;
    std::vector<ReachRecord> repositories;  // by name
};

// An address that a key was used from, by the audit trail.
struct KeyAddress {
    std::string address;
    UnixMillis last = 0;
    std::int64_t events = 0;  // of the key's last thousand
};

// Somebody other than the owner who has access to a repository.
struct GrantRecord {
    std::string holder;  // LOGIN or ORG/TEAM
    Access access = Access::none;
};

struct ServerRecord {
    ServerName name;
    std::vector<Endpoint> endpoints;  // in the order they are tried
};

struct RouteRecord {
    Login owner;
    ServerName server;
};

// What an authority of certificates is made of. Its name has the spelling rules of a login.
struct AuthorityOptions {
    std::optional<Login> organization;  // nothing: the instance's
    IdentityRule identity = IdentityRule::key_id;
    std::string host;  // of IdentityRule::login
    std::optional<UnixMillis> longest_life;
    friend bool operator==(const AuthorityOptions&, const AuthorityOptions&) = default;
};

struct AuthorityRecord {
    AuthorityId id;
    Login name;
    PublicKey key;
    AuthorityOptions options;
    UnixMillis created = 0;
    std::optional<UnixMillis> revoked;
    std::int64_t revocations = 0;  // of its certificates
};

struct AuthorityIdentity {
    IdentityRule rule = IdentityRule::key_id;
    std::string host;
};

// What is to become of each part; nothing: it stays.
struct AuthorityChange {
    std::optional<std::optional<Login>> organization{};
    std::optional<AuthorityIdentity> identity{};
    std::optional<std::optional<UnixMillis>> longest_life{};

    [[nodiscard]] static AuthorityChange to(const AuthorityOptions& options) {
        return {options.organization, AuthorityIdentity{options.identity, options.host},
                options.longest_life};
    }
    [[nodiscard]] bool any() const { return organization || identity || longest_life; }
    [[nodiscard]] AuthorityOptions over(const AuthorityOptions& options) const {
        return {organization.value_or(options.organization), identity ? identity->rule : options.identity,
                identity ? identity->host : options.host, longest_life.value_or(options.longest_life)};
    }
};

struct AuthorityChanged {
    Outcome outcome;
    AuthorityOptions before;
    AuthorityRecord now;
};

// What counts no more of an authority's certificates: those of a range of serials, of a key id, one by the
// SHA-256 of its signed part, or those of a key by its SHA-256.
struct Revocation {
    RevokedBy by;
    std::string first;  // eight bytes of a serial in network byte order; a key id; 32 bytes
    std::string last;   // of serials; else the same
    UnixMillis created = 0;
};
[[nodiscard]] Revocation revoke_serials(std::uint64_t first, std::uint64_t last);
[[nodiscard]] Revocation revoke_value(RevokedBy by, std::string value);
// "7", "7-9", the key id, or "SHA256:…".
[[nodiscard]] std::string text_of(const Revocation& revocation);

[[nodiscard]] std::string_view access_name(Access access);           // "none" "read" "write" "admin"
[[nodiscard]] Result<Access> parse_access(std::string_view text);    // read | write | admin
[[nodiscard]] std::string_view account_kind_name(AccountKind kind);  // "user" "org"
[[nodiscard]] std::string_view org_role_name(OrgRole role);          // "member" "owner"
[[nodiscard]] Result<OrgRole> parse_org_role(std::string_view text);

}  // namespace gerve
