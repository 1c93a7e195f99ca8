#include "authz/wire/client.h"

#include <sys/socket.h>

#include <thread>

#include "authz/os/unix_socket.h"
#include "authz/wire/wire.h"
#include "tests/unit/authz/service/fixture.h"

using namespace gerve;
using namespace gerve::testing;

namespace {

constexpr std::chrono::milliseconds patience{200};

// Whether the call was unavailable, and in time.
template <class Call>
bool unavailable_in_time(Call call) {
    const auto start = monotonic_now();
    const auto result = call();
    return !result && result.error().kind == ErrorKind::unavailable && monotonic_now() - start < 1'000;
}

// Accepts one connection after the other and answers each with what `reply` makes of it.
class Impostor {
  public:
    Impostor(const std::string& path, std::function<std::string(const std::string&)> reply)
        : listener_(must(listen_unix(path, UnixSocketType::packets, 0600))),
          thread_([this, reply = std::move(reply)] { serve(reply); }) {
        must(set_nonblocking(listener_.get(), false));
    }
    ~Impostor() {
        ::shutdown(listener_.get(), SHUT_RDWR);
        thread_.join();
    }

  private:
    void serve(const std::function<std::string(const std::string&)>& reply) {
        while (true) {
            const Fd peer(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
            if (!peer && errno == EAGAIN) continue;
            if (!peer) return;
            std::string message(max_authz_message, '\0');
            const ssize_t got = ::recv(peer.get(), message.data(), message.size(), 0);
            if (got <= 0) continue;
            const std::string answer = reply(message.substr(0, static_cast<std::size_t>(got)));
            ::send(peer.get(), answer.data(), answer.size(), MSG_NOSIGNAL);
        }
    }
    Fd listener_;
    std::thread thread_;
};

}  // namespace

TEST_CASE("with no authz, with no place for one, or with a path too long: unavailable") {
    const TemporaryDirectory directory;
    for (const std::string& path :
         {directory.file("nobody"), std::string("/no/such/place"), directory.file(std::string(200, 'x'))}) {
        AuthzClient client(path, patience);
        CHECK(unavailable_in_time([&] { return client.ask(ask_key(1)); }));
        CHECK(unavailable_in_time([&] { return client.ask(ask_access("")); }));
        CHECK(unavailable_in_time([&] { return client.ask(make_report("")); }));
    }
}

TEST_CASE("an authz that hangs costs no more than the patience, and never a wrong answer") {
    const TemporaryDirectory directory;
    const Fd hung = must(listen_unix(directory.file("s"), UnixSocketType::packets, 0600));
    for (int i = 0; i < 3; ++i) {
        AuthzClient client(directory.file("s"), patience);
        CHECK(unavailable_in_time([&] { return client.ask(ask_key(1)); }));
    }
}

TEST_CASE("a full backlog is waited out, no longer than the patience") {
    const TemporaryDirectory directory;
    const Fd full = must(listen_unix(directory.file("s"), UnixSocketType::packets, 0600));
    REQUIRE(::listen(full.get(), 0) == 0);
    AuthzClient first(directory.file("s"), patience);
    AuthzClient second(directory.file("s"), patience);
    AuthzClient third(directory.file("s"), patience);
    CHECK(unavailable_in_time([&] { return first.ask(ask_key(1)); }));
    CHECK(unavailable_in_time([&] { return second.ask(ask_key(1)); }));
    CHECK(unavailable_in_time([&] { return third.ask(ask_key(1)); }));
}

TEST_CASE("answers that are not ours, or no answers, are unavailable") {
    for (const std::string& answer : {std::string("{\"id\":99,\"key\":null}"), std::string("nonsense"),
                                      std::string("{\"id\":1}"), std::string("{\"id\":1,\"key\":7}")}) {
        const TemporaryDirectory directory;
        const Impostor impostor(directory.file("s"), [&](const std::string&) { return answer; });
        AuthzClient client(directory.file("s"), patience);
        CHECK(unavailable_in_time([&] { return client.ask(ask_key(1)); }));
    }
}

TEST_CASE("a connection that ended between two questions is replaced without a word") {
    const TemporaryDirectory directory;
    const Impostor impostor(directory.file("s"), [&](const std::string& message) {
        return encode_reply(parse_request_id(message), std::optional<KeyFound>());
    });
    AuthzClient client(directory.file("s"), std::chrono::seconds(5));
    for (int i = 0; i < 5; ++i) CHECK(client.ask(ask_key(1)).has_value());
}
