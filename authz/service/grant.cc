#include "authz/service/grant.h"

#include "authz/base/digest.h"
#include "authz/base/display.h"
#include "authz/base/text.h"
#include "authz/service/lfs_token.h"

namespace gerve {
namespace {

Open make_open(const Repository& repository, Errand errand, const ServerName& server) {
    Open open;
    open.service = errand.service;
    const RepoPath& path = repository.path;
    open.owner = repository.folded_on_disk ? path.owner().folded() : path.owner().text();
    open.storage_path = (repository.folded_on_disk ? path.folded() : path.text()) + ".git";
    if (errand.git_protocol) open.git_protocol = errand.git_protocol->text();
    open.request_id = errand.request.bytes();
    open.time = unix_now();
    open.audience = server.text();
    open.env = std::move(errand.environment);
    open.takes_report = errand.takes_report;
    open.write_refusal = std::move(errand.write_refusal);
    open.hooks = std::move(errand.hooks);
    open.connection = sha256(errand.client.address + " " + errand.client.connection).substr(0, 16);
    open.repo_id = static_cast<std::uint64_t>(number_of(repository.id));
    return open;
}

// One for each endpoint. A stock git daemon checks no ticket.
std::vector<Destination> make_destinations(const TicketKey& key, const Route& route, Open open) {
    std::vector<Destination> destinations;
    for (const Endpoint& endpoint : route.endpoints) {
        const bool stock = endpoint.kind() == Endpoint::Kind::git_daemon;
        open.nonce = random_bytes(16);
        destinations.push_back({route.server, endpoint, stock ? "" : encode_open(open, &key)});
    }
    return destinations;
}

}  // namespace

std::vector<NameValue> hook_environment(const Repository& repository, const RequestId& request,
                                        const ClientContext& client, std::string protocol) {
    return {
        {"GERVE_REPO", repository.path.text()},
        {"GERVE_REQUEST_ID", request.text()},
        {"GERVE_REMOTE_ADDR", printable(client.address)},
        {"GERVE_PROTOCOL", std::move(protocol)},
    };
}

std::vector<NameValue> hook_environment(const Principal& principal, const Repository& repository,
                                        const AuthorizeRequest& request) {
    using Named = std::pair<std::string, std::string>;
    auto [login, id] = match(
        principal.holder(),
        [](const SomeUser auto& some) {
            const User& user = as_user(some);
            return Named(user.login.text(), std::to_string(number_of(user.id)));
        },
        [](const SomeDeployKey auto&) { return Named("deploy-key", ""); });
    auto environment = hook_environment(repository, request.request, request.client, "ssh");
    environment.emplace_back("GERVE_USER", std::move(login));
    environment.emplace_back("GERVE_USER_ID", std::move(id));
    environment.emplace_back("GERVE_KEY", principal.key().fingerprint.text());
    return environment;
}

// Whoever asks says what the command was; only one that means the same operation is believed. Without one, it
// is as git would have written it.
Result<HookVariables> hook_variables(const Inquiry& inquiry, const AuthorizeRequest& request) {
    HookVariables hooks = inquiry.hooks;
    if (hooks.empty()) return hooks;
    const auto command = parse_git_command(request.command);
    const bool same = command && command->service == request.service && command->repo == request.repo;
    const std::string usual = std::string(service_name(request.service)) + " '" + request.repo.text() + "'";
    auto added = hooks.add(original_command_variable, same ? request.command : usual);
    if (!added) return unavailable(added.error().told);
    return hooks;
}

Result<Authorization> grant(const Signer& signer, const Inquiry& inquiry, Errand errand) {
    const Repository& repository = *inquiry.repository;
    if (!inquiry.route) {
        return unavailable("no route for " + repository.path.owner().text() +
                           ": set it with `gerve route set OWNER SERVER`");
    }
    const ServerName& server = inquiry.route->server;
    std::string notice = repository.moved ? messages::moved(errand.asked_for, repository.path) : "";
    Open open = make_open(repository, std::move(errand), server);
    open.keep_lost = signer.keep_lost;
    if (needs_write(open.service)) open.sizes = repository.limits.over(signer.sizes);
    if (open.service == Service::lfs_upload) open.max_object = signer.lfs.max_object;
    if (open.service == Service::receive_pack)
        open.requires_objects = signer.lfs.mode == LfsMode::transfer && signer.lfs.require_objects;
    auto destinations = make_destinations(signer.key, *inquiry.route, std::move(open));
    if (destinations.empty()) return unavailable("server " + server.text() + " has no endpoint");
    return Granted{repository.path, std::move(notice), std::get<Allow>(inquiry.decision).because,
                   std::move(destinations)};
}

Result<Authorization> grant_token(const Signer& signer, const Inquiry& inquiry, const Principal& principal,
                                  const AuthorizeRequest& request) {
    const Repository& repository = *inquiry.repository;
    const std::string token = make_lfs_token(signer.lfs_secret.value(), repository, principal,
                                             request.service, signer.lfs.token_life, unix_now());
    return Granted{repository.path,
                   repository.moved ? messages::moved(request.repo, repository.path) : "",
                   std::get<Allow>(inquiry.decision).because,
                   {},
                   std::nullopt,
                   lfs_token_answer(signer.lfs, repository, token)};
}

}  // namespace gerve
