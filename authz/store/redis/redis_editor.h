// RedisEditor: what an administrator's commands change in Redis's routes; the table is the truth they follow.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "authz/store/records.h"
#include "authz/store/redis/redis_master.h"

namespace gerve {

// A key of Redis that did not say what the table says.
struct RouteDifference {
    std::string owner;               // folded; printable
    std::optional<std::string> was;  // Redis's value, printable; nothing: the key was missing
    std::optional<ServerName> is;    // the table's; nothing: the owner has no route
    std::string failure;             // why it could not be repaired; empty: it was, or was not to be
};

struct RouteComparison {
    std::size_t compared = 0;  // routes of the table
    std::vector<RouteDifference> differences;
    std::string
        unseen;  // why keys of owners without a route were not looked for (no +scan); empty: they were
};

// One connection, one thread. Errors: unavailable; client when Redis refuses a command (the text names it).
class RedisEditor {
  public:
    [[nodiscard]] static Result<RedisEditor> open(const RedisConfig& config);

    [[nodiscard]] Result<void> set(const Login& owner, const ServerName& server);
    [[nodiscard]] Result<void> remove(const Login& owner);

    // Compares every route of the table with Redis and, when `repair`, sets what differs and removes what the
    // table does not have. Keys are read one by one: an ACL of +get +set +ping is enough but for the
    // removals.
    [[nodiscard]] Result<RouteComparison> compare(const std::vector<RouteRecord>& table, bool repair);

  private:
    RedisEditor(RedisConnection connection, std::string prefix)
        : connection_(std::move(connection)), prefix_(std::move(prefix)) {}
    Result<void> change(std::initializer_list<std::string_view> words);
    Result<std::optional<RouteDifference>> compare_one(const RouteRecord& route, bool repair);
    Result<void> look_for_strays(const std::vector<RouteRecord>& table, bool repair, RouteComparison& found);

    RedisConnection connection_;
    std::string prefix_;
};

}  // namespace gerve
