// OwnQuery: a statement in the operator's words, for the tables of another program, as text; nothing is asked
// here.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "authz/base/result.h"

namespace gerve {

// One statement of [directory.mysql.queries]. Each `:name` in it is a bind, wherever it stands outside of
// quotes and comments; nothing is ever put into its text.
struct OwnQuery {
    std::string sql;                      // with `?` for each parameter
    std::vector<std::size_t> parameters;  // for each `?`, in order: which of query_parameters(name)
    // `hook_` stands somewhere in it: there may be columns that become variables of hooks.
    bool may_name_hooks = false;
};

// What a statement may use, and what its answer has to have, by name; in the order of this program. A
// statement may answer with further columns. Of `repository` and `permission` those that are called
// hook_NAME become the variable NAME of the hooks of a push.
//
//   key         the key by :fingerprint (32 bytes) or :fingerprint_text ('SHA256:' and base64 without '='):
//               key_id, key (wire format, or the line of a .pub file), account_id, account, suspended,
//               repository_id, repository_owner, repository, can_write. account_id is NULL for a deploy key,
//               repository_id for a user's.
//   repository  by :owner and :name, both in lower case:
//               repository_id, owner_id, owner, name, is_public, archived, disabled
//   permission  of :account_id on :repository_id of :owner_id, by the key :key_id; for the variables of hooks
//   it
//               is asked for owners and deploy keys, too, of which the latter have an :account_id of NULL:
//               direct, team (NULL or 0 none, 1 read, 2 write, 3 admin), organization_owner
//   route       of :owner: server, endpoint; a row for each endpoint, in the order they are tried. Where
//               server is NULL: the agent of this machine
[[nodiscard]] const std::vector<std::string>& query_parameters(const std::string& name);
[[nodiscard]] const std::vector<std::string>& query_columns(const std::string& name);

// The variable of hooks that a column is for, by its name; nothing: it is for none. Error: client, the column
// of a statement that gives none, or a variable that no statement may give.
[[nodiscard]] Result<std::optional<std::string>> hook_variable_of(const std::string& query,
                                                                  const std::string& column);

using OwnQueries = std::map<std::string, OwnQuery>;

// Error: client, what is wrong with it, as it stands behind its name: "is not a SELECT".
[[nodiscard]] Result<OwnQuery> parse_own_query(const std::string& name, std::string_view sql);

// Error: client, naming the first statement that is wrong, and what is wrong with it.
[[nodiscard]] Result<OwnQueries> parse_own_queries(const std::map<std::string, std::string>& queries);

}  // namespace gerve
