// What is the MySQL directory's own: sessions, lost connections, TLS, time limits, accounts, migrations.
#include "authz/store/mysql.h"

#include "tests/unit/authz/store/fixture.h"

using namespace gerve;
using namespace gerve::testing;

TEST_CASE("values of every type come back as they went") {
    const TemporarySchema schema;
    const auto database = schema.connect();
    must(database->run_script(
        "CREATE TABLE t (id INT PRIMARY KEY AUTO_INCREMENT, a BIGINT, b VARCHAR(20), c VARBINARY(20))"));
    const std::string bytes("\0\xff'\"?\x80", 6);
    const Statement insert{"insert", "INSERT INTO t (a, b, c) VALUES (?, ?, ?)"};
    CHECK(must(database->execute(insert, {std::int64_t{-5}, std::string_view("x;--"), BlobView{bytes}}))
              .inserted_id == 1);
    CHECK(must(database->execute(insert, {{}, std::string_view{}, BlobView{}})).inserted_id == 2);
    const Rows rows = must(database->query({"select", "SELECT a, b, c FROM t ORDER BY id"}, {}));
    REQUIRE(rows.size() == 2);
    CHECK((rows[0] == Row{std::int64_t{-5}, std::string("x;--"), bytes}));
    CHECK((rows[1] == Row{std::monostate{}, std::string(), std::string()}));
}
