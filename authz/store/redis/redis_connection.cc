#include "authz/store/redis/redis_connection.h"

#include <fcntl.h>
#include <hiredis/hiredis.h>
#include <poll.h>
#ifdef GERVE_REDIS_TLS
#include <arpa/inet.h>
#include <hiredis/hiredis_ssl.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#endif

#include <csignal>
#include <mutex>

#include "authz/base/text.h"

namespace gerve {
namespace {

using std::chrono::steady_clock;

// No route and no sentinel's answer is longer; what is would be read for nothing.
constexpr std::size_t max_unread = 64 * 1024;
constexpr std::size_t max_list = 4096;
constexpr int max_depth = 4;

struct FreeReply {
    void operator()(redisReply* reply) const { ::freeReplyObject(reply); }
};

timeval as_timeval(std::chrono::milliseconds time) {
    return {time.count() / 1000, time.count() % 1000 * 1000};
}

// False: the deadline came first. A descriptor in error counts as ready: reading it tells the error.
bool wait_for(int fd, short events, steady_clock::time_point deadline) {
    while (true) {
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - steady_clock::now());
        if (left.count() <= 0) return false;
        pollfd polled{fd, events, 0};
        if (::poll(&polled, 1, static_cast<int>(left.count())) > 0) return true;
    }
}

RedisReply copy(const redisReply& from, int depth = 0) {
    RedisReply reply;
    switch (from.type) {
        case REDIS_REPLY_STRING: reply.kind = RedisReply::Kind::text; break;
        case REDIS_REPLY_STATUS: reply.kind = RedisReply::Kind::status; break;
        case REDIS_REPLY_ERROR: reply.kind = RedisReply::Kind::error; break;
        case REDIS_REPLY_NIL: return reply;
        case REDIS_REPLY_INTEGER:
            reply.kind = RedisReply::Kind::number;
            reply.number = from.integer;
            return reply;
        case REDIS_REPLY_ARRAY:
            reply.kind = RedisReply::Kind::list;
            for (std::size_t i = 0; i < from.elements && i < max_list && depth < max_depth; ++i) {
                reply.list.push_back(copy(*from.element[i], depth + 1));
            }
            return reply;
        default:  // a type of a later protocol, which was not asked for
            reply.kind = RedisReply::Kind::error;
            reply.text = "ERR unknown type of reply";
            return reply;
    }
    reply.text.assign(from.str, from.len);
    return reply;
}

#ifdef GERVE_REDIS_TLS
// hiredis itself checks no host name, so the SSL object is made here.
std::string start_tls(redisContext& context, const Endpoint& address, const std::string& ca_file) {
    SSL_CTX* settings = ::SSL_CTX_new(::TLS_client_method());
    if (settings == nullptr) return "no TLS context";
    ::SSL_CTX_set_min_proto_version(settings, TLS1_2_VERSION);
    ::SSL_CTX_set_verify(settings, SSL_VERIFY_PEER, nullptr);
    const bool trusted = ::SSL_CTX_load_verify_locations(settings, ca_file.c_str(), nullptr) == 1;
    SSL* ssl = trusted ? ::SSL_new(settings) : nullptr;
    ::SSL_CTX_free(settings);  // counted; `ssl` holds it
    if (!trusted) return "cannot read " + ca_file;
    if (ssl == nullptr) return "no TLS session";
    in6_addr numeric{};
    X509_VERIFY_PARAM* wanted = ::SSL_get0_param(ssl);
    const bool is_numeric = ::inet_pton(AF_INET, address.host().c_str(), &numeric) == 1 ||
                            ::inet_pton(AF_INET6, address.host().c_str(), &numeric) == 1;
    const int named = is_numeric ? ::X509_VERIFY_PARAM_set1_ip_asc(wanted, address.host().c_str())
                                 : ::SSL_set1_host(ssl, address.host().c_str());
    if (!is_numeric) (void)SSL_set_tlsext_host_name(ssl, address.host().c_str());
    if (named != 1) {
        ::SSL_free(ssl);
        return "not a host name";
    }
    return ::redisInitiateSSL(&context, ssl) == REDIS_OK ? "" : "TLS: " + printable(context.errstr);
}
#endif

}  // namespace

struct RedisConnection::Context {
    redisContext* hiredis;
};

void RedisConnection::Close::operator()(Context* context) const {
    if (context->hiredis != nullptr) ::redisFree(context->hiredis);
    delete context;
}

std::string_view redis_error_word(const RedisReply& reply) {
    return std::string_view(reply.text).substr(0, reply.text.find(' '));
}

bool redis_has_tls() {
#ifdef GERVE_REDIS_TLS
    return true;
#else
    return false;
#endif
}

