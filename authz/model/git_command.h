// What a client may ask to run: one of git's three services on one repository, in git's own quoting; a
// session of git-lfs; or a question about its own key.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "authz/base/result.h"
#include "authz/model/repo_path.h"
#include "authz/model/service.h"

namespace gerve {

struct GitCommand {
    Service service;
    RepoPath repo;
    // Of Git LFS: the client asks for an address and a token for it (git-lfs-authenticate), not to be served.
    bool wants_token = false;
    std::string text{};  // the exec string, to the byte; empty where there was none
};

// The command of git-lfs.
[[nodiscard]] constexpr std::string_view lfs_command(bool wants_token) {
    return wants_token ? "git-lfs-authenticate" : "git-lfs-transfer";
}

constexpr std::size_t max_command = 1024;  // bytes of an exec string

// `git-upload-pack 'o/r'` or `git upload-pack 'o/r'`, and so for each of git's services: one argument in
// exactly the quoting of git's sq_quote (quote.c). Or `git-lfs-transfer o/r upload` (or download), or
// git-lfs-authenticate likewise: three words without any quoting, as git-lfs writes them. Or
// `hg -R o/r serve --stdio`, the path as Mercurial's client writes it (_serverquote of its sshpeer.py), which
// is Service::hg_read. Errors: client (not such a command; `hg init o/r` gets its own text), denied (a path
// that no repository can have: the client is told the form that is expected).
[[nodiscard]] Result<GitCommand> parse_git_command(std::string_view exec);

// What the holder of a key may ask about it, and about nobody else; authz answers it.
struct SelfQuestion {
    enum class Kind { whoami, keys, why };
    Kind kind = Kind::whoami;
    std::optional<RepoPath> repo;                 // of kinds that take one, and of them alone
    bool push = false;                            // likewise: may I push, not only read
    [[nodiscard]] std::string_view name() const;  // "whoami" …
};

struct SelfQuestionRow {
    SelfQuestion::Kind kind;
    std::string_view name;
    bool takes_repo;             // NAME OWNER/REPO
    std::string_view push_word;  // NAME OWNER/REPO WORD asks about pushing
};
constexpr std::array self_question_rows{
    SelfQuestionRow{SelfQuestion::Kind::whoami, "whoami", false, ""},
    SelfQuestionRow{SelfQuestion::Kind::keys, "keys", false, ""},
    SelfQuestionRow{SelfQuestion::Kind::why, "why", true, "push"},
};
[[nodiscard]] constexpr const SelfQuestionRow& row_of(SelfQuestion::Kind kind) {
    return self_question_rows[static_cast<std::size_t>(kind)];  // in the order of the kinds
}

// A question of these rows, to the byte and without any quoting. Nothing when it is none. Error: denied (a
// path that no repository can have: the client is told the form).
[[nodiscard]] Result<std::optional<SelfQuestion>> parse_self_question(std::string_view exec);

// The value of GIT_PROTOCOL, [a-z0-9=:.-]{1,255} ("version=2").
class GitProtocol final {
  public:
    [[nodiscard]] static Result<GitProtocol> parse(std::string_view text);
    [[nodiscard]] const std::string& text() const { return text_; }

  private:
    explicit GitProtocol(std::string_view text) : text_(text) {}
    std::string text_;
};

}  // namespace gerve
