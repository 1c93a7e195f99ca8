#include "authz/model/repo_path.h"

#include "authz/base/text.h"
#include "authz/model/name_rules.h"

namespace gerve {

RepoName::RepoName(std::string_view text) : text_(text), folded_(fold_case(text)) {}

Result<RepoName> RepoName::parse(std::string_view text) {
    if (!is_valid_name(text, 100)) {
        return client_error(
            "'" + printable(text, 120) +
            "' is not a repository name: 1 to 100 letters, digits, '.', '_' or '-', not starting with '-', "
            "not ending in .git or .lock");
    }
    return RepoName(text);
}

Result<RepoPath> RepoPath::parse(std::string_view text) {
    const std::string_view given = text;
    if (text.starts_with('/')) text.remove_prefix(1);
    if (fold_case(text).ends_with(".git")) text.remove_suffix(4);
    const auto slash = text.find('/');
    if (slash == std::string_view::npos) {
        return client_error("'" + printable(given, 200) + "' is not a repository: the form is OWNER/NAME");
    }
    auto owner = Login::parse(text.substr(0, slash));
    if (!owner) return pass_on(owner);
    auto name = RepoName::parse(text.substr(slash + 1));
    if (!name) return pass_on(name);
    return RepoPath(std::move(*owner), std::move(*name));
}

}  // namespace gerve
