// RedisConnection: one connection to Redis, on which each command has a deadline that holds whatever comes
// back.
#pragma once

#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "authz/base/digest.h"
#include "authz/base/result.h"
#include "authz/model/route.h"

namespace gerve {

// For connecting with its login, and for each command: in all, not per byte.
constexpr std::chrono::milliseconds redis_patience{200};

struct RedisReply {
    enum class Kind { nil, text, status, number, error, list };
    Kind kind = Kind::nil;
    std::string text;         // of text, status and error
    std::int64_t number = 0;  // of number
    std::vector<RedisReply> list;
};

// What an error reply begins with: "LOADING", "WRONGPASS", "NOPERM", "MOVED" …
[[nodiscard]] std::string_view redis_error_word(const RedisReply& reply);

struct RedisLogin {
    std::string user;     // empty: Redis's user `default`
    Secret password{""};  // empty: no AUTH is sent
    std::string ca_file;  // empty: no TLS; otherwise the certificate must be good for the host name
};

// Whether this program was built with a hiredis that can do TLS.
[[nodiscard]] bool redis_has_tls();

// Used by one thread at a time. Over hiredis 0.14 and 1.x.
class RedisConnection {
  public:
    // Connects, starts TLS, logs in and sends a PING: a stopped server accepts connections, so nothing less
    // tells that it lives. A host name is resolved first, and that has no deadline but the resolver's own.
    // Error: unavailable; the detail names address and reason and holds no secret.
    [[nodiscard]] static Result<RedisConnection> open(const Endpoint& address, const RedisLogin& login);
    // The same without login and PING, for whoever wants to know which of them fails, and for sentinels.
    [[nodiscard]] static Result<RedisConnection> connect(const Endpoint& address, const RedisLogin& login);
    [[nodiscard]] Result<void> log_in(const RedisLogin& login);
    [[nodiscard]] Result<void> ping();

    // One command, one reply; an error reply is a reply. Error: unavailable, and the connection is closed for
    // good: a late reply would be taken for that of the next command.
    [[nodiscard]] Result<RedisReply> ask(std::initializer_list<std::string_view> words);

    // Whether the last command failed since its answer was too long: the value's fault, not the server's.
    [[nodiscard]] bool overran() const { return overran_; }

    [[nodiscard]] const Endpoint& address() const { return address_; }

  private:
    struct Context;  // hiredis's
    struct Close {
        void operator()(Context* context) const;
    };
    RedisConnection(Endpoint address, std::unique_ptr<Context, Close> context)
        : address_(std::move(address)), context_(std::move(context)) {}
    [[nodiscard]] tl::unexpected<Error> give_up(std::string_view tried, std::string_view why);

    Endpoint address_;
    std::unique_ptr<Context, Close> context_;  // null after an error
    bool overran_ = false;
};

}  // namespace gerve
