// What a client may ask to run: one of git's three services on one repository, in git's own quoting; or a
// question about its own key.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "authz/base/result.h"
#include "authz/model/repo_path.h"

namespace gerve {

// The numbers are those of GRV1's service TLV.
enum class Service : std::uint8_t { upload_pack = 1, receive_pack = 2, upload_archive = 3, admin = 4 };

[[nodiscard]] std::string_view service_name(Service service);  // "git-upload-pack" …
[[nodiscard]] std::optional<Service> parse_service(std::string_view name);
[[nodiscard]] inline bool needs_write(Service service) {
    return service == Service::receive_pack;
}

struct GitCommand {
    Service service;
    RepoPath repo;
};

constexpr std::size_t max_command = 1024;  // bytes of an exec string

// `git-upload-pack 'o/r'` or `git upload-pack 'o/r'` (and receive-pack, upload-archive): one argument in
// exactly the quoting of git's sq_quote (quote.c). Errors: client (not such a command), denied (a path that
// no repository can have: the client is told the form that is expected).
[[nodiscard]] Result<GitCommand> parse_git_command(std::string_view exec);

// What the holder of a key may ask about it, and about nobody else.
struct SelfQuestion {
    enum class Kind { whoami, keys, why };
    Kind kind = Kind::whoami;
    std::optional<RepoPath> repo;                 // of `why`, and with it alone
    bool push = false;                            // of `why`: may I push, not only read
    [[nodiscard]] std::string_view name() const;  // "whoami" "keys" "why"
};

// `whoami`, `keys`, `why OWNER/REPO` or `why OWNER/REPO push`, to the byte and without any quoting. Nothing
// when it is none of these. Error: denied (a path that no repository can have: the client is told the form).
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
