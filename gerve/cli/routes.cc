#include <unistd.h>

#include <iostream>
#include <nlohmann/json.hpp>

#include "authz/base/fd.h"
#include "authz/base/presence.h"
#include "authz/base/text.h"
#include "authz/model/ticket.h"
#include "authz/store/redis/redis_editor.h"
#include "gerve/cli/commands.h"
#include "gerve/cli/file_server.h"
#include "gerve/cli/output.h"
#include "gerve/cli/redis_table.h"
#include "gerve/cli/site.h"

namespace gerve {
namespace {

struct RouteValues {
    std::optional<Login> owner;
    std::optional<ServerName> server;
    std::vector<Endpoint> endpoints;
    std::string file;
    bool yes = false;
    bool json = false;
};

constexpr const char* endpoint_help = "HOST:PORT or unix:/PATH of an agent, git://HOST:PORT of a git daemon";

Json to_json(const std::vector<Endpoint>& endpoints) {
    Json out = Json::array();
    for (const Endpoint& endpoint : endpoints) out.push_back(endpoint.text());
    return out;
}

std::string to_text(const std::vector<Endpoint>& endpoints) {
    std::string out;
    for (const Endpoint& endpoint : endpoints) out += (out.empty() ? "" : " ") + endpoint.text();
    return out;
}

int list_servers(Site& site, bool json) {
    const auto servers = need(site.registry().list_servers());
    Json out = Json::array();
    Table table({"SERVER", "ENDPOINTS"});
    for (const ServerRecord& server : servers) {
        out.push_back({{"server", server.name.text()}, {"endpoints", to_json(server.endpoints)}});
        table.add({server.name.text(), to_text(server.endpoints)});
    }
    json ? print_json(out)
         : table.print(site.config().embedded ? "no servers: the embedded server `local` holds every owner"
                                              : "no servers: add one with `gerve server add NAME ENDPOINT…`");
    return 0;
}

// Once a server is added, the embedded one serves only owners whose route leads there.
void warn_of_first(Site& site, const RouteValues& values) {
    const std::size_t owners = need(site.registry().list_accounts()).size();
    const std::size_t repositories = need(site.registry().list_repositories()).size();
    complain(
        "once there is a server, every owner needs a route (`gerve route set OWNER SERVER`): without one, "
        "clients "
        "of all " +
        std::to_string(owners) + " accounts, with " + std::to_string(repositories) +
        " repositories, are refused with exit status 75; to reach the repositories of the embedded "
        "server, add a server named local at unix:" +
        site.config().local_agent_socket());
    if (values.yes || repositories == 0 || ::isatty(STDIN_FILENO) == 0) return;
    std::printf("Type the name of the server to add it: ");
    std::fflush(stdout);
    std::string answer;
    std::getline(std::cin, answer);
    if (answer != values.server->text()) throw Stop{refused_status, "no server was added"};
}

int add_server(Site& site, const RouteValues& values) {
    const bool first = site.config().embedded && need(site.registry().list_servers()).empty();
    if (first) warn_of_first(site, values);
    const auto added = need(site.registry().add_server(*values.server, values.endpoints));
    return added.was_there
               ? there_already("server " + values.server->text() + " already exists with these endpoints")
               : 0;
}

void declare_server(Command& root) {
    Command server = root.group("server", "File servers, each with one or more endpoints.");
    const auto add = std::make_shared<RouteValues>();
    server
        .change("add", "Add a file server; its first healthy endpoint serves.",
                [add](Site& site) { return add_server(site, *add); })
        .argument("NAME", "Its name, as in its agent's configuration", parsed(add->server))
        .arguments("ENDPOINT", endpoint_help, all_parsed(add->endpoints))
        .flag("-y,--yes", "Do not ask for confirmation before adding the first server", add->yes);
    const auto set = std::make_shared<RouteValues>();
    server
        .change("set", "Replace the endpoints of a file server.",
                [set](Site& site) {
                    for (const ServerRecord& one : need(site.registry().list_servers())) {
                        if (one.name == *set->server) site.details().add("before", to_text(one.endpoints));
                    }
                    site.details().add("after", to_text(set->endpoints));
                    need(site.registry().set_endpoints(*set->server, set->endpoints));
                    return 0;
                })
        .argument("NAME", "The server", parsed(set->server))
        .arguments("ENDPOINT", endpoint_help, all_parsed(set->endpoints));
    const auto remove = std::make_shared<RouteValues>();
    server
        .change("remove", "Remove a file server that no route uses.",
                [remove](Site& site) {
                    need(site.registry().remove_server(*remove->server));
                    return 0;
                })
        .argument("NAME", "The server", parsed(remove->server));
    const auto list = std::make_shared<RouteValues>();
    server
        .command("list", "List the file servers with their endpoints.",
                 [list](Site& site) { return list_servers(site, list->json); })
        .json(list->json);
    server.examples({"gerve server add fs1 fs1a.internal:9419 fs1b.internal:9419", "gerve server list"});
}

int get_route(Site& site, const RouteValues& values) {
    (void)need(site.registry().show_account(*values.owner));
    const Route route = route_of(site, *values.owner);
    if (values.json) {
        print_json({{"owner", values.owner->text()},
                    {"server", route.server.text()},
                    {"endpoints", to_json(route.endpoints)}});
    } else {
        std::printf("%s  %s\n", route.server.text().c_str(), to_text(route.endpoints).c_str());
    }
    return 0;
}

int list_routes(Site& site, bool json) {
    const auto routes = need(site.registry().list_routes());
    Json out = Json::array();
    Table table({"OWNER", "SERVER"});
    for (const RouteRecord& route : routes) {
        out.push_back({{"owner", route.owner.text()}, {"server", route.server.text()}});
        table.add({route.owner.text(), route.server.text()});
    }
    json ? print_json(out) : table.print("no routes: set one with `gerve route set OWNER SERVER`");
    return 0;
}

// Whose it is, and where it leads before it is changed.
void note_route(Site& site, const Login& owner) {
    site.details().add("user", owner.text());
    for (const RouteRecord& route : need(site.registry().list_routes())) {
        if (route.owner == owner) site.details().add("before", route.server.text());
    }
}

int set_route(Site& site, const Login& owner, const ServerName& server) {
    note_route(site, owner);
    site.details().add("after", server.text());
    const auto set = need(site.registry().set_route(owner, server));
    const int told = tell_redis(site, [&](RedisEditor& redis) { return redis.set(owner, server); });
    if (set == Outcome::already)
        return there_already(owner.text() + " is already routed to " + server.text());
    return told;
}

int remove_route(Site& site, const Login& owner) {
    note_route(site, owner);
    need(site.registry().remove_route(owner));
    return tell_redis(site, [&](RedisEditor& redis) { return redis.remove(owner); });
}

int sync_routes(Site& site, bool repair, bool json) {
    if (!site.config().redis)
        throw Stop{usage_status, "no [routes.redis] in the configuration: nothing to compare"};
    auto editor = need_backend(RedisEditor::open(*site.config().redis));
    const auto found = need(editor.compare(need(site.registry().list_routes()), repair));
    Json out = Json::array();
    Table table({"OWNER", "REDIS", "TABLE", repair ? "REPAIRED" : ""});
    bool all_well = true;
    for (const RouteDifference& one : found.differences) {
        const bool repaired = repair && one.failure.empty();
        all_well = all_well && repaired;
        const std::string is = one.is ? one.is->text() : "";
        out.push_back(
            {{"owner", one.owner}, {"redis", one.was.value_or("")}, {"table", is}, {"repaired", repaired}});
        table.add({one.owner, one.was.value_or("-"), one.is ? is : "-",
                   repaired ? "yes"
                   : repair ? "no: " + one.failure
                            : ""});
    }
    json ? print_json(out) : table.print(std::to_string(found.compared) + " routes: Redis matches the table");
    if (!found.unseen.empty()) {
        complain("Redis was not searched for keys of owners without a route: " + found.unseen);
    }
    return all_well ? 0 : refused_status;
}

void declare_route_sync(Command& route) {
    const auto sync = std::make_shared<RouteValues>();
    const auto check_only = std::make_shared<bool>(false);
    route
        .change("sync", "Compare Redis with the table of routes and bring Redis in line with it.",
                [sync, check_only](Site& site) { return sync_routes(site, !*check_only, sync->json); })
        .flag("--check", "Print the differences and change nothing; exit status 1 if there are any",
              *check_only)
        .json(sync->json);
}

void declare_route(Command& root) {
    Command route = root.group("route", "Which file server holds an owner's repositories.");
    const auto set = std::make_shared<RouteValues>();
    route
        .change("set", "Route an owner to a file server; this does not move repositories.",
                [set](Site& site) { return set_route(site, *set->owner, *set->server); })
        .argument("OWNER", "A user or an organisation", parsed(set->owner))
        .argument("SERVER", "The file server", parsed(set->server));
    const auto get = std::make_shared<RouteValues>();
    route
        .command("get", "Print which file server holds an owner's repositories now.",
                 [get](Site& site) { return get_route(site, *get); })
        .argument("OWNER", "A user or an organisation", parsed(get->owner))
        .json(get->json);
    const auto remove = std::make_shared<RouteValues>();
    route
        .change("remove", "Remove an owner's route.",
                [remove](Site& site) { return remove_route(site, *remove->owner); })
        .argument("OWNER", "A user or an organisation", parsed(remove->owner));
    const auto list = std::make_shared<RouteValues>();
    route.command("list", "List all routes.", [list](Site& site) { return list_routes(site, list->json); })
        .json(list->json);
    declare_route_sync(route);
    route.examples({"gerve route set alice fs1", "gerve route get alice", "gerve route sync --check"});
}

int make_ticket_key_file(const std::string& file) {
    if (need(is_there(file))) {
        throw Stop{refused_status, file + " already exists; a key in use must not be lost"};
    }
    const TicketKey key = TicketKey::make();
    need(write_file(file, key.file_content(), 0600));
    std::printf("%s: key %s\n", file.c_str(), to_hex(key.id()).c_str());
    return 0;
}

void declare_ticket_key(Command& root) {
    Command ticket_key = root.group("ticket-key", "Keys that authz signs tickets with and agents check.");
    const auto make = std::make_shared<RouteValues>();
    ticket_key
        .command("new", "Create a ticket key in a new file that only its owner can read.",
                 [make](Site&) { return make_ticket_key_file(make->file); })
        .argument("FILE", "The file to create", word(make->file));
    ticket_key.examples({"gerve ticket-key new /etc/gerve/ticket.key",
                         "# then: authz.ticket_keys in gerve.toml, ticket_keys on each file server"});
}

}  // namespace

void declare_routes(Command& root) {
    declare_server(root);
    declare_route(root);
    declare_ticket_key(root);
}

}  // namespace gerve
