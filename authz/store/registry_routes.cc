#include <algorithm>

#include "authz/store/registry.h"
#include "authz/store/registry_rows.h"

namespace gerve {
namespace {

constexpr Statement insert_server{"insert-server", "INSERT INTO servers (name) VALUES (?)"};
constexpr Statement find_server{"find-server", "SELECT id FROM servers WHERE name = ?"};
constexpr Statement delete_server{"delete-server", "DELETE FROM servers WHERE id = ?"};
constexpr Statement insert_endpoint{"insert-endpoint",
                                    "INSERT INTO endpoints (server_id, position, address) VALUES (?, ?, ?)"};
constexpr Statement delete_endpoints{"delete-endpoints", "DELETE FROM endpoints WHERE server_id = ?"};
constexpr Statement select_servers{
    "list-servers",
    "SELECT s.name, e.address FROM servers s"
    " LEFT JOIN endpoints e ON e.server_id = s.id ORDER BY s.name, e.position"};
constexpr Statement find_routed_owner{"find-routed-owner",
                                      "SELECT a.login FROM routes t JOIN accounts a ON a.id = t.owner_id"
                                      " WHERE t.server_id = ? ORDER BY a.login_folded LIMIT 1"};

constexpr Statement find_route{"find-route-of", "SELECT server_id FROM routes WHERE owner_id = ?"};
constexpr Statement insert_route{"insert-route", "INSERT INTO routes (owner_id, server_id) VALUES (?, ?)"};
constexpr Statement delete_route{"delete-route", "DELETE FROM routes WHERE owner_id = ?"};
constexpr Statement select_routes{"list-routes",
                                  "SELECT a.login, s.name FROM routes t JOIN accounts a ON a.id = t.owner_id"
                                  " JOIN servers s ON s.id = t.server_id ORDER BY a.login_folded"};

Result<std::int64_t> need_server(Database& database, const ServerName& name) {
    const auto id = read_one<std::int64_t>(database, find_server, {std::string_view(name.text())},
                                           [](RowReader& row) { return std::optional(row.integer()); });
    if (!id) return pass_on(id);
    if (*id) return **id;
    return client_error("there is no server '" + name.text() +
                        "': add it with `gerve server add NAME ENDPOINT…`");
}

Result<void> check_endpoints(const std::vector<Endpoint>& endpoints) {
    if (endpoints.empty()) return client_error("a server needs at least one endpoint");
    for (auto one = endpoints.begin(); one != endpoints.end(); ++one) {
        if (std::find(endpoints.begin(), one, *one) != one) {
            return client_error("the endpoint " + one->text() + " is given twice");
        }
    }
    return {};
}

Result<std::vector<ServerRecord>> list_all(Database& database) {
    std::vector<ServerRecord> servers;
    using Pair = std::pair<ServerName, Endpoint>;
    const auto pairs =
        read_all<Pair>(database, select_servers, {}, [](RowReader& row) -> std::optional<Pair> {
            auto name = row.text_as(ServerName::parse);
            auto endpoint = row.text_as(Endpoint::parse);
            if (!row.good()) return std::nullopt;
            return Pair(std::move(*name), std::move(*endpoint));
        });
    if (!pairs) return pass_on(pairs);
    for (const auto& [name, endpoint] : *pairs) {
        if (servers.empty() || servers.back().name != name) servers.push_back({name, {}});
        servers.back().endpoints.push_back(endpoint);
    }
    return servers;
}

// A server that is there already.
Result<Added<ServerRecord>> take_known(Database& database, const ServerName& name,
                                       const std::vector<Endpoint>& endpoints) {
    const auto servers = list_all(database);
    if (!servers) return pass_on(servers);
    for (const ServerRecord& server : *servers) {
        if (server.name == name && server.endpoints == endpoints) return Added<ServerRecord>{server, true};
    }
    return client_error("there is already a server " + name.text() +
                        " with other endpoints: `gerve server set` changes them");
}

Result<void> put_endpoints(Database& database, std::int64_t server, const std::vector<Endpoint>& endpoints) {
    if (const auto removed = database.execute(delete_endpoints, {server}); !removed) return pass_on(removed);
    for (std::size_t i = 0; i < endpoints.size(); ++i) {
        const std::string address = endpoints[i].text();
        const auto added = database.execute(
            insert_endpoint, {server, static_cast<std::int64_t>(i), std::string_view(address)});
        if (!added) return pass_on(added);
    }
    return {};
}

}  // namespace

Result<Added<ServerRecord>> Registry::add_server(const ServerName& name,
                                                 const std::vector<Endpoint>& endpoints) {
    if (auto good = check_endpoints(endpoints); !good) return pass_on(good);
    auto transaction = Transaction::begin(database_);
    if (!transaction) return pass_on(transaction);
    const auto added = database_.execute(insert_server, {std::string_view(name.text())});
    if (!added && added.error().kind == ErrorKind::client) return take_known(database_, name, endpoints);
    if (!added) return pass_on(added);
    if (auto put = put_endpoints(database_, added->inserted_id, endpoints); !put) return pass_on(put);
    if (auto committed = transaction->commit(); !committed) return pass_on(committed);
    return Added<ServerRecord>{{name, endpoints}, false};
}

Result<ServerRecord> Registry::set_endpoints(const ServerName& name, const std::vector<Endpoint>& endpoints) {
    if (auto good = check_endpoints(endpoints); !good) return pass_on(good);
    auto transaction = Transaction::begin(database_);
    if (!transaction) return pass_on(transaction);
    const auto id = need_server(database_, name);
    if (!id) return pass_on(id);
    if (auto put = put_endpoints(database_, *id, endpoints); !put) return pass_on(put);
    if (auto committed = transaction->commit(); !committed) return pass_on(committed);
    return ServerRecord{name, endpoints};
}

Result<void> Registry::remove_server(const ServerName& name) {
    auto transaction = Transaction::begin(database_);
    if (!transaction) return pass_on(transaction);
    const auto id = need_server(database_, name);
    if (!id) return pass_on(id);
    const auto routed = read_one<std::string>(database_, find_routed_owner, {*id},
                                              [](RowReader& row) { return std::optional(row.text()); });
    if (!routed) return pass_on(routed);
    if (*routed) {
        return client_error("the repositories of " + **routed + " are on " + name.text() +
                            ": route them elsewhere first (`gerve route list`)");
    }
    if (const auto removed = database_.execute(delete_endpoints, {*id}); !removed) return pass_on(removed);
    if (const auto removed = database_.execute(delete_server, {*id}); !removed) return pass_on(removed);
    return transaction->commit();
}

Result<std::vector<ServerRecord>> Registry::list_servers() {
    return list_all(database_);
}

Result<Outcome> Registry::set_route(const Login& owner, const ServerName& server) {
    auto transaction = Transaction::begin(database_);
    if (!transaction) return pass_on(transaction);
    const auto account = need_account(database_, owner);
    if (!account) return pass_on(account);
    const auto id = need_server(database_, server);
    if (!id) return pass_on(id);
    const auto before = read_one<std::int64_t>(database_, find_route, {number_of(account->id)},
                                               [](RowReader& row) { return std::optional(row.integer()); });
    if (!before) return pass_on(before);
    if (*before == *id) return Outcome::already;
    const auto removed = change_in_turn(database_, delete_route, {number_of(account->id)});
    if (!removed) return pass_on(removed);
    const auto added = must_change(database_, insert_route, {number_of(account->id), *id},
                                   "the route was changed at the same time: try again");
    if (!added) return pass_on(added);
    if (auto committed = transaction->commit(); !committed) return pass_on(committed);
    return Outcome::done;
}

Result<void> Registry::remove_route(const Login& owner) {
    const auto account = need_account(database_, owner);
    if (!account) return pass_on(account);
    const auto removed = must_change(database_, delete_route, {number_of(account->id)},
                                     account->login.text() + " has no route");
    if (!removed) return pass_on(removed);
    return {};
}

Result<std::vector<RouteRecord>> Registry::list_routes() {
    return read_all<RouteRecord>(database_, select_routes, {},
                                 [](RowReader& row) -> std::optional<RouteRecord> {
                                     auto owner = row.text_as(Login::parse);
                                     auto server = row.text_as(ServerName::parse);
                                     if (!row.good()) return std::nullopt;
                                     return RouteRecord{std::move(*owner), std::move(*server)};
                                 });
}

}  // namespace gerve
