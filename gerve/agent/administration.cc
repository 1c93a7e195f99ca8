#include "gerve/agent/administration.h"

#include <exception>

#include "authz/base/log.h"
#include "gerve/agent/repository/adoption.h"

namespace gerve {
namespace {

AdminResult failed(const Error& error) {
    // An administrator asked: the path and the reason are for them, and the log has both too.
    log::warn("administration failed", {{"error", describe(error)}});
    return {1, "", describe(error) + "\n"};
}

AdminResult result_of(const Result<void>& done) {
    return done ? AdminResult{} : failed(done.error());
}

AdminResult result_of(const Result<std::string>& said) {
    return said ? AdminResult{0, *said + "\n", ""} : failed(said.error());
}

AdminResult dispatch(const Repositories& repositories, const Operation& operation) {
    const RepoPath& repo = operation.repo;
    const std::uint64_t id = operation.repo_id;
    switch (operation.admin) {
        case AdminAction::create: return result_of(repositories.create(repo, id, operation.object_format));
        case AdminAction::rename: return result_of(repositories.rename(repo, operation.new_repo.value(), id));
        case AdminAction::remove: return result_of(repositories.remove(repo, id));
        case AdminAction::set_head: return result_of(repositories.set_head(repo, id, operation.branch));
        case AdminAction::restore_ref:
            return result_of(repositories.restore_ref(repo, id, operation.restoring, operation.keep_lost)
                                 .map([](const RestoredRef& restored) { return restored.text(); }));
        case AdminAction::large_files:
            return result_of(repositories.large_files(repo, id, operation.order, operation.argument));
        case AdminAction::size: break;
        default: return failed(Error{ErrorKind::internal, "", "not an operation on repositories"});
    }
    const auto bytes = repositories.size(repo, id);
    if (!bytes) return failed(bytes.error());
    return {0, std::to_string(*bytes) + "\n", ""};
}

AdminResult dispatch_adoption(const Adoption& adoption, const Operation& operation) {
    const RepoPath& repo = operation.repo;
    const std::uint64_t id = operation.repo_id;
    const auto text = [](const auto& found) { return found.text(); };
    switch (operation.admin) {
        case AdminAction::inspect: return result_of(adoption.inspect(repo, id, operation.source).map(text));
        case AdminAction::adopt: return result_of(adoption.adopt(repo, id, operation.source));
        default: break;
    }
    return result_of(adoption.inspect_tree(operation.source, operation.from).map(text));
}

}  // namespace

AdminResult perform_admin(const AgentConfig& config, const Operation& operation) {
    try {
        const Repositories repositories(config.root, config.layout, config.git, config.template_directory,
                                        config.hg);
        if (!adopts(operation.admin)) return dispatch(repositories, operation);
        const AdoptionPlaces places{config.root, config.layout, config.adopt_from};
        return dispatch_adoption(Adoption(places, repositories, config.git), operation);
    } catch (const std::exception& error) {
        return failed(Error{ErrorKind::internal, "", error.what()});
    }
}

std::string encode_admin_result(const AdminResult& result) {
    return grv1::encode_data(grv1::FrameType::stdout_data, result.output) +
           grv1::encode_data(grv1::FrameType::stderr_data, result.error) +
           grv1::encode_exit({static_cast<std::uint32_t>(result.status), 0, ""});
}

}  // namespace gerve
