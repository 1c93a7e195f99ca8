// The way to a MySQL server: several hosts, refusals at the door, TLS that must not fail open.
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <functional>
#include <thread>

#include "authz/base/clock.h"
#include "authz/base/fd.h"
#include "authz/store/mysql/mysql.h"
#include "tests/unit/authz/store/fixture.h"

using namespace gerve;
using namespace gerve::testing;

namespace {

unsigned port_under_test() {
    return static_cast<unsigned>(std::stoul(std::getenv("GERVE_TEST_MYSQL_PORT")));
}
std::string ca_under_test() {
    return std::getenv("GERVE_TEST_MYSQL_CA");
}

// Over TCP, as root, who may come from anywhere in these tests.
MysqlAccess over_tcp(const TemporarySchema& schema, const std::string& host) {
    must(schema.connect()->run_script(
        "CREATE USER IF NOT EXISTS 'tcp'@'%' IDENTIFIED BY 'secret';\nGRANT ALL ON *.* TO 'tcp'@'%';"));
    MysqlAccess access = schema.access();
    access.uri.hosts = {MysqlHost{"", host, port_under_test()}};
    access.user = "tcp";
    access.password = "secret";
    return access;
}

// A server on loopback that a test writes itself: `serve` is given each connection in turn, one by one.
class FakeServer {
  public:
    explicit FakeServer(std::function<void(int)> serve)
        : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        REQUIRE(::bind(socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
        REQUIRE(::listen(socket_.get(), 16) == 0);
        socklen_t size = sizeof address;
        ::getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&address), &size);
        port_ = ntohs(address.sin_port);
        thread_ = std::thread([this, serve = std::move(serve)] {
            while (true) {
                const Fd peer(::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC));
                if (!peer) return;
                serve(peer.get());
            }
        });
    }
    FakeServer(const FakeServer&) = delete;
    FakeServer& operator=(const FakeServer&) = delete;
    ~FakeServer() {
        ::shutdown(socket_.get(), SHUT_RDWR);
        thread_.join();
    }
    [[nodiscard]] MysqlAccess access() const {
        MysqlAccess access;
        access.uri = MysqlUri{{MysqlHost{"", "127.0.0.1", port_}}, "gerve"};
        access.user = "gerve";
        access.password = "not-to-be-told";
        return access;
    }

  private:
    Fd socket_;
    unsigned port_ = 0;
    std::thread thread_;
};

// The first packet of a server that has no TLS to offer (protocol version 10).
std::string greeting_without_tls() {
    using std::literals::operator""s;
    std::string body =
        "\x0a"
        "8.4.0\0"
        "\x01\0\0\0"
        "12345678\0"
        "\x00\xf7"
        "\x2d"
        "\x02\0"
        "\x08\0"
        "\x15"s;
    body += std::string(10, '\0') + std::string("123456789012\0", 13) +
            std::string("mysql_native_password\0", 22);
    std::string packet(1, static_cast<char>(body.size()));
    return packet + std::string(3, '\0') + body;
}

}  // namespace

TEST_CASE("a server that is mute when connected to costs the timeout of connecting") {
    FakeServer server([](int peer) {
        pollfd gone{peer, POLLRDHUP, 0};
        ::poll(&gone, 1, 5000);
    });
    const std::int64_t start = monotonic_now();
    const auto opened = open_mysql(server.access());
    REQUIRE_FALSE(opened.has_value());
    CHECK(opened.error().kind == ErrorKind::unavailable);
    CHECK(monotonic_now() - start < 2500);
}

TEST_CASE("the next host is tried when one refuses") {
    const TemporarySchema schema;
    MysqlAccess access = over_tcp(schema, "127.0.0.1");
    access.uri.hosts.insert(access.uri.hosts.begin(), MysqlHost{"", "127.0.0.1", 1});
    access.uri.hosts.push_back(MysqlHost{"", "127.0.0.1", 2});
    CHECK(must(must(open_mysql(access))->query({"one", "SELECT 1"}, {})).size() == 1);
    access.uri.hosts = {MysqlHost{"", "127.0.0.1", 1}, MysqlHost{"/nonexistent/sock", "", 0}};
    const auto none = open_mysql(access);
    REQUIRE_FALSE(none.has_value());
    CHECK(none.error().kind == ErrorKind::unavailable);
    CHECK(none.error().detail.find("/nonexistent/sock") != std::string::npos);
}

