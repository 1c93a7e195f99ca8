// Directory's answers about certificates: their authorities, what revokes them, and whom they name.
#include "authz/base/big_endian.h"
#include "authz/store/directory.h"
#include "authz/store/directory_answers.h"
#include "authz/store/directory_statements.h"
#include "authz/store/row_reader.h"

namespace gerve {
namespace {

using namespace directory_sql;

Result<std::optional<Authority>> read_authority(const Rows& rows, const Fingerprint& key) {
    if (rows.empty()) return std::nullopt;
    RowReader row(rows.front(), authority_statement);
    Authority authority{AuthorityId{row.integer()}, row.text(), key};
    if (const auto organization = row.maybe_integer()) authority.organization = AccountId{*organization};
    authority.identity = static_cast<IdentityRule>(row.integer_within(1, 3));
    authority.host = row.text();
    authority.longest_life = row.maybe_integer();
    authority.revoked = row.maybe_integer();
    if (!row.good()) return row.malformed();
    return authority;
}

Result<std::optional<RevokedBy>> read_revocation(const Rows& rows) {
    if (rows.size() != 1) return unavailable("certificate-revocation: expected one row");
    RowReader row(rows.front(), revocation_statement);
    std::optional<RevokedBy> found;
    for (const RevokedBy by :
         {RevokedBy::serial, RevokedBy::key_id, RevokedBy::certificate, RevokedBy::key, RevokedBy::key}) {
        if (row.integer() > 0 && !found) found = by;
    }
    const bool authority_is_there = row.integer() > 0;
    if (!row.good()) return row.malformed();
    if (!found && !authority_is_there)
        return unavailable("certificate-revocation: the authority was changed or removed meanwhile");
    return found;
}

Result<std::optional<User>> read_certified(const Rows& rows) {
    if (rows.empty()) return std::nullopt;
    RowReader row(rows.front(), user_statement);
    const AccountId id{row.integer()};
    auto login = row.text_as(Login::parse);
    const bool suspended = row.maybe_integer().has_value();
    if (!row.good()) return row.malformed();
    return User{id, std::move(*login), suspended};
}

}  // namespace

// Another program's tables have no authorities.
Result<std::optional<Authority>> Directory::find_authority(const Fingerprint& key) {
    if (!database_.has_own_tables()) return std::nullopt;
    const Stopwatch watch(counters_.times(Query::certificate));
    const auto found = [&]() -> Result<std::optional<Authority>> {
        const auto rows = ask(StatementKind::certificate, authority_statement, {BlobView{key.bytes()}});
        if (!rows) return pass_on(rows);
        return read_authority(*rows, key);
    };
    return counted(Query::certificate, about(found(), "authority " + key.text()));
}

Result<std::optional<RevokedBy>> Directory::find_revocation(const CertificateFacts& facts,
                                                            const Fingerprint& key) {
    const std::int64_t authority = number_of(facts.authority);
    std::string serial;
    put_number(serial, facts.serial);
    const Stopwatch watch(counters_.times(Query::certificate));
    const auto found = [&]() -> Result<std::optional<RevokedBy>> {
        const auto rows = ask(StatementKind::certificate, revocation_statement,
                              {authority, BlobView{serial}, BlobView{serial}, authority,
                               BlobView{facts.key_id}, authority, BlobView{facts.certificate.bytes()},
                               authority, BlobView{key.bytes()}, BlobView{key.bytes()}, authority});
        if (!rows) return pass_on(rows);
        return read_revocation(*rows);
    };
    return counted(Query::certificate, about(found(), "key " + key.text()));
}

Result<std::optional<User>> Directory::find_user(const Login& login) {
    const Stopwatch watch(counters_.times(Query::certificate));
    const auto found = [&]() -> Result<std::optional<User>> {
        const auto rows = ask(StatementKind::certificate, user_statement, {std::string_view(login.folded())});
        if (!rows) return pass_on(rows);
        return read_certified(*rows);
    };
    return counted(Query::certificate, about(found(), login.text()));
}

// What was judged at the login and cannot change is not judged again: the certificate itself.
Result<std::optional<KnownKey>> Directory::find_certificate_again(const KnownKey& key,
                                                                  const CertifiedUser& certified,
                                                                  UnixMillis now) {
    const CertificateFacts& facts = certified.certificate;
    if (facts.expires <= now) return std::nullopt;
    const auto authority = find_authority(facts.authority_key);
    if (!authority) return pass_on(authority);
    if (!*authority || (*authority)->id != facts.authority || (*authority)->revoked) return std::nullopt;
    const auto revoked = find_revocation(facts, key.fingerprint);
    if (!revoked) return pass_on(revoked);
    if (*revoked) return std::nullopt;
    auto user = find_user(certified.user.login);
    if (!user) return pass_on(user);
    if (!*user || (*user)->id != certified.user.id) return std::nullopt;
    return KnownKey{key.id, key.fingerprint, CertifiedUser{facts, std::move(**user)}};
}

}  // namespace gerve
