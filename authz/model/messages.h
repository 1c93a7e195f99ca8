// Every text that a git client is told, in one place: the table "what a git client sees" of
// docs/architecture.md.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "authz/model/login.h"
#include "authz/model/repo_path.h"
#include "authz/model/repository_kind.h"
#include "authz/model/service.h"

namespace gerve {

// Exit statuses of a session that Gerve ended.
enum class ExitStatus : int {
    refused = 1,
    no_room = 73,      // EX_CANTCREAT of sysexits.h: a quota
    unavailable = 75,  // EX_TEMPFAIL of sysexits.h: try again
    not_found = 127,   // a shell's for a command that it does not have, which git-lfs goes by
    failed = 128,
};

// 16 random bytes that name one git operation in every message and log.
class RequestId final {
  public:
    [[nodiscard]] static RequestId make();
    [[nodiscard]] static Result<RequestId> parse(std::string_view hex);  // 32 hex digits
    [[nodiscard]] const std::string& bytes() const { return bytes_; }
    [[nodiscard]] std::string text() const;  // 32 hex digits

  private:
    explicit RequestId(std::string bytes) : bytes_(std::move(bytes)) {}
    std::string bytes_;
};

namespace messages {

// `who`: a login, or OWNER/REPO for a deploy key.
[[nodiscard]] std::string greeting(std::string_view who);
[[nodiscard]] std::string unknown_command();
[[nodiscard]] std::string repository_not_found();
[[nodiscard]] std::string write_denied(const RepoPath& repo,
                                       std::string_view who);  // who: login | "deploy key"
[[nodiscard]] std::string archived(const RepoPath& repo);
// Of a Forgejo's or Gitea's repositories and accounts.
[[nodiscard]] std::string mirror(const RepoPath& repo);
[[nodiscard]] std::string owner_disabled(const RepoPath& repo);
[[nodiscard]] std::string being_created(const RepoPath& repo);
[[nodiscard]] std::string broken(const RepoPath& repo);
[[nodiscard]] std::string wiki_disabled(const RepoPath& repo);
[[nodiscard]] std::string second_factor_required(std::string_view forge, std::string_view root_url);
[[nodiscard]] std::string push_too_large(const RepoPath& repo, std::uint64_t most);  // bytes
[[nodiscard]] std::string repository_full(const RepoPath& repo, std::uint64_t used, std::uint64_t most);
[[nodiscard]] std::string owner_full(const Login& owner, std::uint64_t used, std::uint64_t most);
// For a git-lfs that asks for what is not served: current ones go on by its words. `command`:
// git-lfs-transfer or git-lfs-authenticate.
[[nodiscard]] std::string no_lfs(std::string_view command = "git-lfs-transfer");
[[nodiscard]] std::string no_lfs_there(const RepoPath& repo);  // its file server does not serve Git LFS
[[nodiscard]] std::string no_hg_there(const RepoPath& repo);   // likewise, Mercurial
[[nodiscard]] std::string no_hg_init();                        // what `hg init ssh://…` gets
[[nodiscard]] std::string fetch_only(const RepoPath& repo);    // its file server takes no pushes
// To a client of the other kind. `kind`: the repository's.
[[nodiscard]] std::string other_kind(const RepoPath& repo, RepositoryKind kind);
[[nodiscard]] std::string fetching_alone();  // git:// serves nothing else
// What an organisation asks of logins. `used`: the key exchange; empty: not known.
[[nodiscard]] std::string post_quantum_required(const Login& organization, std::string_view used);
[[nodiscard]] std::string post_quantum_behind_sshd(const Login& organization);
[[nodiscard]] std::string touch_required(const Login& organization, Service service);
[[nodiscard]] std::string pin_required(const Login& organization, Service service);
[[nodiscard]] std::string unchecked_behind_sshd(const Login& organization);  // touch or PIN
[[nodiscard]] std::string suspended();
[[nodiscard]] std::string withdrawn();           // the key or account went away while its connection lived
[[nodiscard]] std::string killed();              // by `gerve kill`
[[nodiscard]] std::string stopped();             // the gateway was stopped, and the time to finish is over
[[nodiscard]] std::string connection_too_old();  // behind sshd: nothing new may be started on it
[[nodiscard]] std::string moved(const RepoPath& from, const RepoPath& to);
[[nodiscard]] std::string cannot_check(const RequestId& request);
[[nodiscard]] std::string cannot_check();  // where there is no request: for `gerve explain`
[[nodiscard]] std::string cannot_record(const RequestId& request);
[[nodiscard]] std::string server_not_answering(const Login& owner, const RequestId& request);
[[nodiscard]] std::string connection_lost(const RequestId& request);
[[nodiscard]] std::string idle_for_too_long(std::chrono::milliseconds idle, const RequestId& request);
[[nodiscard]] std::string took_too_long(std::chrono::milliseconds most, const RequestId& request);
[[nodiscard]] std::string notice(std::string_view text);  // "remote: TEXT", control characters replaced

}  // namespace messages
}  // namespace gerve