TEST_CASE("wrong credentials and a missing schema are an operator's to mend") {
    const TemporarySchema schema;
    MysqlAccess access = over_tcp(schema, "127.0.0.1");
    access.password = "wrong-secret";
    const std::string told = refusal(open_mysql(access));
    CHECK(told.find("password file") != std::string::npos);
    CHECK(told.find("tcp") != std::string::npos);
    CHECK(told.find("wrong-secret") == std::string::npos);
    access.password = "secret";
    access.uri.schema = "no_such_schema";
    CHECK(refusal(open_mysql(access)).find("no_such_schema") != std::string::npos);
}

TEST_CASE("too many connections are unavailable, never refused") {
    const TemporarySchema schema;
    const auto admin = schema.connect();
    must(
        admin->run_script("DROP USER IF EXISTS 'few'@'%';\nCREATE USER 'few'@'%' IDENTIFIED BY 'x' WITH "
                          "MAX_USER_CONNECTIONS 1;\n"
                          "GRANT ALL ON " +
                          schema.name() + ".* TO 'few'@'%';"));
    MysqlAccess access = over_tcp(schema, "127.0.0.1");
    access.user = "few";
    access.password = "x";
    const auto one = must(open_mysql(access));
    const auto two = open_mysql(access);
    REQUIRE_FALSE(two.has_value());
    CHECK(two.error().kind == ErrorKind::unavailable);
    CHECK(two.error().detail.find("1226") != std::string::npos);
}

TEST_CASE("with a CA file the connection is encrypted") {
    const TemporarySchema schema;
    MysqlAccess access = over_tcp(schema, "localhost");
    access.ca_file = ca_under_test();
    const auto database = must(open_mysql(access));
    const Rows rows = must(database->query({"tls", "SHOW STATUS LIKE 'Ssl_cipher'"}, {}));
    CHECK_FALSE(std::get<std::string>(rows.at(0).at(1)).empty());
}

TEST_CASE("a certificate for another host, or signed by another, is refused") {
    const TemporarySchema schema;
    // The certificate is for localhost. MariaDB's library of Debian 13 compares no name with 127.0.0.1
    // itself.
    MysqlAccess access = over_tcp(schema, "127.1");
    access.ca_file = ca_under_test();
    CHECK(refusal(open_mysql(access)).find("TLS") != std::string::npos);
    const std::string ca = ca_under_test();
    access.ca_file = ca.substr(0, ca.rfind('/')) + "/server.pem";
    for (const char* host : {"localhost", "127.0.0.1"}) {
        access.uri.hosts[0].host = host;
        CHECK(refusal(open_mysql(access)).find("TLS") != std::string::npos);
    }
    access.ca_file = "/nonexistent.pem";
    CHECK_FALSE(open_mysql(access).has_value());
}

TEST_CASE("a server without TLS is told nothing when a CA file is given") {
    std::string heard;
    {
        FakeServer server([&](int peer) {
            const std::string greeting = greeting_without_tls();
            REQUIRE(::send(peer, greeting.data(), greeting.size(), MSG_NOSIGNAL) > 0);
            char bytes[512];
            pollfd readable{peer, POLLIN, 0};
            ::poll(&readable, 1, 2000);
            const ssize_t size = ::read(peer, bytes, sizeof bytes);
            if (size > 0) heard.assign(bytes, static_cast<std::size_t>(size));
        });
        MysqlAccess access = server.access();
        access.ca_file = ca_under_test();
        CHECK(refusal(open_mysql(access)).find("TLS") != std::string::npos);
    }
    CHECK(heard.find("gerve") == std::string::npos);
    // The same server is spoken to without one: the test does not pass for want of a proper greeting.
    {
        FakeServer server([&](int peer) {
            const std::string greeting = greeting_without_tls();
            ::send(peer, greeting.data(), greeting.size(), MSG_NOSIGNAL);
            char bytes[512];
            const ssize_t size = ::read(peer, bytes, sizeof bytes);
            if (size > 0) heard.assign(bytes, static_cast<std::size_t>(size));
        });
        CHECK_FALSE(open_mysql(server.access()).has_value());
    }
    CHECK(heard.find("gerve") != std::string::npos);
}
