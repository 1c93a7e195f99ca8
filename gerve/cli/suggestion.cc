#include "gerve/cli/suggestion.h"

#include <algorithm>
#include <vector>

#include "authz/base/nearest.h"
#include "authz/base/text.h"

namespace gerve {
namespace {

// Words that people use for one thing, by habit from other programs. A command may stand in several lines;
// the first line with both words counts.
const std::vector<std::vector<std::string_view>>& same_meaning() {
    static const std::vector<std::vector<std::string_view>> words{
        {"add", "new", "create", "make", "register", "import"},
        {"remove", "delete", "rm", "del", "erase", "destroy", "drop"},
        {"revoke", "remove", "delete", "rm", "del", "erase", "destroy", "drop", "withdraw", "deny"},
        {"list", "ls", "all"},
        {"show", "get", "info", "view", "describe", "display", "print", "cat", "status"},
        {"list", "show", "get", "info", "view"},
        {"rename", "mv", "move", "transfer"},
        {"move", "mv", "transfer", "give", "reassign"},
        {"set", "edit", "change", "modify", "update"},
        {"extend", "renew", "prolong", "expire", "edit", "change", "update"},
        {"suspend", "block", "lock", "ban", "disable", "deactivate"},
        {"unsuspend", "unblock", "unlock", "unban", "enable", "activate", "resume"},
        {"enable", "undisable", "unhide", "restore"},
        {"grant", "allow", "give", "permit", "add", "set"},
        {"make-private", "private", "hide", "unpublish"},
        {"make-public", "public", "publish", "unhide"},
        {"on", "start", "enable", "begin"},
        {"off", "stop", "disable", "end"},
        {"verify", "check", "validate"},
        {"check", "verify", "validate", "doctor", "test", "fsck"},
        {"migrate", "upgrade", "update", "init"},
        {"user", "account", "accounts", "login", "person"},
        {"org", "organisation", "organization", "group"},
        {"repo", "repository", "repositories", "project"},
        {"access", "permission", "permissions", "collaborator", "collaborators", "acl"},
        {"serve", "run", "start", "daemon"},
        {"sessions", "ps", "who", "session"},
        {"kill", "stop", "end", "disconnect"},
        {"explain", "why", "can"},
        {"audit", "log", "logs", "history"},
    };
    return words;
}

}  // namespace

std::optional<std::string> suggest_command(std::string_view word, const std::set<std::string>& commands) {
    const std::string folded = fold_case(word);
    for (const auto& line : same_meaning()) {
        if (std::find(line.begin(), line.end(), folded) == line.end()) continue;
        for (const std::string_view candidate : line) {
            if (candidate != folded && commands.contains(std::string(candidate)))
                return std::string(candidate);
        }
    }
    return nearest(word, commands);
}

}  // namespace gerve
