#include "authz/model/messages.h"

#include <algorithm>

#include "authz/base/digest.h"
#include "authz/base/display.h"
#include "authz/base/text.h"
#include "authz/base/units.h"
#include "authz/model/service.h"
#include "authz/model/url_path.h"

namespace gerve {

RequestId RequestId::make() {
    return RequestId(random_bytes(16));
}

Result<RequestId> RequestId::parse(std::string_view hex) {
    auto bytes = from_hex(hex);
    if (!bytes || bytes->size() != 16) return client_error("a request id has 32 hex digits");
    return RequestId(std::move(*bytes));
}

std::string RequestId::text() const {
    return to_hex(bytes_);
}

namespace messages {
namespace {
constexpr const char* unchecked = "ERROR: Gerve cannot check your access right now. Try again in a minute.";

std::string with_request(std::string text, const RequestId& request) {
    return std::move(text) + " (request " + request.text() + ")\n";
}

std::string verb_of(Service service) {
    return needs_write(service) ? "push" : "fetch";
}
}  // namespace

std::string greeting(std::string_view who) {
    return "Hi " + std::string(who) +
           "! You've successfully authenticated, but Gerve does not provide shell access.\n";
}
std::string unknown_command() {
    std::vector<std::string> names;
    for (const ServiceRow& row : service_rows) {
        if (is_of_git(row)) names.emplace_back(row.name);
    }
    const std::string last = std::move(names.back());
    names.pop_back();
    return "ERROR: Unknown command. Gerve runs " + join(names, ", ") + " and " + last + ".\n";
}
std::string repository_not_found() {
    return "ERROR: Repository not found.\n";
}
std::string no_repository_path() {
    return "ERROR: Invalid repository path. The form is OWNER/NAME, as in git@HOST:OWNER/NAME.git or "
           "ssh://git@HOST/OWNER/NAME.git.\n";
}
std::string write_denied(const RepoPath& repo, std::string_view who) {
    return "ERROR: Permission to " + repo.text() + " denied to " + std::string(who) + ".\n";
}
std::string archived(const RepoPath& repo) {
    return "ERROR: " + repo.text() + " is archived and read-only.\n";
}
std::string mirror(const RepoPath& repo) {
    return "ERROR: " + repo.text() + " is a mirror and read-only. Push to the repository that it copies.\n";
}
std::string owner_disabled(const RepoPath& repo) {
    return "ERROR: " + repo.text() + " cannot be accessed: the account of its owner is disabled.\n";
}
std::string being_created(const RepoPath& repo) {
    return "ERROR: " + repo.text() + " is still being created. Try again when that is finished.\n";
}
std::string broken(const RepoPath& repo) {
    return "ERROR: " + repo.text() + " is broken: its migration has failed. Ask an administrator.\n";
}
std::string wiki_disabled(const RepoPath& repo) {
    return "ERROR: The wiki of " + repo.text() + " is disabled.\n";
}
std::string second_factor_required(std::string_view forge, std::string_view root_url) {
    return "ERROR: " + std::string(forge) + " requires two-factor authentication. Enable it at " +
           std::string(root_url) + "user/settings/security\n";
}
std::string push_too_large(const RepoPath& repo, std::uint64_t most) {
    return "ERROR: This push is larger than " + size_text(most) + ", the limit for one push to " +
           repo.text() +
           ". Push in parts, an earlier commit first: git push origin COMMIT:refs/heads/BRANCH\n";
}
std::string repository_full(const RepoPath& repo, std::uint64_t used, std::uint64_t most) {
    return "ERROR: " + repo.text() + " uses " + size_text(used) + " of its " + size_text(most) +
           ", and this push does not fit. Ask an administrator for more room.\n";
}
std::string owner_full(const Login& owner, std::uint64_t used, std::uint64_t most) {
    return "ERROR: The repositories of " + owner.text() + " use " + size_text(used) + " of " +
           size_text(most) +
           ", and this push does not fit. Delete a repository, or ask an administrator for "
           "more room.\n";
}
std::string no_lfs(std::string_view command) {
    return std::string(command) + ": not found\n";
}
std::string no_lfs_there(const RepoPath& repo) {
    return no_lfs() + "ERROR: The file server of " + repo.text() +
           " does not serve Git LFS. Ask the operator to update the agent (gerve-agent) there, or to let "
           "it serve lfs-upload and lfs-download.\n";
}
std::string no_hg_there(const RepoPath& repo) {
    return "ERROR: The file server of " + repo.text() +
           " does not serve Mercurial. Ask the operator to install it there (package mercurial), to update "
           "the agent (gerve-agent), or to let it serve hg-read and hg-write.\n";
}
std::string no_hg_init() {
    return "ERROR: hg init does not create repositories here. Ask an administrator to run: gerve repo create "
           "OWNER/NAME --hg\n";
}
std::string fetch_only(const RepoPath& repo) {
    return "ERROR: " + repo.text() +
           " can only be fetched: its file server is a git daemon. To push or archive, ask the operator to "
           "put an agent (gerve-agent) there.\n";
}
std::string other_kind(const RepoPath& repo, RepositoryKind kind) {
    const bool is_git = kind == RepositoryKind::git;
    return "ERROR: " + repo.text() + " is a " + std::string(kind_title(kind)) + " repository: use " +
           (is_git ? "git clone ssh://git@HOST/" : "hg clone ssh://git@HOST/") + repo.text() + ".\n";
}
std::string fetching_alone() {
    return "ERROR: git:// is read-only. Use SSH to push or archive.\n";
}
std::string post_quantum_required(const Login& organization, std::string_view used) {
    const std::string with = used.empty() ? "" : "; this connection uses " + std::string(used);
    return "ERROR: " + organization.text() + " requires a post-quantum key exchange" + with +
           ". Upgrade your SSH client: OpenSSH 9.0 or later has one, unless KexAlgorithms in its "
           "configuration leaves it out.\n";
}
std::string post_quantum_behind_sshd(const Login& organization) {
    return "ERROR: " + organization.text() +
           " requires a post-quantum key exchange, which this SSH server does not report to Gerve. Use the "
           "address of a gateway, or ask the operator.\n";
}
std::string touch_required(const Login& organization, Service service) {
    return "ERROR: " + organization.text() + " requires the touch of a security key to " + verb_of(service) +
           ". Log in with a key made by: ssh-keygen -t ed25519-sk\n";
}
std::string pin_required(const Login& organization, Service service) {
    return "ERROR: " + organization.text() + " requires a security key with a PIN to " + verb_of(service) +
           ". Log in with a key made by: ssh-keygen -t ed25519-sk -O verify-required\n";
}
std::string unchecked_behind_sshd(const Login& organization) {
    return "ERROR: " + organization.text() +
           " requires more of your security key than this SSH server was told to check. Connect again, or "
           "use the address of a gateway.\n";
}
std::string suspended() {
    return "ERROR: Your account is suspended.\n";
}
std::string withdrawn() {
    return "ERROR: Your access was withdrawn.\n";
}
std::string killed() {
    return "ERROR: This session was ended by an administrator.\n";
}
std::string stopped() {
    return "ERROR: Gerve was stopped before this was finished. Try again.\n";
}
std::string connection_too_old() {
    return "ERROR: This SSH connection has been open too long to start another operation. Connect again.\n";
}
std::string moved(const RepoPath& from, const RepoPath& to) {
    return "remote: " + from.text() + " has moved to " + to.text() + "\n";
}
std::string cannot_check(const RequestId& request) {
    return with_request(unchecked, request);
}
std::string cannot_check() {
    return std::string(unchecked) + "\n";
}
std::string cannot_record(const RequestId& request) {
    return with_request("ERROR: Gerve cannot record this push right now. Try again in a minute.", request);
}
std::string server_not_answering(const Login& owner, const RequestId& request) {
    return with_request(
        "ERROR: The file server for " + owner.text() + " is not answering. Try again in a minute.", request);
}
std::string connection_lost(const RequestId& request) {
    return with_request("ERROR: The connection to the file server was lost.", request);
}
std::string idle_for_too_long(std::chrono::milliseconds idle, const RequestId& request) {
    return with_request("ERROR: No data for " + duration_in_words(idle) + ", so Gerve closed the session.",
                        request);
}
std::string took_too_long(std::chrono::milliseconds most, const RequestId& request) {
    return with_request("ERROR: This took longer than " + duration_in_words(most) + ", so Gerve ended it.",
                        request);
}
std::string notice(std::string_view text) {
    std::string words(text);
    std::replace_if(
        words.begin(), words.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; },
        ' ');
    return "remote: " + displayed(words) + "\n";
}

}  // namespace messages
}  // namespace gerve
