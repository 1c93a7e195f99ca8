#include "gerve/metrics/metrics_server.h"

#include <sys/socket.h>

#include <asio/awaitable.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/redirect_error.hpp>
#include <asio/signal_set.hpp>
#include <asio/steady_timer.hpp>
#include <asio/use_awaitable.hpp>
#include <cerrno>

#include "authz/base/address.h"
#include "authz/base/log.h"
#include "authz/os/shared_page.h"
#include "gerve/loop/timer.h"
#include "gerve/loop/wait.h"
#include "gerve/metrics/exposition.h"
#include "gerve/metrics/http_places.h"
#include "gerve/metrics/http_request.h"
#include "gerve/process/confinement.h"
#include "gerve/process/control_words.h"
#include "gerve/process/master_line.h"
#include "gerve/relay/authz_link.h"

namespace gerve {
namespace {

using std::chrono::steady_clock;

constexpr unsigned max_connections = 256;
constexpr std::chrono::seconds request_patience{2};
constexpr std::chrono::seconds answer_patience{5};
constexpr int accepts_per_wake = 16;
constexpr std::chrono::milliseconds ready_patience{800};
constexpr std::chrono::milliseconds ready_life{250};  // so long one answer of authz serves all who ask
constexpr std::string_view plain_text = "text/plain; charset=utf-8";

template <class Numbers>
class PageOf {
  public:
    explicit PageOf(const Fd& page) {
        auto mapped = SharedPage::map(page, layout_of<Numbers>(), PageAccess::read);
        if (mapped) page_ = *mapped;
    }
    // Null: there is none, or it is of another version.
    [[nodiscard]] const Numbers* get() const {
        if (!page_ || !page_->matches(layout_of<Numbers>())) return nullptr;
        return static_cast<const Numbers*>(page_->content());
    }

  private:
    std::optional<SharedPage> page_;
};

struct HttpAnswer {
    std::string_view status;
    std::string_view type = plain_text;
    std::string body;
};

class MetricsServer {
  public:
    using Socket = asio::posix::stream_descriptor;

    MetricsServer(asio::io_context& loop, const Config& config, MetricsSockets sockets)
        : loop_(loop),
          gateway_(sockets.gateway_page),
          authz_(sockets.authz_page),
          link_(loop, config.authz_socket()),
          listener_(loop, sockets.listener.release()),
          control_(loop, sockets.control.release()),
          signals_(loop, SIGTERM, SIGINT) {}

    void start() {
        asio::co_spawn(loop_, accept(), asio::detached);
        asio::co_spawn(loop_, watch_master(), asio::detached);
        asio::co_spawn(loop_, watch_signals(), asio::detached);
        (void)::send(control_.native_handle(), "ready", 5, MSG_NOSIGNAL);
    }

  private:
    // The master says that the gateway drains, and whether maintenance is on; that it closes its end says
    // that it is gone.
    asio::awaitable<void> watch_master() {
        std::function<void(std::string_view)> on_word = [this](std::string_view word) { hear(word); };
        co_await hear_master(control_, std::move(on_word));
        leave();
    }

    void hear(std::string_view word) {
        if (word == draining_word) draining_ = true;
        if (word.starts_with(maintenance_word)) maintenance_ = word.size() > maintenance_word.size();
    }

    asio::awaitable<void> watch_signals() {
        asio::error_code failed;
        co_await signals_.async_wait(asio::redirect_error(asio::use_awaitable, failed));
        leave();
    }

    // Those who have been taken on get their answer first.
    void leave() {
        leaving_ = true;
        asio::error_code ignored;
        listener_.close(ignored);
        if (places_.empty()) loop_.stop();
    }

    asio::awaitable<void> accept() {
        while (!leaving_) {
            const bool ready = co_await wait_ready(listener_, listener_.wait_read);
            if (!ready) co_return;
            if (!accept_some()) co_await pause_for(std::chrono::milliseconds(100));
        }
    }

    // False: the system has no more descriptors or memory; try again later rather than at once.
    bool accept_some() {
        for (int i = 0; i < accepts_per_wake; ++i) {
            sockaddr_storage peer{};
            socklen_t size = sizeof peer;
            Fd socket(::accept4(listener_.native_handle(), reinterpret_cast<sockaddr*>(&peer), &size,
                                SOCK_NONBLOCK | SOCK_CLOEXEC));
            if (socket) {
                const auto address = IpAddress::of_socket(peer);
                if (address) take_on(std::move(socket), source_of(address->text()));
            } else if (errno != EINTR && errno != ECONNABORTED) {
                return errno == EAGAIN;
            }
        }
        return true;
    }

    void take_on(Fd fd, std::string source) {
        const auto socket = std::make_shared<Socket>(loop_, fd.release());
        const auto place = places_.enter(std::move(source), [socket] { hang_up(*socket); });
        asio::co_spawn(loop_, serve(socket, place), asio::detached);
    }

    // Ends whatever the conversation waits for.
    static void hang_up(Socket& socket) { ::shutdown(socket.native_handle(), SHUT_RDWR); }

    asio::awaitable<void> serve(std::shared_ptr<Socket> socket, HttpPlaces::Place place) {
        Timer deadline(loop_);
        const auto within = [&](std::chrono::seconds time) {
            deadline.arm(time, [socket] { hang_up(*socket); });
        };
        within(request_patience);
        const std::string request = co_await read_request(*socket);
        if (!request.empty()) {
            within(answer_patience);
            place->answering = true;
            const std::string reply = co_await answer(request);
            co_await write_all(*socket, reply);
            place->answering = false;
            co_await read_to_end(*socket);
        }
        deadline.cancel();
        places_.leave(place);
        if (leaving_ && places_.empty()) loop_.stop();
    }

