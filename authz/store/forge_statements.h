// The SQL over a Forgejo's or Gitea's tables, by the family of its version. Each statement returns columns as
// they are; what they mean is authz/forge_policy's to say.
#pragma once

#include <string>
#include <vector>

#include "authz/model/forge.h"
#include "authz/store/database.h"

namespace gerve {

// Shared by the connections of all threads, which borrow the texts.
class ForgeStatements final {
  public:
    explicit ForgeStatements(const ForgeRules& rules);
    ForgeStatements(const ForgeStatements&) = delete;
    ForgeStatements& operator=(const ForgeStatements&) = delete;

    // By a fingerprint, as text: the rows with it, the first made first. A key's id, type, name and content;
    // and its user's id, name and two flags.
    [[nodiscard]] Statement key() const { return {"key", key_}; }
    // By unit type, owner and name, both in lower case.
    [[nodiscard]] Statement repository() const { return {"repository", repository_}; }
    // By unit type, owner, owner, name, name: by a name that it, or its owner, had. Empty: none are followed.
    [[nodiscard]] Statement redirect() const { return {"redirect", redirect_}; }
    // By repository, user, owner, user, user, repository, owner, repository, unit type, user, user.
    [[nodiscard]] Statement user() const { return {"permission", user_}; }
    // By key and repository.
    [[nodiscard]] Statement deploy_key() const { return {"permission", deploy_key_}; }
    [[nodiscard]] std::vector<Statement> all() const;  // of those above
    // The columns that tell families apart, and those that the statements need: a table and a column a row.
    [[nodiscard]] static Statement columns();

  private:
    std::string key_;
    std::string repository_;
    std::string redirect_;
    std::string user_;
    std::string deploy_key_;
};

// What is wrong with the columns that are there, for an operator: "the tables are those of Gitea 1.24 or
// later, but …". Empty: they are those of the rules' family, and none is missing.
[[nodiscard]] std::string misfit_of_columns(const ForgeRules& rules, const Rows& columns);

}  // namespace gerve
