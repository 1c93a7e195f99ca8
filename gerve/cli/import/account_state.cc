#include "gerve/cli/import/account_state.h"

#include "gerve/cli/key_show.h"
#include "gerve/cli/site.h"

namespace gerve {
namespace {

// In the words of the finding; nothing: it is that user's, and live.
std::string why_not_added(const KeyRecord& there, const Login& login) {
    const std::string holder = name_of(there.holder);
    const bool is_own = match(
        there.holder, [&](const SomeUser auto& user) { return as_user(user).login == login; },
        [](const SomeDeployKey auto&) { return false; });
    if (there.revoked) return "the key was revoked in Gerve";
    if (!is_own) return "the key belongs to " + holder + " in Gerve (`gerve key move` changes that)";
    if (there.expires && *there.expires <= unix_now()) return "the key has expired in Gerve";
    return "";
}

}  // namespace

AccountState::AccountState(Site& site) : site_(site) {
    for (const AccountRecord& account : need_backend(site.registry().list_accounts()))
        kinds_.emplace(account.login, account.kind);
}

bool AccountState::has(const Login& login, AccountKind kind) const {
    const auto found = kinds_.find(login);
    return found != kinds_.end() && found->second == kind;
}

bool AccountState::need_account(const Login& login, AccountKind kind) {
    if (const auto found = kinds_.find(login); found != kinds_.end()) return found->second == kind;
    const auto renamed = need_backend(site_.registry().find_current_name(login));
    if (renamed) return false;
    kinds_.emplace(login, kind);
    added_.insert(login);
    const bool is_org = kind == AccountKind::organization;
    steps.push_back(
        {"user add",
         login.text() + (is_org ? " --org" : ""),
         {{"user", login.text()}},
         [login, kind](Registry& registry) { return without_value(registry.add_account(login, kind)); }});
    return true;
}

void AccountState::need_key(const Login& login, const PublicKey& key, const KeyOptions& options,
                            const FilePlace& place) {
    const Fingerprint fingerprint = key.fingerprint();
    if (!keys_.insert(fingerprint).second) return;
    const auto there = site_.registry().show_key(fingerprint);
    if (!there && there.error().kind == ErrorKind::unavailable) (void)need_backend(there);
    if (there) {
        const std::string why = why_not_added(*there, login);
        if (!why.empty()) add_finding(findings, place, fingerprint.text(), why, ImportEffect::less);
        return;
    }
    steps.push_back({"key add",
                     login.text() + " " + fingerprint.text() + " (" + place.text() + ")",
                     {{"user", login.text()}, {"fingerprint", fingerprint.text()}},
                     [login, key, options](Registry& registry) {
                         return without_value(registry.add_key(login, key, options));
                     }});
}

}  // namespace gerve
