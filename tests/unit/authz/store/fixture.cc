#include "tests/unit/authz/store/fixture.h"

#include <cstdlib>
#include <filesystem>

#include "authz/base/text.h"
#include "authz/store/schema.h"
#include "authz/store/sqlite/sqlite.h"

namespace gerve::testing {

UnixMillis test_now = 1'700'000'000'000;

TemporaryDirectory::TemporaryDirectory() {
    std::string pattern = std::filesystem::temp_directory_path() / "gerve-test-XXXXXX";
    REQUIRE(::mkdtemp(pattern.data()) != nullptr);
    path_ = pattern;
}

TemporaryDirectory::~TemporaryDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
}

std::optional<MysqlAccess> server_under_test() {
    const char* socket = std::getenv("GERVE_TEST_MYSQL_SOCKET");
    if (socket == nullptr) return std::nullopt;
    MysqlAccess access;
    access.uri = MysqlUri{{MysqlHost{socket, "", 0}}, "mysql"};
    access.user = "root";
    access.io_timeout = std::chrono::seconds(60);
    access.statement_timeout = std::chrono::seconds(60);
    return access;
}

TemporarySchema::TemporarySchema() : access_(server_under_test().value()) {
    static unsigned last = 0;
    const auto server = must(open_mysql(access_));
    access_.uri.schema = "gerve_test_" + std::to_string(++last);
    must(server->run_script("DROP DATABASE IF EXISTS " + name() + ";\nCREATE DATABASE " + name() + ";"));
}

TemporarySchema::~TemporarySchema() {
    auto server = open_mysql(access_);
    if (server) (void)(*server)->run_script("DROP DATABASE " + name());
}

std::unique_ptr<Database> TemporarySchema::connect() const {
    return must(open_mysql(access_));
}

Store::Store()
    : schema_(server_under_test() ? std::make_unique<TemporarySchema>() : nullptr), database_(connect()) {
    REQUIRE(must(migrate_schema(*database_)) == 0);
}

std::unique_ptr<Database> Store::connect() const {
    if (schema_) return schema_->connect();
    return must(open_sqlite(directory_.file("gerve.db"), SqliteMode::read_write, std::chrono::seconds(5)));
}

void Store::by_hand(const std::string& sql) {
    must(database_->run_script(sql));
}

PublicKey make_key(unsigned n, const std::string& comment) {
    std::string blob("\0\0\0\x0bssh-ed25519\0\0\0\x20", 19);
    blob += std::string(28, 'k');
    for (int shift = 24; shift >= 0; shift -= 8) blob += static_cast<char>(n >> shift & 0xff);
    return PublicKey::parse_line("ssh-ed25519 " + to_base64(blob) + " " + comment).value();
}

}  // namespace gerve::testing
