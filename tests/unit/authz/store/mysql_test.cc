// What is the MySQL directory's own: sessions, lost connections, time limits, several hosts, TLS.
#include "authz/store/mysql.h"

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <thread>

#include "authz/base/clock.h"
#include "authz/base/fd.h"
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

std::int64_t number(Database& database, std::string_view sql) {
    const Rows rows = must(database.query({"number", sql}, {}));
    return std::get<std::int64_t>(rows.at(0).at(0));
}
std::string text(Database& database, std::string_view sql) {
    const Rows rows = must(database.query({"text", sql}, {}));
    return std::get<std::string>(rows.at(0).at(0));
}

void kill_connection(const TemporarySchema& schema, std::int64_t id) {
    must(schema.connect()->run_script("KILL CONNECTION " + std::to_string(id)));
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
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
    std::string body(
        "\x0a"
        "8.4.0\0"
        "\x01\0\0\0"
        "12345678\0"
        "\x00\xf7"
        "\x2d"
        "\x02\0"
        "\x08\0"
        "\x15",
        31);
    body += std::string(10, '\0') + std::string("123456789012\0", 13) +
            std::string("mysql_native_password\0", 22);
    std::string packet(1, static_cast<char>(body.size()));
    return packet + std::string(3, '\0') + body;
}

}  // namespace

