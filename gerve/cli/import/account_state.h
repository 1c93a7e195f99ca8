// The accounts and keys that an import finds in the directory, and the steps that add those that are missing.
#pragma once

#include <map>
#include <set>
#include <string>

#include "authz/store/registry.h"
#include "gerve/cli/import/import_steps.h"

namespace gerve {

class AccountState {
  public:
    // Reads all accounts. Stops when the directory is out of reach.
    explicit AccountState(Site& site);

    // Whether there is, or will be by a step, an account of this kind.
    bool has(const Login& login, AccountKind kind) const;
    // Adds a step unless it is there. False: the login is taken by the other kind, or reserved.
    bool need_account(const Login& login, AccountKind kind);
    // `place`, `holder`: for what is found, and where the key is from. A key that another holder has, or that
    // was revoked, stays as it is.
    void need_key(const Login& login, const PublicKey& key, const KeyOptions& options,
                  const FilePlace& place);

    [[nodiscard]] bool is_new(const Login& login) const { return added_.contains(login); }

    ImportSteps steps;
    ImportFindings findings;

  private:
    Site& site_;
    std::map<Login, AccountKind> kinds_;
    std::set<Login> added_;
    std::set<Fingerprint> keys_;
};

}  // namespace gerve
