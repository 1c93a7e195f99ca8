#include "authz/store/redis/redis_check.h"

#include "authz/base/text.h"
#include "authz/store/redis/redis_master.h"

namespace gerve {
namespace {

// No login begins with a dot.
constexpr const char* nobody = ".gerve-check";

class RedisCheck : FindingList {
  public:
    explicit RedisCheck(const RedisConfig& config) : config_(config) {}

    Findings run() {
        const auto settings = RedisSettings::make(config_);
        if (!settings) {
            wrong(describe(settings.error()), "correct [routes.redis]");
            return take();
        }
        if (const auto address = look_for(*settings)) reach(*address, *settings);
        return take();
    }

  private:
    std::optional<Endpoint> look_for(const RedisSettings& settings) {
        auto address = find_redis(settings);
        if (!address) {
            wrong(address.error().detail,
                  "check that one of routes.redis.sentinels is running and monitors \"" + settings.master +
                      "\" (SENTINEL MASTERS lists what it monitors)");
            return std::nullopt;
        }
        if (!settings.master.empty())
            good("the sentinels name " + address->text() + " as master " + settings.master);
        return *address;
    }

    void reach(const Endpoint& address, const RedisSettings& settings) {
        auto connection = RedisConnection::connect(address, settings.login);
        if (!connection) {
            return wrong(
                connection.error().detail,
                config_.ca_file.empty()
                    ? "check that Redis is running and listening there, and that no firewall is in between"
                    : "check that Redis is listening there with TLS (tls-port), that ca_file signed its "
                      "certificate, and that the certificate is for this host");
        }
        if (const auto logged_in = connection->log_in(settings.login); !logged_in) {
            return wrong(
                logged_in.error().detail,
                "compare routes.redis.user and password_file with ACL LIST (or requirepass) on the server");
        }
        if (const auto lives = connection->ping(); !lives) {
            return wrong(lives.error().detail, remedy_for_ping(lives.error().detail));
        }
        good("redis " + address.text() + " answers");
        check_secrecy(address);
        if (!check_role(*connection)) return;
        check_commands(*connection, settings);
    }

    [[nodiscard]] std::string remedy_for_ping(const std::string& text) const {
        if (text.find("NOAUTH") != std::string::npos) return "set routes.redis.password_file (and user)";
        if (text.find("NOPERM") != std::string::npos) return remedy_for_acl("+ping");
        if (text.find("LOADING") != std::string::npos) return "Redis is loading its data: wait";
        return "Redis accepts connections but does not answer: check whether it is stopped or overloaded";
    }

    void check_secrecy(const Endpoint& address) {
        const bool stays_here = address.kind() == Endpoint::Kind::unix_socket ||
                                address.host() == "localhost" || address.host() == "::1" ||
                                address.host().starts_with("127.");
        if (stays_here || !config_.ca_file.empty() || config_.password_file.empty()) return;
        warning("the password is sent to " + address.text() + " in plain text",
                "set routes.redis.ca_file, or use a network that nobody else can listen to");
    }

    // False: not the server to look into.
    bool check_role(RedisConnection& connection) {
        const auto role = connection.ask({"ROLE"});
        if (!role) {
            wrong(role.error().detail, "see the server's log");
            return false;
        }
        if (role->kind == RedisReply::Kind::error) {
            if (!config_.master.empty()) {
                warning("ROLE is refused: " + printable(role->text, 80),
                        "allow it (+role), so that a demoted master is noticed at once");
            }
            return true;
        }
        if (role->kind == RedisReply::Kind::list && !role->list.empty() && role->list[0].text == "master")
            return true;
        wrong("redis " + connection.address().text() + " is not a master",
              "set routes.redis.address to the master, or set sentinels and master");
        return false;
    }

    void check_commands(RedisConnection& connection, const RedisSettings& settings) {
        const std::string key = settings.prefix + nobody;
        const auto get = connection.ask({"GET", key});
        if (!get) return wrong(get.error().detail, "see the server's log");
        if (get->kind == RedisReply::Kind::error) {
            wrong("GET " + printable(key) + " is refused: " + printable(get->text, 80),
                  remedy_for_acl("+get"));
        }
        const auto set = connection.ask({"SET", key, "-", "PX", "1", "NX"});
        if (!set) return wrong(set.error().detail, "see the server's log");
        if (set->kind != RedisReply::Kind::error) return;
        if (redis_error_word(*set) == "NOPERM") {
            return warning("SET " + printable(key) +
                               " is refused: missing routes are not repaired, and `gerve route "
                               "set` needs another account",
                           remedy_for_acl("+set"));
        }
        wrong("SET " + printable(key) + " fails: " + printable(set->text, 80),
              "see the server's log and memory");
    }

    [[nodiscard]] std::string remedy_for_acl(const std::string& command) const {
        const std::string user = config_.user.empty() ? "default" : config_.user;
        return "ACL SETUSER " + user + " ~" + config_.prefix + "* " + command;
    }

    const RedisConfig& config_;
};

}  // namespace

Findings check_redis(const RedisConfig& config) {
    return RedisCheck(config).run();
}

}  // namespace gerve
