// Lines of an authorized_keys file (sshd(8)): their keys and options, and whose each key is.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "authz/base/clock.h"
#include "authz/model/login.h"
#include "authz/model/public_key.h"
#include "gerve/cli/import/import_finding.h"

namespace gerve {

struct AuthorizedOption {
    std::string name;  // in lower case
    std::optional<std::string> value;
};

struct AuthorizedLine {
    std::vector<AuthorizedOption> options;
    PublicKey key;
};

// `line`: neither empty nor a comment. Errors: client.
[[nodiscard]] Result<AuthorizedLine> parse_authorized_line(std::string_view line);

// The user of command="…/gitolite-shell LOGIN", likewise of gl-auth-command (gitolite 2) and gitosis-serve.
[[nodiscard]] std::optional<std::string> user_in_command(std::string_view command);

// The end of expiry-time="…": YYYYMMDD[HHMM[SS]], in the time of this machine, or with a Z in UTC.
[[nodiscard]] Result<UnixMillis> parse_expiry_time(std::string_view text);

struct AuthorizedChoices {
    std::optional<Login> user;                  // who gets all keys; nothing: what the line says
    bool ignore_from = false;                   // take keys that may come from some addresses only
    std::function<bool(const Login&)> is_user;  // whether there is an account of a user
    UnixMillis now = 0;
};

struct AuthorizedKey {
    FilePlace place;
    Login login;
    PublicKey key;
    std::optional<UnixMillis> expires;
    bool no_touch_required = false;  // of a security key
};

struct AuthorizedPlan {
    std::vector<AuthorizedKey> keys;
    ImportFindings findings;  // lines that are not taken, and options that are not kept
};

[[nodiscard]] AuthorizedPlan plan_authorized_keys(const std::string& file, std::string_view content,
                                                  const AuthorizedChoices& choices);

}  // namespace gerve
