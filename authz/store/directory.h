// Directory: the four questions that a login asks, each one indexed statement over a Database.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "authz/base/clock.h"
#include "authz/base/directory_counters.h"
#include "authz/certificate_rules.h"
#include "authz/model/forge_facts.h"
#include "authz/model/principal.h"
#include "authz/model/repository.h"
#include "authz/model/route.h"
#include "authz/store/database.h"
#include "authz/store/redis/route_hints.h"
#include "authz/store/server_cache.h"
#include "authz/store/turns.h"

namespace gerve {

// A key as its holder is shown it.
struct OwnKey {
    Fingerprint fingerprint;
    std::string title;
    UnixMillis created = 0;
    std::optional<UnixMillis> expires;
    std::optional<UnixMillis> revoked;
    std::optional<UnixMillis> last_used;
};

// Answers found, missing (nullopt), or the one error `unavailable`, which is never turned into either. A row
// that does not make sense (a login that is no login, two rows for one key) is unavailable, not guessed at.
class Directory {
  public:
    // Owns neither. `local` is the route of every owner as long as no server was added; nothing: an owner
    // without a route has none.
    Directory(Database& database, QueryCounters& counters, std::optional<Route> local)
        : database_(database), counters_(counters), local_(std::move(local)) {}

    // Asks `hints` for routes before the table, and keeps what it learns of servers in `servers`. Neither is
    // owned; both may be shared with other threads.
    void follow(RouteHints& hints, ServerCache& servers) {
        hints_ = &hints;
        servers_ = &servers;
    }

    // Takes a turn for each statement. Not owned; without it, every statement is run at once. A question that
    // got no turn is answered with the error that waits_for_turn() knows, and is not counted.
    void take_turns(Turns& turns) { turns_ = &turns; }

    // A key that is neither revoked nor expired at `now`. The whole blob is compared, not its hash alone.
    [[nodiscard]] Result<std::optional<KnownKey>> find_key(const PublicKey& key, UnixMillis now);
    // Several keys in one statement, where the tables are this program's: the answers, in the order of
    // `keys`. At most directory_sql::max_keys_at_once.
    using FoundKeys = std::vector<Result<std::optional<KnownKey>>>;
    [[nodiscard]] FoundKeys find_keys(std::span<const PublicKey* const> keys, UnixMillis now);
    // By the fingerprint alone: for an administrator's question, never for a login.
    [[nodiscard]] Result<std::optional<KnownKey>> find_key(const Fingerprint& key, UnixMillis now);
    // Whether a key that was found before is still the same, and what has become of its owner. Of a
    // certificate: whether it still counts, as far as the directory and the time say so.
    [[nodiscard]] Result<std::optional<KnownKey>> find_key_again(const KnownKey& key, UnixMillis now);

    // ---- certificates (directory_certificates.cc): these three, and find_key_again(), are all that a login
    // by one asks. None is known where keys are kept in another program's tables.
    [[nodiscard]] Result<std::optional<Authority>> find_authority(const Fingerprint& key);
    // By what a certificate of the `key` is revoked. The authority itself may be, too.
    [[nodiscard]] Result<std::optional<RevokedBy>> find_revocation(const CertificateFacts& facts,
                                                                   const Fingerprint& key);
    // By the login of now; suspended or not.
    [[nodiscard]] Result<std::optional<User>> find_user(const Login& login);

    // The keys of a user, in any state, the newest first and at most so many. Error besides: client, when
    // keys are kept in another program's tables, which know no such list.
    [[nodiscard]] Result<std::vector<OwnKey>> list_keys(AccountId user, std::size_t most);

    // What sshd is to insist on for a FIDO key: the strictest of the organisations that its user belongs to,
    // or is a collaborator of, or that a deploy key is of. Asked for FIDO keys behind sshd alone.
    struct StrictestPolicy {
        AskedFor touch = AskedFor::nothing;
        AskedFor pin = AskedFor::nothing;
    };
    [[nodiscard]] Result<StrictestPolicy> find_strictest_policy(const KeyHolder& holder);