tl::unexpected<Error> RedisConnection::give_up(std::string_view tried, std::string_view why) {
    // `why` may lie in the context.
    std::string detail = "redis " + address_.text() + ": " + std::string(tried) + ": " + printable(why);
    context_.reset();
    return unavailable(std::move(detail));
}

Result<RedisConnection> RedisConnection::connect(const Endpoint& address, const RedisLogin& login) {
    // hiredis writes with write(2): a server that went away would end the process.
    static std::once_flag once;
    std::call_once(once, [] { std::signal(SIGPIPE, SIG_IGN); });

    const timeval patience = as_timeval(redis_patience);
    redisContext* context = address.kind() == Endpoint::Kind::unix_socket
                                ? ::redisConnectUnixWithTimeout(address.host().c_str(), patience)
                                : ::redisConnectWithTimeout(address.host().c_str(), address.port(), patience);
    RedisConnection connection(address, std::unique_ptr<Context, Close>(new Context{context}));
    if (context == nullptr) return connection.give_up("connect", "out of memory");
    if (context->err != 0) return connection.give_up("connect", context->errstr);
    ::fcntl(context->fd, F_SETFD, FD_CLOEXEC);
    ::redisSetTimeout(context, patience);
    if (login.ca_file.empty()) return connection;
#ifdef GERVE_REDIS_TLS
    const std::string wrong = start_tls(*context, address, login.ca_file);
    if (!wrong.empty()) return connection.give_up("connect", wrong);
    return connection;
#else
    return connection.give_up("connect", "this program was built without TLS for Redis (hiredis_ssl)");
#endif
}

Result<RedisConnection> RedisConnection::open(const Endpoint& address, const RedisLogin& login) {
    auto connection = connect(address, login);
    if (!connection) return connection;
    if (auto logged_in = connection->log_in(login); !logged_in) return pass_on(logged_in);
    if (auto lives = connection->ping(); !lives) return pass_on(lives);
    return connection;
}

Result<void> RedisConnection::log_in(const RedisLogin& login) {
    if (login.password.view().empty()) return {};
    const auto reply = login.user.empty() ? ask({"AUTH", login.password.view()})
                                          : ask({"AUTH", login.user, login.password.view()});
    if (!reply) return pass_on(reply);
    if (reply->kind != RedisReply::Kind::status) return give_up("AUTH", reply->text);
    return {};
}

Result<void> RedisConnection::ping() {
    const auto reply = ask({"PING"});
    if (!reply) return pass_on(reply);
    if (reply->kind != RedisReply::Kind::status || reply->text != "PONG") return give_up("PING", reply->text);
    return {};
}

Result<RedisReply> RedisConnection::ask(std::initializer_list<std::string_view> words) {
    const std::string_view command = *words.begin();
    if (!context_) return unavailable("redis " + address_.text() + ": the connection is closed");
    redisContext* context = context_->hiredis;
    // Nothing was asked, so what is there to read is the end of the connection or belongs to nobody.
    if (pollfd polled{context->fd, POLLIN, 0}; ::poll(&polled, 1, 0) != 0) {
        return give_up(command, "the connection was closed or sent an unexpected reply");
    }
    std::vector<const char*> starts;
    std::vector<std::size_t> sizes;
    for (const std::string_view word : words) {
        starts.push_back(word.data());
        sizes.push_back(word.size());
    }
    if (::redisAppendCommandArgv(context, static_cast<int>(words.size()), starts.data(), sizes.data()) !=
        REDIS_OK) {
        return give_up(command, context->errstr);
    }
    // hiredis's own timeout is for each read(2) anew, so that a server which drips would never meet it.
    const auto deadline = steady_clock::now() + redis_patience;
    for (int sent = 0; sent == 0;) {
        if (!wait_for(context->fd, POLLOUT, deadline)) return give_up(command, "no reply in time");
        if (::redisBufferWrite(context, &sent) != REDIS_OK) return give_up(command, context->errstr);
    }
    void* reply = nullptr;
    while (true) {
        if (::redisGetReplyFromReader(context, &reply) != REDIS_OK) return give_up(command, context->errstr);
        if (reply != nullptr) break;
        overran_ = context->reader->len > max_unread;
        if (overran_) return give_up(command, "the reply is too long");
        if (!wait_for(context->fd, POLLIN, deadline)) return give_up(command, "no reply in time");
        if (::redisBufferRead(context) != REDIS_OK) return give_up(command, context->errstr);
    }
    const std::unique_ptr<redisReply, FreeReply> owned(static_cast<redisReply*>(reply));
    if (context->reader->pos < context->reader->len) return give_up(command, "more replies than commands");
    return copy(*owned);
}

}  // namespace gerve