    // Nothing: the peer went away, or was too slow.
    static asio::awaitable<std::size_t> read_some(Socket& socket, char* into, std::size_t size) {
        while (true) {
            const bool ready = co_await wait_ready(socket, socket.wait_read);
            if (!ready) co_return 0;
            const ssize_t got = ::recv(socket.native_handle(), into, size, MSG_DONTWAIT);
            if (got >= 0) co_return static_cast<std::size_t>(got);
            if (errno != EAGAIN && errno != EINTR) co_return 0;
        }
    }

    // Empty: there is none, or it is longer than any that belongs here.
    static asio::awaitable<std::string> read_request(Socket& socket) {
        std::string request;
        char buffer[2048];
        while (!is_whole_http_request(request)) {
            const std::size_t got = co_await read_some(socket, buffer, sizeof buffer);
            if (got == 0 || request.size() + got > max_http_request) co_return std::string();
            request.append(buffer, got);
        }
        co_return request;
    }

    // A socket that is closed while the peer still sends would take the answer away from it.
    static asio::awaitable<void> read_to_end(Socket& socket) {
        ::shutdown(socket.native_handle(), SHUT_WR);
        char buffer[2048];
        for (std::size_t all = 0; all < max_http_request;) {
            const std::size_t got = co_await read_some(socket, buffer, sizeof buffer);
            if (got == 0) co_return;
            all += got;
        }
    }

    static asio::awaitable<void> write_all(Socket& socket, const std::string& text) {
        std::size_t sent = 0;
        while (sent < text.size()) {
            const ssize_t put = ::send(socket.native_handle(), text.data() + sent, text.size() - sent,
                                       MSG_NOSIGNAL | MSG_DONTWAIT);
            if (put > 0) {
                sent += static_cast<std::size_t>(put);
                continue;
            }
            if (put < 0 && errno != EAGAIN && errno != EINTR) co_return;
            const bool ready = co_await wait_ready(socket, socket.wait_write);
            if (!ready) co_return;
        }
    }

    asio::awaitable<std::string> answer(const std::string& text) {
        const auto request = parse_http_request(text);
        if (!request) co_return http_response("400 Bad Request", plain_text, "not an HTTP/1 request\n", true);
        const bool head = request->method == "HEAD";
        if (!head && request->method != "GET") {
            co_return http_response("405 Method Not Allowed", plain_text, "GET and HEAD only\n", true);
        }
        const HttpAnswer given = co_await answer_to(request->path);
        co_return http_response(given.status, given.type, given.body, !head);
    }

    asio::awaitable<HttpAnswer> answer_to(const std::string& path) {
        HttpAnswer given{.status = "200 OK", .body = ""};
        if (path == "/metrics") {
            given.type = "text/plain; version=0.0.4; charset=utf-8";
            given.body = expose(gateway_.get(), authz_.get(), maintenance_);
        } else if (path == "/healthz") {
            given.body = "alive\n";
        } else if (path == "/readyz") {
            const std::string_view why = co_await why_not_ready();
            const char* ready = maintenance_ ? "ready: maintenance is on\n" : "ready\n";
            given.body = why.empty() ? ready : std::string(why);
            if (!why.empty()) given.status = "503 Service Unavailable";
        } else {
            given.status = "404 Not Found";
            given.body = "/metrics, /healthz, /readyz\n";
        }
        co_return given;
    }

    // Empty: ready.
    asio::awaitable<std::string_view> why_not_ready() {
        if (draining_) co_return std::string_view("draining: no new connections are accepted\n");
        // A balancer that left us now would take from clients whom to hear it from.
        if (maintenance_) co_return std::string_view();
        co_await learn_readiness();
        switch (readiness_) {
            case AuthzLink::Readiness::ready: break;
            case AuthzLink::Readiness::directory_away:
                co_return std::string_view("the directory's database does not answer authz\n");
            case AuthzLink::Readiness::authz_away: co_return std::string_view("authz does not answer\n");
        }
        co_return std::string_view();
    }

    // One question serves all who ask meanwhile, and for a while after.
    asio::awaitable<void> learn_readiness() {
        while (asking_) {
            asio::error_code answered;
            co_await answered_.async_wait(asio::redirect_error(asio::use_awaitable, answered));
        }
        if (steady_clock::now() - asked_ <= ready_life) co_return;
        asking_ = true;
        readiness_ = co_await link_.ready(ready_patience);
        asked_ = steady_clock::now();
        asking_ = false;
        answered_.cancel();
    }

    asio::io_context& loop_;
    PageOf<GatewayMetrics> gateway_;
    PageOf<AuthzMetrics> authz_;
    AuthzLink link_;
    asio::posix::stream_descriptor listener_;
    asio::posix::stream_descriptor control_;
    asio::signal_set signals_;
    HttpPlaces places_{max_connections};
    bool draining_ = false;
    bool maintenance_ = false;
    bool leaving_ = false;
    steady_clock::time_point asked_{};
    bool asking_ = false;
    asio::steady_timer answered_{loop_, steady_clock::time_point::max()};  // its end is the news
    AuthzLink::Readiness readiness_ = AuthzLink::Readiness::authz_away;
};

}  // namespace

int run_metrics(const Config& config, MetricsSockets sockets) {
    log::start("metrics", config.log.level);
    asio::io_context loop(1);
    if (auto set = set_nonblocking(sockets.listener.get(), true); !set) {
        log::error("cannot start", {{"why", describe(set.error())}});
        return 1;
    }
    MetricsServer server(loop, config, std::move(sockets));
    auto confined = give_up_rights(config.authz.worker_user);
    if (confined) confined = confine();
    if (!confined) {
        log::error("cannot start", {{"why", describe(confined.error())}});
        return 1;
    }
    server.start();
    loop.run();
    return 0;
}

}  // namespace gerve
