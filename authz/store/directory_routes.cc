// Where an owner's repositories are: by the hint, or by the table.
#include "authz/base/clock.h"
#include "authz/base/log.h"
#include "authz/store/directory_answers.h"
#include "authz/store/directory_statements.h"
#include "authz/store/row_reader.h"

namespace gerve {
namespace {

using namespace directory_sql;

Result<std::optional<Route>> read_route(const Rows& rows, const std::optional<Route>& local) {
    if (rows.empty()) return unavailable("route: no row");
    std::optional<Route> route;
    for (const Row& columns : rows) {
        RowReader row(columns, route_statement);
        if (row.next_is_null()) {
            row.skip(2);
            const bool any_server = row.maybe_integer().has_value();
            if (!row.good()) return row.malformed();
            if (any_server) return std::nullopt;
            return local;
        }
        auto server = row.text_as(ServerName::parse);
        auto endpoint = row.text_as(Endpoint::parse);
        if (!row.good()) return row.malformed();
        if (!route) route = Route{std::move(*server), {}};
        route->endpoints.push_back(std::move(*endpoint));
    }
    return route;
}

Result<std::optional<Route>> read_server(const Rows& rows) {
    std::optional<Route> route;
    for (const Row& columns : rows) {
        RowReader row(columns, server_statement);
        auto server = row.text_as(ServerName::parse);
        auto endpoint = row.text_as(Endpoint::parse);
        if (!row.good()) return row.malformed();
        if (!route) route = Route{std::move(*server), {}};
        route->endpoints.push_back(std::move(*endpoint));
    }
    return route;
}

}  // namespace

Result<std::optional<Route>> Directory::find_server(const ServerName& name) {
    if (auto known = servers_->find(name)) return known;
    const Stopwatch watch(counters_.times(Query::server));
    const auto rows = ask(StatementKind::route, server_statement, {std::string_view(name.text())});
    auto found = rows ? read_server(*rows) : Result<std::optional<Route>>(pass_on(rows));
    auto route = counted(Query::server, about(std::move(found), name.text()));
    if (!route) return recall_server(name, route.error());
    if (*route && !(*route)->endpoints.empty())
        servers_->keep(**route);
    else
        servers_->forget(name);
    if (servers_->note_readable(true)) log::info("the endpoints of file servers can be read again");
    return route;
}

// The addresses of a file server seldom change: those known last are better than none.
Result<std::optional<Route>> Directory::recall_server(const ServerName& name, const Error& error) {
    auto known = servers_->recall(name);
    if (!known) return tl::make_unexpected(error);
    if (servers_->note_readable(false)) {
        log::warn("the endpoints of file servers cannot be read: using the last known ones",
                  {{"why", describe(error)}});
    }
    return known;
}

// Nothing, unless there is a hint and the directory knows the server that it names.
std::optional<Route> Directory::follow_hint(const Login& owner, bool& hint_is_missing) {
    const auto hint = [&] {
        const Turn turn(turns_, StatementKind::hint);
        if (!turn.taken()) return Result<std::optional<ServerName>>(no_turn(StatementKind::hint));
        const Stopwatch watch(counters_.times(Query::hint));
        return counted(Query::hint, hints_->find(owner));
    }();
    hint_is_missing = hint && !*hint;
    if (!hint || !*hint) return std::nullopt;
    auto route = find_server(**hint);
    if (route && *route && !(*route)->endpoints.empty()) return std::move(*route);
    return std::nullopt;
}

Result<std::optional<Route>> Directory::find_route_in_table(const Login& owner) {
    const Stopwatch watch(counters_.times(Query::route));
    const auto rows = ask(StatementKind::route, route_statement, {std::string_view(owner.folded())});
    auto route = rows ? read_route(*rows, local_) : Result<std::optional<Route>>(pass_on(rows));
    return counted(Query::route, about(std::move(route), owner.text()));
}

Result<std::optional<Route>> Directory::find_route(const Login& owner) {
    if (hints_ == nullptr) return find_route_in_table(owner);
    bool hint_is_missing = false;
    if (auto route = follow_hint(owner, hint_is_missing)) return route;
    auto route = find_route_in_table(owner);
    // `local` stands for having no servers at all; it is nobody's route.
    if (hint_is_missing && route && *route && (!local_ || (*route)->server != local_->server)) {
        hints_->learn(owner, (*route)->server);
    }
    return route;
}

}  // namespace gerve