TEST_CASE("values of every type come back as they went") {
    const TemporarySchema schema;
    const auto database = schema.connect();
    must(
        database->run_script("CREATE TABLE t (id INT PRIMARY KEY AUTO_INCREMENT, a BIGINT, b VARCHAR(20),"
                             " c VARBINARY(20), d MEDIUMTEXT, e BOOLEAN)"));
    const std::string bytes("\0\xff'\"?\x80", 6);
    const std::string long_text(300'000, 'x');
    const Statement insert{"insert", "INSERT INTO t (a, b, c, d, e) VALUES (?, ?, ?, ?, ?)"};
    CHECK(must(database->execute(insert, {std::int64_t{-5}, std::string_view("x;--\xc3\xa9"), BlobView{bytes},
                                          std::string_view(long_text), std::int64_t{1}}))
              .inserted_id == 1);
    CHECK(must(database->execute(insert, {{}, std::string_view{}, BlobView{}, {}, {}})).inserted_id == 2);
    const Rows rows = must(database->query({"select", "SELECT a, b, c, d, e FROM t ORDER BY id"}, {}));
    REQUIRE(rows.size() == 2);
    CHECK((rows[0] == Row{std::int64_t{-5}, std::string("x;--\xc3\xa9"), bytes, long_text, std::int64_t{1}}));
    CHECK(
        (rows[1] == Row{std::monostate{}, std::string(), std::string(), std::monostate{}, std::monostate{}}));
    for (const char* sql : {"SELECT 1.5", "SELECT NOW()", "SELECT 1.5e0"}) {
        const auto odd = database->query({"odd", sql}, {});
        REQUIRE_FALSE(odd.has_value());
        CHECK(odd.error().kind == ErrorKind::unavailable);
    }
    CHECK_FALSE(database->broken());
}

TEST_CASE("the columns of a statement are told without running it") {
    const TemporarySchema schema;
    const auto database = schema.connect();
    must(database->run_script("CREATE TABLE t (a INT, b INT)"));
    const auto names = must(database->columns({"c", "SELECT b AS second, a FROM t WHERE a = ?"}));
    CHECK(names == std::vector<std::string>{"second", "a"});
    CHECK_FALSE(database->columns({"c", "SELECT nothing FROM t"}).has_value());
}

TEST_CASE("a session is set up as it has to be") {
    const TemporarySchema schema;
    const auto database = schema.connect();
    CHECK(text(*database, "SELECT @@SESSION.sql_mode").find("STRICT_ALL_TABLES") != std::string::npos);
    CHECK(text(*database, "SELECT @@SESSION.time_zone") == "+00:00");
    CHECK(text(*database, "SELECT @@character_set_client") == "utf8mb4");
    CHECK(text(*database, "SELECT @@character_set_results") == "utf8mb4");
    const bool mariadb = text(*database, "SELECT VERSION()").find("MariaDB") != std::string::npos;
    CHECK(text(*database, mariadb ? "SELECT @@SESSION.tx_isolation"
                                  : "SELECT @@SESSION.transaction_isolation") == "READ-COMMITTED");
}

TEST_CASE("what does not fit is refused, not cut") {
    const TemporarySchema schema;
    const auto database = schema.connect();
    must(database->run_script("CREATE TABLE t (a VARCHAR(3) UNIQUE, b INT CHECK (b < 10))"));
    const Statement insert{"insert", "INSERT INTO t (a, b) VALUES (?, ?)"};
    must(database->execute(insert, {std::string_view("abc"), std::int64_t{1}}));
    for (const auto& [a, b] : {std::pair("abcd", 1), std::pair("abc", 1), std::pair("x", 10)}) {
        const auto refused = database->execute(insert, {std::string_view(a), std::int64_t{b}});
        REQUIRE_FALSE(refused.has_value());
        CHECK(refused.error().kind == ErrorKind::client);
        CHECK_FALSE(database->broken());
    }
    CHECK(number(*database, "SELECT COUNT(*) FROM t") == 1);
    // An UPDATE counts what it matched, though nothing changed.
    CHECK(must(database->execute({"u", "UPDATE t SET b = 1 WHERE a = 'abc'"}, {})).rows == 1);
}

TEST_CASE("a read over a killed connection is answered all the same, and by its own statement") {
    const TemporarySchema schema;
    const auto database = schema.connect();
    const Statement first{"first", "SELECT 'first', ?"};
    const Statement second{"second", "SELECT 'second', ?"};
    for (int round = 0; round < 5; ++round) {
        // Prepared in turns, so that an old statement's id is another statement's on the new connection.
        const Statement& one = round % 2 == 0 ? first : second;
        const Statement& other = round % 2 == 0 ? second : first;
        CHECK(std::get<std::string>(must(database->query(one, {std::int64_t{1}}))[0][0]) == one.name);
        CHECK(std::get<std::string>(must(database->query(other, {std::int64_t{1}}))[0][0]) == other.name);
        const std::int64_t id = number(*database, "SELECT CONNECTION_ID()");
        kill_connection(schema, id);
        CHECK(std::get<std::string>(must(database->query(other, {std::int64_t{1}}))[0][0]) == other.name);
        CHECK(number(*database, "SELECT CONNECTION_ID()") != id);
        CHECK_FALSE(database->broken());
    }
}

TEST_CASE("neither a change nor a read within a transaction is tried twice") {
    const TemporarySchema schema;
    auto database = schema.connect();
    must(database->run_script("CREATE TABLE t (a INT)"));
    kill_connection(schema, number(*database, "SELECT CONNECTION_ID()"));
    const auto change = database->execute({"i", "INSERT INTO t VALUES (1)"}, {});
    REQUIRE_FALSE(change.has_value());
    CHECK(change.error().kind == ErrorKind::unavailable);
    CHECK(database->broken());
    CHECK_FALSE(database->query({"q", "SELECT 1"}, {}).has_value());  // it stays dropped

    database = schema.connect();
    {
        auto transaction = Transaction::begin(*database);
        REQUIRE(transaction.has_value());
        must(database->execute({"i", "INSERT INTO t VALUES (1)"}, {}));
        kill_connection(schema, number(*database, "SELECT CONNECTION_ID()"));
        CHECK_FALSE(database->query({"q", "SELECT 1"}, {}).has_value());
        CHECK_FALSE(transaction->commit().has_value());
    }
    CHECK(number(*schema.connect(), "SELECT COUNT(*) FROM t") == 0);
}

TEST_CASE("changes wait for each other, and a lost one leaves the way free") {
    const TemporarySchema schema;
    const auto first = schema.connect();
    const auto second = schema.connect();
    auto transaction = Transaction::begin(*first);
    REQUIRE(transaction.has_value());
    std::atomic<bool> through{false};
    std::thread waiting([&] {
        auto other = Transaction::begin(*second);
        through = other.has_value();
    });
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    CHECK_FALSE(through);
    kill_connection(schema, number(*first, "SELECT CONNECTION_ID()"));
    waiting.join();
    CHECK(through);
}

TEST_CASE("the server stops what takes too long, and the connection stays") {
    const TemporarySchema schema;
    MysqlAccess access = schema.access();
    access.statement_timeout = std::chrono::milliseconds(200);
    const auto database = must(open_mysql(access));
    const std::int64_t id = number(*database, "SELECT CONNECTION_ID()");
    const std::int64_t start = monotonic_now();
    const auto slow =
        database->query({"slow",
                         "SELECT COUNT(*) FROM information_schema.collations a,"
                         " information_schema.collations b, information_schema.collations c,"
                         " information_schema.collations d WHERE a.id + b.id + c.id + d.id = 7"},
                        {});
    REQUIRE_FALSE(slow.has_value());
    CHECK(slow.error().kind == ErrorKind::unavailable);
    CHECK(monotonic_now() - start < 900);
    CHECK_FALSE(database->broken());
    CHECK(number(*database, "SELECT CONNECTION_ID()") == id);
}

TEST_CASE("a stopped server costs one time-out, and the connection") {
    const TemporarySchema schema;
    MysqlAccess access = schema.access();
    access.io_timeout = std::chrono::seconds(1);
    const auto database = must(open_mysql(access));
    const auto server = static_cast<pid_t>(std::stoi(std::getenv("GERVE_TEST_MYSQL_PID")));
    REQUIRE(::kill(server, SIGSTOP) == 0);
    const std::int64_t start = monotonic_now();
    const auto answer = database->query({"q", "SELECT 1"}, {});
    const std::int64_t took = monotonic_now() - start;
    ::kill(server, SIGCONT);
    REQUIRE_FALSE(answer.has_value());
    CHECK(answer.error().kind == ErrorKind::unavailable);
    CHECK(database->broken());
    CHECK(took > 900);
    CHECK(took < 2500);
    CHECK(number(*schema.connect(), "SELECT 1") == 1);
}

TEST_CASE("a server that is mute when connected to costs the time-out of connecting") {
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
    CHECK(number(*must(open_mysql(access)), "SELECT 1") == 1);
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

TEST_CASE("the server cannot ask for our files") {
    const TemporarySchema schema;
    const auto database = schema.connect();
    must(database->run_script("CREATE TABLE t (a TEXT)"));
    CHECK_FALSE(database->run_script("LOAD DATA LOCAL INFILE '/etc/passwd' INTO TABLE t").has_value());
    CHECK(number(*schema.connect(), "SELECT COUNT(*) FROM t") == 0);
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
    MysqlAccess access = over_tcp(schema, "127.0.0.1");  // the certificate is for localhost
    access.ca_file = ca_under_test();
    CHECK(refusal(open_mysql(access)).find("TLS") != std::string::npos);
    access.uri.hosts[0].host = "localhost";
    const std::string ca = ca_under_test();
    access.ca_file = ca.substr(0, ca.rfind('/')) + "/server.pem";
    CHECK(refusal(open_mysql(access)).find("TLS") != std::string::npos);
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
