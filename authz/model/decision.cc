#include "authz/model/decision.h"

namespace gerve {

std::string_view rule_name(Rule rule) {
    switch (rule) {
        case Rule::owner: return "owner";
        case Rule::public_read: return "public-read";
        case Rule::collaborator: return "collaborator";
        case Rule::team: return "team";
        case Rule::organization: return "organization";
        case Rule::deploy_key: return "deploy-key";
        case Rule::suspended: return "suspended";
        case Rule::no_such_repository: return "no-such-repository";
        case Rule::no_read_access: return "no-read-access";
        case Rule::no_write_access: return "no-write-access";
        case Rule::archived: return "archived";
        case Rule::disabled: return "disabled";
        case Rule::other_repository: return "other-repository";
        case Rule::read_only_deploy_key: return "read-only-deploy-key";
        case Rule::unrecorded: return "unrecorded";
        case Rule::fetch_only_server: return "fetch-only-server";
        case Rule::lfs_off: return "lfs-off";
        case Rule::other_organization: return "other-organization";
        case Rule::post_quantum_required: return "post-quantum-required";
        case Rule::touch_required: return "touch-required";
        case Rule::pin_required: return "pin-required";
        case Rule::other_kind: return "other-kind";
        case Rule::forge_access: return "forge-access";
        case Rule::mirror: return "mirror";
        case Rule::owner_disabled: return "owner-disabled";
        case Rule::being_created: return "being-created";
        case Rule::broken: return "broken";
        case Rule::second_factor_required: return "second-factor-required";
        case Rule::wiki_disabled: return "wiki-disabled";
    }
    return "unknown";
}

}  // namespace gerve
