#include "authz/store/redis/redis_editor.h"

#include <set>

#include "authz/base/text.h"

namespace gerve {
namespace {

// `prefix*` as SCAN's MATCH: the prefix's own letters are no pattern.
std::string pattern_of(const std::string& prefix) {
    std::string pattern;
    for (const char c : prefix) {
        if (std::string_view("*?[]\\^-").find(c) != std::string_view::npos) pattern += '\\';
        pattern += c;
    }
    return pattern + "*";
}

std::string shown(const RedisReply& reply) {
    return printable(reply.text, 80);
}

}  // namespace

Result<RedisEditor> RedisEditor::open(const RedisConfig& config) {
    const auto settings = RedisSettings::make(config);
    if (!settings) return pass_on(settings);
    auto connection = open_redis(*settings);
    if (!connection) return pass_on(connection);
    return RedisEditor(std::move(*connection), settings->prefix);
}

Result<void> RedisEditor::change(std::initializer_list<std::string_view> words) {
    const auto reply = connection_.ask(words);
    if (!reply) return pass_on(reply);
    if (reply->kind == RedisReply::Kind::error) {
        return client_error("redis " + connection_.address().text() + " refuses " +
                            std::string(*words.begin()) + ": " + shown(*reply));
    }
    return {};
}

Result<void> RedisEditor::set(const Login& owner, const ServerName& server) {
    return change({"SET", prefix_ + owner.folded(), server.text()});
}

Result<void> RedisEditor::remove(const Login& owner) {
    return change({"DEL", prefix_ + owner.folded()});
}

Result<std::optional<RouteDifference>> RedisEditor::compare_one(const RouteRecord& route, bool repair) {
    const auto reply = connection_.ask({"GET", prefix_ + route.owner.folded()});
    if (!reply) return pass_on(reply);
    if (reply->kind == RedisReply::Kind::text && reply->text == route.server.text()) return std::nullopt;
    RouteDifference difference{route.owner.folded(), std::nullopt, route.server, {}};
    if (reply->kind != RedisReply::Kind::nil) difference.was = shown(*reply);
    if (!repair) return difference;
    const auto repaired = set(route.owner, route.server);
    if (!repaired && repaired.error().kind == ErrorKind::unavailable) return pass_on(repaired);
    if (!repaired) difference.failure = repaired.error().told;
    return difference;
}

Result<void> RedisEditor::look_for_strays(const std::vector<RouteRecord>& table, bool repair,
                                          RouteComparison& found) {
    std::set<std::string> known;
    for (const RouteRecord& route : table) known.insert(prefix_ + route.owner.folded());
    std::string cursor = "0";
    do {
        const auto page = connection_.ask({"SCAN", cursor, "MATCH", pattern_of(prefix_), "COUNT", "500"});
        if (!page) return pass_on(page);
        if (page->kind != RedisReply::Kind::list || page->list.size() != 2) {
            found.unseen = shown(*page);
            return {};
        }
        cursor = page->list[0].text;
        for (const RedisReply& key : page->list[1].list) {
            if (!key.text.starts_with(prefix_) || !known.insert(key.text).second) continue;
            const auto value = connection_.ask({"GET", key.text});
            if (!value) return pass_on(value);
            RouteDifference stray{
                printable(key.text.substr(prefix_.size()), 80), shown(*value), std::nullopt, {}};
            const auto removed = repair ? change({"DEL", key.text}) : Result<void>{};
            if (!removed && removed.error().kind == ErrorKind::unavailable) return removed;
            if (!removed) stray.failure = removed.error().told;
            found.differences.push_back(std::move(stray));
        }
    } while (cursor != "0");
    return {};
}

Result<RouteComparison> RedisEditor::compare(const std::vector<RouteRecord>& table, bool repair) {
    RouteComparison found;
    for (const RouteRecord& route : table) {
        auto difference = compare_one(route, repair);
        if (!difference) return pass_on(difference);
        ++found.compared;
        if (*difference) found.differences.push_back(std::move(**difference));
    }
    if (auto looked = look_for_strays(table, repair, found); !looked) return pass_on(looked);
    return found;
}

}  // namespace gerve
