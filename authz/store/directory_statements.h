// The SQL of Directory: what every login asks, each one indexed statement.
#pragma once

#include <array>

#include "authz/store/database.h"

namespace gerve {
namespace directory_sql {

inline constexpr Statement key_statement{"key",
                                         "SELECT k.id, k.key_blob, k.expires_at, k.revoked_at, k.can_write,"
                                         " k.no_touch_required, a.id, a.login, a.suspended_at, k.repo_id"
                                         " FROM public_keys k LEFT JOIN accounts a ON a.id = k.account_id"
                                         " WHERE k.fingerprint = ?"};

// Of a deploy key's. Two more tables in the statement above would cost every other login 40 % more.
inline constexpr Statement key_repository_statement{
    "key_repository",
    "SELECT o.login, r.name FROM repositories r JOIN accounts o ON o.id = r.owner_id WHERE r.id = ?"};

inline constexpr Statement repository_statement{
    "repository",
    "SELECT r.id, o.id, o.login, r.name, r.is_public, r.archived_at, r.disabled_at, r.kind,"
    " COALESCE(r.max_push, o.max_push), COALESCE(r.max_size, o.max_size), o.max_size_of_owner,"
    " o.requires_post_quantum, o.requires_touch, o.requires_pin, o.requires_of_deploy_keys"
    " FROM accounts o JOIN repositories r ON r.owner_id = o.id"
    " WHERE o.login_folded = ? AND r.name_folded = ?"};

inline constexpr Statement redirect_statement{
    "redirect",
    "SELECT r.id, o.id, o.login, r.name, r.is_public, r.archived_at, r.disabled_at, r.kind,"
    " COALESCE(r.max_push, o.max_push), COALESCE(r.max_size, o.max_size), o.max_size_of_owner,"
    " o.requires_post_quantum, o.requires_touch, o.requires_pin, o.requires_of_deploy_keys"
    " FROM accounts was JOIN repo_redirects d ON d.owner_id = was.id"
    " JOIN repositories r ON r.id = d.repo_id JOIN accounts o ON o.id = r.owner_id"
    " WHERE was.login_folded = ? AND d.name_folded = ?"};

inline constexpr Statement permission_statement{
    "permission",
    "SELECT"
    " (SELECT c.level FROM collaborators c WHERE c.repo_id = ? AND c.account_id = ?),"
    " (SELECT MAX(tr.level) FROM team_repos tr JOIN team_members tm"
    " ON tm.team_id = tr.team_id AND tm.account_id = ? WHERE tr.repo_id = ?),"
    " (SELECT m.role FROM org_members m WHERE m.org_id = ? AND m.account_id = ?)"};

// Always at least one row: its last column tells whether any server was added.
inline constexpr Statement route_statement{"route",
                                           "SELECT s.name, e.address, (SELECT MIN(id) FROM servers)"
                                           " FROM (SELECT 1 AS one) always"
                                           " LEFT JOIN accounts o ON o.login_folded = ?"
                                           " LEFT JOIN routes t ON t.owner_id = o.id"
                                           " LEFT JOIN servers s ON s.id = t.server_id"
                                           " LEFT JOIN endpoints e ON e.server_id = s.id"
                                           " ORDER BY e.position"};

inline constexpr Statement server_statement{"server",
                                            "SELECT s.name, e.address"
                                            " FROM servers s JOIN endpoints e ON e.server_id = s.id"
                                            " WHERE s.name = ? ORDER BY e.position"};

// Of Directory::list_keys(), which no login needs.
inline constexpr Statement own_keys_statement{
    "keys-of-account",
    "SELECT k.fingerprint, k.title, k.created_at, k.expires_at, k.revoked_at, u.used_at"
    " FROM public_keys k LEFT JOIN key_last_used u ON u.key_id = k.id"
    " WHERE k.account_id = ? ORDER BY k.id DESC LIMIT ?"};

// ---- of FIDO keys behind sshd: the strictest policies that a user, or a deploy key, comes by. Each has the
// columns of a policy that concern touch and PIN, in one row or two.

inline constexpr Statement strictest_policy_statement{
    "strictest-policy",
    "SELECT COALESCE(MAX(o.requires_touch), 0), COALESCE(MAX(o.requires_pin), 0)"
    " FROM org_members m JOIN accounts o ON o.id = m.org_id WHERE m.account_id = ?"
    " UNION ALL SELECT COALESCE(MAX(o.requires_touch), 0), COALESCE(MAX(o.requires_pin), 0)"
    " FROM collaborators c JOIN repositories r ON r.id = c.repo_id JOIN accounts o ON o.id = r.owner_id"
    " WHERE c.account_id = ?"};

inline constexpr Statement policy_of_deploy_key_statement{
    "policy-of-deploy-key",
    "SELECT COALESCE(MAX(o.requires_touch), 0), COALESCE(MAX(o.requires_pin), 0) FROM repositories r"
    " JOIN accounts o ON o.id = r.owner_id WHERE r.id = ? AND o.requires_of_deploy_keys = 1"};

// ---- of certificates

inline constexpr Statement authority_statement{
    "certificate-authority",
    "SELECT id, name, org_id, identity, host, longest_life, revoked_at FROM certificate_authorities"
    " WHERE fingerprint = ?"};

// One row: how many revocations of each kind there are; then, of the key itself (`gerve key revoke`); and
// whether the authority still has that id: `gerve ca set` takes its revocations to another.
// Serials of one length compare as numbers do.
inline constexpr Statement revocation_statement{
    "certificate-revocation",
    "SELECT"
    " (SELECT COUNT(*) FROM certificate_revocations WHERE authority_id = ? AND kind = 1 AND first_value <= ?"
    " AND last_value >= ?),"
    " (SELECT COUNT(*) FROM certificate_revocations WHERE authority_id = ? AND kind = 2 AND first_value = ?),"
    " (SELECT COUNT(*) FROM certificate_revocations WHERE authority_id = ? AND kind = 3 AND first_value = ?),"
    " (SELECT COUNT(*) FROM certificate_revocations WHERE authority_id = ? AND kind = 4 AND first_value = "
    "?),"
    " (SELECT COUNT(*) FROM public_keys WHERE fingerprint = ? AND revoked_at IS NOT NULL),"
    " (SELECT COUNT(*) FROM certificate_authorities WHERE id = ?)"};

// A user by the login that they have now: an old name names nobody.
inline constexpr Statement user_statement{
    "certified-user",
    "SELECT id, login, suspended_at FROM accounts WHERE login_folded = ? AND kind = 1 AND alias_of IS NULL"};

// The key's for several keys; each row ends with the fingerprint that it is of. `count`: from 2 to
// max_keys_at_once.
inline constexpr std::size_t max_keys_at_once = 8;
[[nodiscard]] const Statement& several_keys_statement(std::size_t count);

}  // namespace directory_sql

// Those of every login, for one key, so that a check or a test can see that each fits the tables.
[[nodiscard]] const std::array<Statement, 12>& directory_statements();

}  // namespace gerve
