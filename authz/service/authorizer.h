// Authorizer: answers what peers ask, over one thread's directory.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "authz/audit/audit.h"
#include "authz/lfs_config.h"
#include "authz/repositories_config.h"
#include "authz/service/handle.h"
#include "authz/service/peers.h"
#include "authz/store/directory.h"
#include "authz/wire/live_protocol.h"
#include "authz/wire/reports.h"

namespace gerve {

class Shadow;

// What every thread shares and none changes.
struct Signer {
    explicit Signer(TicketKey first, const std::vector<TicketKey>& others = {},
                    const RepositoriesConfig& repositories = {}, const LfsConfig& large_files = {},
                    std::optional<Secret> lfs_secret_ = std::nullopt)
        : key(std::move(first)),
          seal(key, others),
          keep_lost(repositories.keep_lost),
          sizes(repositories.sizes),
          lfs(large_files),
          lfs_secret(std::move(lfs_secret_)) {}
    TicketKey key;
    HandleSeal seal;
    std::chrono::days keep_lost;  // as each ticket says
    SizeLimits sizes;             // of repositories and owners without limits of their own
    LfsConfig lfs;
    std::optional<Secret> lfs_secret;  // with lfs.mode = "http"
};

// Who asks, as the table of peers has it.
struct Asker {
    PeerKind kind;
    std::string user;   // of the system
    pid_t process = 0;  // at the time it connected
    uid_t uid = static_cast<uid_t>(-1);
};

// `request` is borrowed.
struct KeyAsked {
    const KeyRequest* request;
    Asker asker;
};

// Errors: unavailable (the directory, or no route for the owner), denied (a handle that was given to
// another). Decisions and session ends are logged and go to the audit; what failed is the caller's to log.
class Authorizer {
  public:
    // Owns none of them. `directory` is null while there is no connection: then every question that needs it
    // is answered unavailable.
    // `shadow`, unless null, is told of each decision.
    Authorizer(Directory* directory, const Signer& signer, AuditSink& audit, Shadow* shadow = nullptr)
        : directory_(directory), signer_(signer), audit_(audit), shadow_(shadow) {}

    // In the order of the questions. At most directory_sql::max_keys_at_once.
    [[nodiscard]] std::vector<Result<std::optional<KeyFound>>> keys(std::span<const KeyAsked> asked);
    [[nodiscard]] Result<CertificateReply> certificate(const CertificateRequest& request, const Asker& asker);
    [[nodiscard]] Result<std::optional<KeyFound>> holder(const HolderRequest& request, const Asker& asker);
    [[nodiscard]] Result<Authorization> authorize(const AuthorizeRequest& request, const Asker& asker);
    [[nodiscard]] Result<SelfReply> self(const SelfRequest& request, const Asker& asker);
    // For somebody who has not logged in: a public repository, to be fetched.
    [[nodiscard]] Result<Authorization> anonymous(const AnonymousRequest& request);
    // A handle that is too old to ask by still says who it was.
    [[nodiscard]] Result<void> report(const SessionReport& report, const Asker& asker);
    [[nodiscard]] Result<void> pushed(const PushReport& report, const Asker& asker);
    [[nodiscard]] Result<void> proof(const ProofReport& report, const Asker& asker);
    void refusal(const RefusalReport& report, const Asker& asker);
    // Error: internal, the audit trail does not take it.
    [[nodiscard]] Result<void> change(const ChangeReport& report, const Asker& asker);
    [[nodiscard]] Result<void> ready();
    // Whom each entry of news that began stands for: nobody, if its handle is not one of this peer's. How old
    // it is does not matter.
    [[nodiscard]] std::vector<std::optional<Principal>> principals_of(const LiveNews& news,
                                                                      const Asker& asker);

  private:
    [[nodiscard]] static tl::unexpected<Error> no_connection();
    [[nodiscard]] static std::string binding(PeerKind kind, const std::string& login_name,
                                             const ClientContext& client);
    void note_seen(std::span<const KeyAsked> asked, std::span<const Result<std::optional<KnownKey>>> known);
    [[nodiscard]] Result<std::optional<KeyFound>> answer(const KeyAsked& asked,
                                                         std::optional<KnownKey> known);
    void note_seen(const KeyRequest& request, const std::optional<KnownKey>& known);
    // The request's key is that of a certificate, too. For sshd, which verifies signatures, the handle has
    // what it is to insist on of a security key. Error: unavailable.
    [[nodiscard]] Result<KeyFound> seal(KnownKey key, const KeyRequest& request, const Asker& asker);
    [[nodiscard]] Result<SecurityKeyUse> asked_of_sshd(const KnownKey& key, bool takes_options);
    Result<std::optional<Handle>> open_handle(const std::string& text, const Asker& asker,
                                              const ClientContext& client);
    Result<std::optional<KnownKey>> key_of(const Handle& handle);
    // What the audit trail has not heard yet. It borrows the key and the client.
    [[nodiscard]] static std::optional<KeyProven> proof_of(const KnownKey& key, const std::string& proven_as,
                                                           const Asker& asker, const ClientContext& client);
    [[nodiscard]] bool recorded(const std::optional<KeyProven>& proof, const Decided& event);
    Result<std::optional<Principal>> principal_of(const Handle& handle, const Asker& asker);

    Directory* directory_;
    const Signer& signer_;
    AuditSink& audit_;
    Shadow* shadow_;
};

}  // namespace gerve
