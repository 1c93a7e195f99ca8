// What is in a repository's place, and whether an operation can begin there.
#include "authz/base/text.h"
#include "gerve/agent/admission/ticket_admission.h"
#include "gerve/agent/forge/forge_proof.h"
#include "gerve/agent/hg/hg_program.h"
#include "gerve/agent/repository/default_branch.h"
#include "gerve/agent/repository/repository_check.h"

namespace gerve {
namespace {

using grv1::FailCode;

// The distribution's, whose system-wide configuration is /etc/gitconfig.
constexpr std::string_view usual_git = "/usr/bin/git";

// Moving a damaged repository away, measuring or deleting it needs no git.
bool runs_git(const Operation& operation) {
    return operation.admin == AdminAction::none || operation.admin == AdminAction::fsck ||
           operation.admin == AdminAction::set_head || operation.admin == AdminAction::restore_ref ||
           operation.admin == AdminAction::large_files;
}

// Whether the hooks of this push are going to check it. Errors: denied, with what is wrong; unavailable.
Result<void> prove_push(const AgentConfig& config, const Operation& operation, const Fd& directory,
                        const GitPlace& git, bool asks) {
    for (const ProofLine& line : prove_machine(*config.forge, config.root)) {
        if (!line.holds) return fail(ErrorKind::denied, "", line.text);
    }
    return check_hooks(*config.forge, directory, git, operation.environment, asks);
}

// Without hg nothing is served, and the client reads what the operator has to do.
Admitted<Place> look_at_hg(const AgentConfig& config, Place place) {
    const auto installed = hg::check_installed(config.hg);
    if (installed) return place;
    Refusal refusal = refuse(FailCode::service_disabled, describe(installed.error())).value();
    refusal.fail.text = refusal.why;
    return tl::make_unexpected(std::move(refusal));
}

tl::unexpected<Refusal> refuse_place(const Operation& operation, const Error& error) {
    if (error.kind == ErrorKind::denied) return refuse(FailCode::no_such_repository, describe(error));
    return refuse_storage(operation.service, error);
}

}  // namespace

Admitted<Place> look_at_place(const AgentConfig& config, const Operation& operation) {
    Place place;
    if (operation.admin == AdminAction::create || adopts(operation.admin)) return place;
    auto directory = runs_git(operation) ? open_repository(config.root, operation.directory)
                                         : open_below(config.root, operation.directory);
    if (!directory) return refuse_place(operation, directory.error());
    if (!runs_git(operation)) return place;
    place.kind = is_hg_repository(*directory) ? RepositoryKind::hg : RepositoryKind::git;
    if (place.kind != kind_of(operation.service) && operation.admin != AdminAction::fsck) {
        const std::string why = operation.path + ": a " + std::string(kind_title(place.kind)) + " repository";
        return refuse_place(operation, unavailable(why).value());
    }
    if (place.kind == RepositoryKind::hg) return look_at_hg(config, place);
    auto head = read_head(*directory, operation.path);
    if (!head) return refuse_place(operation, head.error());
    place.head = std::move(*head);
    const bool pushes = operation.service == Service::receive_pack;
    place.is_empty = pushes && !has_branches(*directory, operation.path, place.head);
    const std::string home = config.git_home();
    if (operation.service == Service::upload_pack)
        place.settings = fetch_settings(ConfigWords(*directory, home));
    if (!pushes) return place;
    const ConfigWords words(*directory, home);
    place.settings = push_settings(words, config.check_objects, operation.keep_lost.count() > 0);
    // Another git may have another system-wide configuration than the one in `words`.
    const bool asks = words.has("hookspath") || config.git != usual_git;
    const GitPlace git{config.git, operation.path, place.head, home};
    if (config.forge) {
        const auto proven = prove_push(config, operation, *directory, git, asks);
        if (!proven && proven.error().kind != ErrorKind::denied)
            return refuse_place(operation, proven.error());
        if (!proven) place.hooks_problem = describe(proven.error());
    }
    if (!operation.requires_objects || !place.hooks_problem.empty()) return place;
    // That of a forge's push has been found not to be set, in the environment that the push has.
    const bool is_known = config.forge && config.forge->kind;
    auto hooks = lfs::redirect_hooks(config.root, *directory, git, asks && !is_known);
    if (!hooks) return refuse_place(operation, hooks.error());
    place.hooks = std::move(*hooks);
    return place;
}

}  // namespace gerve
