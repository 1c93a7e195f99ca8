#include "authz/store/redis/redis_master.h"

#include "authz/base/fd.h"
#include "authz/base/text.h"

namespace gerve {
namespace {

Result<Endpoint> ask_sentinel(const Endpoint& sentinel, const RedisSettings& settings) {
    auto connection = RedisConnection::connect(sentinel, RedisLogin{});
    if (!connection) return pass_on(connection);
    const auto reply = connection->ask({"SENTINEL", "get-master-addr-by-name", settings.master});
    if (!reply) return pass_on(reply);
    const std::string who = "sentinel " + sentinel.text();
    if (reply->kind == RedisReply::Kind::nil) return unavailable(who + " knows no master " + settings.master);
    if (reply->kind != RedisReply::Kind::list || reply->list.size() != 2) {
        return unavailable(who + ": " + printable(reply->text.empty() ? "unexpected reply" : reply->text));
    }
    auto master = Endpoint::parse("tcp://[" + reply->list[0].text + "]:" + reply->list[1].text);
    if (!master) return unavailable(who + ": " + master.error().told);
    return master;
}

Result<void> expect_master(RedisConnection& connection) {
    const auto role = connection.ask({"ROLE"});
    if (!role) return pass_on(role);
    if (role->kind == RedisReply::Kind::error && redis_error_word(*role) == "NOPERM") return {};
    if (role->kind == RedisReply::Kind::list && !role->list.empty() && role->list[0].text == "master")
        return {};
    return unavailable("redis " + connection.address().text() + " is not the master");
}

}  // namespace

Result<RedisSettings> RedisSettings::make(const RedisConfig& config) {
    RedisSettings settings;
    settings.master = config.master;
    settings.prefix = config.prefix;
    auto texts = config.sentinels;
    if (!config.address.empty()) texts.push_back(config.address);
    for (const std::string& text : texts) {
        auto address = Endpoint::parse(text);
        if (!address) return pass_on(address);
        settings.addresses.push_back(std::move(*address));
    }
    if (!config.ca_file.empty() && !redis_has_tls()) {
        return client_error(
            "routes.redis.ca_file needs TLS, but this program was built without it (hiredis_ssl)");
    }
    std::string password;
    if (!config.password_file.empty()) {
        auto read = read_secret_file(config.password_file);
        if (!read) return pass_on(read);
        password = trim(*read);
        if (password.empty()) return internal_error(config.password_file + " is empty");
    } else if (!config.user.empty()) {
        return client_error("routes.redis.user is set without a password_file");
    }
    return RedisSettings{std::move(settings.addresses), config.master,
                         RedisLogin{config.user, Secret(std::move(password)), config.ca_file}, config.prefix};
}

Result<Endpoint> find_redis(const RedisSettings& settings) {
    if (settings.master.empty()) return settings.addresses.front();
    Error last{ErrorKind::unavailable, "", "no sentinel"};
    for (const Endpoint& sentinel : settings.addresses) {
        auto master = ask_sentinel(sentinel, settings);
        if (master) return master;
        last = master.error();
    }
    return tl::make_unexpected(std::move(last));
}

Result<RedisConnection> open_redis(const RedisSettings& settings) {
    const auto address = find_redis(settings);
    if (!address) return pass_on(address);
    auto connection = RedisConnection::open(*address, settings.login);
    if (!connection || settings.master.empty()) return connection;
    if (auto is_master = expect_master(*connection); !is_master) return pass_on(is_master);
    return connection;
}

}  // namespace gerve
