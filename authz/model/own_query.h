// OwnQuery: a statement in the operator's words, for the tables of another program, as text; nothing is asked
// here.
#pragma once

#include <map>
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
};

// What a statement may use, and what its answer has to have, by name; in the order of this program. A
// statement may answer with further columns.
//
//   key         the key by :fingerprint (32 bytes) or :fingerprint_text ('SHA256:' and base64 without '='):
//               key_id, key (wire format, or the line of a .pub file), account_id, account, suspended,
//               repository_id, repository_owner, repository, can_write. account_id is NULL for a deploy key,
//               repository_id for a user's.
//   repository  by :owner and :name, both in lower case:
//               repository_id, owner_id, owner, name, is_public, archived, disabled
//   permission  of :account_id on :repository_id of :owner_id:
//               direct, team (NULL or 0 none, 1 read, 2 write, 3 admin), organization_owner
//   route       of :owner: server, endpoint; a row for each endpoint, in the order they are tried. Where
//               server is NULL: the agent of this machine
[[nodiscard]] const std::vector<std::string>& query_parameters(const std::string& name);
[[nodiscard]] const std::vector<std::string>& query_columns(const std::string& name);

using OwnQueries = std::map<std::string, OwnQuery>;

// Error: client, what is wrong with it, as it stands behind its name: "is not a SELECT".
[[nodiscard]] Result<OwnQuery> parse_own_query(const std::string& name, std::string_view sql);

// Error: client, naming the first statement that is wrong, and what is wrong with it.
[[nodiscard]] Result<OwnQueries> parse_own_queries(const std::map<std::string, std::string>& queries);

}  // namespace gerve
