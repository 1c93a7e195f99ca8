#include "authz/model/url_path.h"

namespace gerve {

Result<RepoPath> parse_url_path(std::string_view path) {
    std::string plain;
    plain.reserve(path.size());
    for (const char c : path) {
        if (c != '/' || !plain.ends_with('/')) plain += c;
    }
    if (plain.ends_with('/')) plain.pop_back();
    auto repo = RepoPath::parse(plain);
    if (!repo) return fail(ErrorKind::denied, messages::no_repository_path(), describe(repo.error()));
    return repo;
}

}  // namespace gerve