    // Whether the tables of a login can be read: a lookup of a key that nobody has, which is not counted.
    [[nodiscard]] Result<void> answers();

    // By its name now, else by one it had (`moved`).
    [[nodiscard]] Result<std::optional<Repository>> find_repository(const RepoPath& path);

    // By a name it had, alone.
    [[nodiscard]] Result<std::optional<Repository>> find_redirect(const RepoPath& path);

    // What is granted directly, by teams and by the organisation that owns it; three times `none` is missing.
    // No account: that of a deploy key, which is asked for its hooks alone. `key` is for another program's
    // statement.
    [[nodiscard]] Result<Permission> find_permission(std::optional<AccountId> account,
                                                     const Repository& repository,
                                                     std::optional<KeyId> key = std::nullopt);
    // Whether a push needs the answer of find_permission() for its hooks, also where its decision does not.
    [[nodiscard]] bool permission_may_give_hooks() const;

    // Where an owner's repositories live: by the hint, if it names a server that the directory knows; by the
    // table otherwise, and the hint then learns it.
    [[nodiscard]] Result<std::optional<Route>> find_route(const Login& owner);

    // ---- of a forge's tables (directory_forge.cc), which answer with facts; authz/forge_policy judges them.

    // Null: the tables are no forge's.
    [[nodiscard]] const ForgeTables* forge() const { return database_.forge(); }
    // By its name now, or by one that it or its owner had. The name is without ".wiki".
    [[nodiscard]] Result<std::optional<ForgeRepository>> find_forge_repository(ForgeUnit unit,
                                                                               const RepoPath& path);
    [[nodiscard]] Result<std::optional<ForgeRepository>> find_forge_redirect(ForgeUnit unit,
                                                                             const RepoPath& path);
    // Null: no repository, for which nobody has anything.
    [[nodiscard]] Result<std::optional<ForgeUser>> find_forge_user(AccountId user, ForgeUnit unit,
                                                                   const ForgeRepository* repository);
    [[nodiscard]] Result<std::optional<ForgeDeployKey>> find_forge_deploy_key(
        KeyId key, const ForgeRepository* repository);

  private:
    Result<Rows> ask(StatementKind kind, const Statement& statement, Binds binds);
    Result<void> name_repository(Row& row);
    Result<std::optional<KnownKey>> look_up_key(const Fingerprint& key, const std::string* blob,
                                                UnixMillis now);
    Result<std::optional<Repository>> look_up_repository(const Statement& statement, const RepoPath& path,
                                                         bool moved);
    std::optional<Route> follow_hint(const Login& owner, bool& hint_is_missing);
    Result<std::optional<Route>> find_server(const ServerName& name);
    Result<std::optional<Route>> recall_server(const ServerName& name, const Error& error);
    Result<std::optional<Route>> find_route_in_table(const Login& owner);
    Result<std::optional<KnownKey>> find_own_key_again(const KnownKey& key, UnixMillis now);
    Result<std::optional<KnownKey>> find_certificate_again(const KnownKey& key,
                                                           const CertifiedUser& certified, UnixMillis now);
    Result<std::optional<KnownKey>> look_up_forge_key(const Fingerprint& key, const std::string* blob);
    Result<std::optional<ForgeRepository>> look_up_forge_repository(const Statement& statement, Binds binds,
                                                                    const RepoPath& path, bool moved);
    Result<FoundKeys> look_up_keys(std::span<const PublicKey* const> keys, UnixMillis now);
    template <class T>
    T counted(Query query, T result);

    Database& database_;
    QueryCounters& counters_;
    std::optional<Route> local_;
    RouteHints* hints_ = nullptr;
    ServerCache* servers_ = nullptr;
    Turns* turns_ = nullptr;
};

}  // namespace gerve
