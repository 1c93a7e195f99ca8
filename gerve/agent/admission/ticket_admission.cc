#include "gerve/agent/admission/ticket_admission.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "authz/base/fd.h"
#include "authz/base/text.h"
#include "gerve/agent/forge/forge_variables.h"
#include "gerve/agent/repository/adoption_source.h"
#include "gerve/agent/repository/environment.h"

namespace gerve {
namespace {

using grv1::FailCode;

std::string_view told_text(FailCode code) {
    switch (code) {
        case FailCode::version: return "this agent speaks GRV1 version 1";
        case FailCode::authentication: return "not authenticated";
        case FailCode::replay_or_clock: return "the ticket is not fresh";
        case FailCode::bad_request: return "bad request";
        case FailCode::no_such_repository: return "no such repository";
        case FailCode::service_disabled: return "the service is disabled";
        case FailCode::busy: return "busy";
        case FailCode::spawn: return "cannot start git";
        case FailCode::draining: return "draining";
        case FailCode::standby: return "on standby";
        case FailCode::account_limit: return "the account is at its limit";
        case FailCode::storage: return "storage trouble";
    }
    return "";
}

Admitted<void> check_version(const ReceivedOpen& received) {
    if (received.version_min > grv1_version || received.version_max < grv1_version) {
        return refuse(FailCode::version, "unsupported versions " + std::to_string(received.version_min) +
                                             " to " + std::to_string(received.version_max));
    }
    // No flag is defined yet; one that this agent does not know could change the meaning of what follows.
    if (received.signed_bytes[6] != 0 || received.signed_bytes[7] != 0) {
        return refuse(FailCode::bad_request, "unknown flags");
    }
    return {};
}

Admitted<void> check_signature(const ReceivedOpen& received, const AgentConfig& config, bool unix_socket) {
    if (config.ticket_keys.empty()) {
        if (unix_socket) return {};
        return refuse(FailCode::authentication, "no ticket key for a peer that is not on a unix socket");
    }
    if (received.key_id.empty()) return refuse(FailCode::authentication, "the ticket is unsigned");
    const auto key = std::find_if(config.ticket_keys.begin(), config.ticket_keys.end(),
                                  [&](const TicketKey& known) { return known.id() == received.key_id; });
    if (key == config.ticket_keys.end()) {
        return refuse(FailCode::authentication, "unknown ticket key " + to_hex(received.key_id));
    }
    if (!is_signed_by(received, *key)) {
        return refuse(FailCode::authentication, "wrong signature for ticket key " + to_hex(received.key_id));
    }
    return {};
}

Admitted<void> check_freshness(const Open& open, NonceCache& nonces, AdmissionTime now) {
    const auto window = ticket_window.count();
    if (open.time < now.wall - window || open.time > now.wall + window) {
        return refuse(FailCode::replay_or_clock, "the ticket is from " + std::to_string(open.time) +
                                                     ", and it is now " + std::to_string(now.wall) +
                                                     " (Unix milliseconds)");
    }
    switch (nonces.insert(open.nonce, now.steady)) {
        case NonceCache::Verdict::fresh: return {};
        case NonceCache::Verdict::seen:
            return refuse(FailCode::replay_or_clock, "the ticket was used before");
        case NonceCache::Verdict::full: break;
    }
    return refuse(FailCode::busy, "the nonce cache is full");
}

struct ActionName {
    std::string_view name;
    AdminAction action;
};
constexpr std::array action_names{
    ActionName{"create", AdminAction::create},
    ActionName{"rename", AdminAction::rename},
    ActionName{"delete", AdminAction::remove},
    ActionName{"fsck", AdminAction::fsck},
    ActionName{"size", AdminAction::size},
    ActionName{"set-head", AdminAction::set_head},
    ActionName{"restore-ref", AdminAction::restore_ref},
    ActionName{"inspect", AdminAction::inspect},
    ActionName{"adopt", AdminAction::adopt},
    ActionName{"inspect-tree", AdminAction::inspect_tree},
    ActionName{"lfs-locks", AdminAction::large_files},
    ActionName{"lfs-unlock", AdminAction::large_files},
    ActionName{"lfs-prune", AdminAction::large_files},
};

AdminAction parse_action(std::string_view name) {
    for (const auto& known : action_names) {
        if (known.name == name) return known.action;
    }
    return AdminAction::none;
}

// What can be looked for: git itself says what exists (git-check-ref-format(1) has the rules).
bool may_be_branch(std::string_view name) {
    constexpr std::size_t longest = 1024;
    return !name.empty() && name.size() <= longest && name.front() != '-' &&
           std::none_of(name.begin(), name.end(), [](char c) {
               return static_cast<unsigned char>(c) <= 0x20 || c == 0x7f ||
                      std::string_view("*?[\\~^:").find(c) != std::string_view::npos;
           });
}

// The directory, and of a tree, behind a line feed, where to begin. Whether it may be taken is decided where
// the disk is looked at, so that the administrator reads why not.
Admitted<void> resolve_adoption(std::string_view argument, Operation& operation) {
    const auto end = argument.find('\n');
    operation.source = argument.substr(0, end);
    if (end != std::string_view::npos) operation.from = argument.substr(end + 1);
    const bool is_tree = operation.admin == AdminAction::inspect_tree;
    const bool right = is_tree ? from_hex(operation.from).has_value() : end == std::string_view::npos;
    if (!right || (is_tree && operation.source.empty()) ||
        (!operation.source.empty() && !may_be_directory(operation.source)))
        return refuse(FailCode::bad_request, "invalid directory '" + printable(argument) + "'");
    return {};
}

Admitted<void> resolve_admin(const Open& open, Operation& operation) {
    operation.admin = parse_action(open.admin);
    if ((open.service == Service::admin) != (operation.admin != AdminAction::none)) {
        return refuse(FailCode::bad_request, "invalid admin operation '" + printable(open.admin) + "'");
    }
    if (!open.object_format.empty()) {
        const bool known = open.object_format == "sha1" || open.object_format == "sha256" ||
                           open.object_format == kind_name(RepositoryKind::hg);
        if (operation.admin != AdminAction::create || !known) {
            return refuse(FailCode::bad_request,
                          "invalid object format '" + printable(open.object_format) + "'");
        }
        operation.object_format = open.object_format;
    }
    if (operation.admin == AdminAction::fsck && open.admin_argument == "repair")
        operation.repair = Repair::yes;
    if (operation.admin == AdminAction::set_head) {
        if (!may_be_branch(open.admin_argument)) {
            return refuse(FailCode::bad_request,
                          "invalid branch name '" + printable(open.admin_argument) + "'");
        }
        operation.branch = open.admin_argument;
    }
    if (operation.admin == AdminAction::restore_ref) {
        const auto words = split(open.admin_argument, ' ');
        if (words.size() != 2 || !may_be_branch(words[0]) || !is_restorable(words[0]) ||
            !may_be_object(words[1])) {
            return refuse(FailCode::bad_request,
                          "invalid ref and object '" + printable(open.admin_argument) + "'");
        }
        operation.restoring = {std::string(words[0]), std::string(words[1])};
    }
    if (operation.admin == AdminAction::large_files) {
        operation.order = open.admin;
        operation.argument = open.admin_argument;
    }
    if (adopts(operation.admin)) return resolve_adoption(open.admin_argument, operation);
    if (operation.admin != AdminAction::rename) return {};
    auto renamed = RepoPath::parse(open.admin_argument);
    if (!renamed || renamed->text() + ".git" != open.admin_argument) {
        return refuse(FailCode::bad_request, "invalid new name '" + printable(open.admin_argument) + "'");
    }
    operation.new_repo = std::move(*renamed);
    return {};
}

// A push whose hooks lack something is told why; for any other operation a ticket has no variables of hooks.
Admitted<void> resolve_hooks(const Open& open, const AgentConfig& config, Operation& operation) {
    const bool pushes = open.service == Service::receive_pack;
    if (!pushes && !open.hooks.empty())
        return refuse(FailCode::bad_request, "variables of hooks for an operation that runs none");
    const auto checked = pushes ? check_hook_variables(config.forge, open) : Result<void>{};
    if (!checked) operation.hooks_problem = describe(checked.error());
    const ServiceRow* row = find_row(open.service);
    if (checked && config.forge && row != nullptr && is_of_git(*row))
        add_forge_environment(operation.environment, *config.forge, open);
    return {};
}

}  // namespace

bool adopts(AdminAction action) {
    return action == AdminAction::inspect || action == AdminAction::adopt ||
           action == AdminAction::inspect_tree;
}

tl::unexpected<Refusal> refuse(FailCode code, std::string why) {
    const bool retryable = code == FailCode::busy || code == FailCode::draining || code == FailCode::standby;
    return tl::make_unexpected(Refusal{{code, retryable, std::string(told_text(code))}, std::move(why)});
}

tl::unexpected<Refusal> refuse_storage(Service service, const Error& error) {
    const bool changes_nothing = service != Service::admin && !needs_write(service);
    std::string told(told_text(FailCode::storage));
    if (service == Service::admin) told += ": " + describe(error);
    std::string why = describe(error);
    return tl::make_unexpected(
        Refusal{{FailCode::storage, changes_nothing, std::move(told)}, std::move(why)});
}

Admitted<void> check_ticket(const ReceivedOpen& received, const AgentConfig& config, bool unix_socket,
                            NonceCache& nonces, AdmissionTime now) {
    if (auto checked = check_version(received); !checked) return checked;
    if (auto checked = check_signature(received, config, unix_socket); !checked) return checked;
    if (received.open.audience != config.name) {
        return refuse(FailCode::authentication,
                      "the ticket is for the server '" + printable(received.open.audience) + "'");
    }
    return check_freshness(received.open, nonces, now);
}

Admitted<Operation> resolve_operation(const Open& open, const AgentConfig& config) {
    if (!config.services.contains(open.service))
        return refuse(FailCode::service_disabled, "service disabled");
    auto repo = parse_storage_path(open.storage_path, open.owner);
    if (!repo) return refuse(FailCode::bad_request, describe(repo.error()));
    auto directory = repository_directory(config.layout, *repo, open.repo_id);
    // What is only looked at has no number yet.
    if (!directory && adopts(parse_action(open.admin))) directory = "";
    if (!directory) return refuse(FailCode::bad_request, describe(directory.error()));
    Operation operation{.service = open.service,
                        .repo = std::move(*repo),
                        .repo_id = open.repo_id,
                        .new_repo = {},
                        .branch = {},
                        .restoring = {},
                        .source = {},
                        .from = {},
                        .order = {},
                        .argument = {},
                        .directory = *directory,
                        .path = {},
                        .environment = {},
                        .who = variable_of(open, "GERVE_USER"),
                        .keep_lost = open.keep_lost,
                        .sizes = needs_write(open.service) ? open.sizes : SizeLimits{},
                        .max_object = open.max_object,
                        .write_refusal = open.write_refusal,
                        .requires_objects = open.requires_objects && open.service == Service::receive_pack &&
                                            config.services.contains(Service::lfs_upload),
                        .account = claimant_of(open).account,
                        .connection = open.connection,
                        .yields = claimant_of(open).account.empty()};
    if (operation.who.empty()) operation.who = "gerve";
    operation.path = config.root + "/" + operation.directory;
    if (auto resolved = resolve_admin(open, operation); !resolved) {
        return tl::make_unexpected(std::move(resolved.error()));
    }
    auto environment = git_environment(open, operation.path);
    if (!environment) return refuse(FailCode::bad_request, describe(environment.error()));
    operation.environment = std::move(*environment);
    if (auto resolved = resolve_hooks(open, config, operation); !resolved)
        return tl::make_unexpected(std::move(resolved.error()));
    return operation;
}

StandbyLook look_for_standby(const AgentConfig& config) {
    if (::access(config.standby_file.c_str(), F_OK) == 0) return {Standby::yes, ""};
    if (errno == ENOENT || errno == ENOTDIR) return {Standby::no, ""};
    return {Standby::unknown, errno_text("cannot look for " + config.standby_file)};
}

std::optional<Refusal> refusal_of(const std::optional<StandbyLook>& look) {
    if (!look) return refuse(FailCode::standby, "the disk of standby_file does not answer").value();
    switch (look->is) {
        case Standby::no: break;
        case Standby::yes: return refuse(FailCode::standby, "on standby").value();
        case Standby::unknown: return refuse(FailCode::standby, look->why).value();
    }
    return std::nullopt;
}

Error silent_disk(const std::string& path) {
    return Error{ErrorKind::unavailable, "", path + ": the disk does not answer"};
}

}  // namespace gerve
