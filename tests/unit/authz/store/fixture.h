// A fresh directory for one test case, on the database that the run is about.
#pragma once

#include <doctest/doctest.h>

#include <string>

#include "authz/store/directory.h"
#include "authz/store/mysql/mysql.h"
#include "authz/store/registry.h"

namespace gerve::testing {

// A directory that goes with its owner.
class TemporaryDirectory {
  public:
    TemporaryDirectory();
    TemporaryDirectory(const TemporaryDirectory&) = delete;
    TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
    ~TemporaryDirectory();
    [[nodiscard]] std::string file(const std::string& name) const { return path_ + "/" + name; }
    [[nodiscard]] const std::string& path() const { return path_; }

  private:
    std::string path_;
};

// What registries of the tests take for now; a test may move it.
extern UnixMillis test_now;

// The MySQL or MariaDB server that this run is about (with_server.py starts one); nothing: it is SQLite's.
[[nodiscard]] std::optional<MysqlAccess> server_under_test();

// A schema of its own on that server, which goes with its owner.
class TemporarySchema {
  public:
    TemporarySchema();
    TemporarySchema(const TemporarySchema&) = delete;
    TemporarySchema& operator=(const TemporarySchema&) = delete;
    ~TemporarySchema();
    // By the server's administrator.
    [[nodiscard]] const MysqlAccess& access() const { return access_; }
    [[nodiscard]] const std::string& name() const { return access_.uri.schema; }
    [[nodiscard]] std::unique_ptr<Database> connect() const;

  private:
    MysqlAccess access_;
};

// An empty database with the schema in it, in SQLite or on the server under test.
class Store {
  public:
    Store();
    [[nodiscard]] std::unique_ptr<Database> connect() const;
    [[nodiscard]] Database& database() { return *database_; }
    [[nodiscard]] Registry registry() {
        return Registry(*database_, [] { return test_now; });
    }
    [[nodiscard]] Directory directory() {
        return Directory(*database_, counters,
                         Route{*ServerName::parse("local"), {*Endpoint::parse("unix:/local.sock")}});
    }
    // Runs SQL as somebody would who repairs things by hand.
    void by_hand(const std::string& sql);

    QueryCounters counters;

  private:
    TemporaryDirectory directory_;
    std::unique_ptr<TemporarySchema> schema_;  // null: SQLite
    std::unique_ptr<Database> database_;
};

// The n-th of any number of different keys.
[[nodiscard]] PublicKey make_key(unsigned n, const std::string& comment = {});

[[nodiscard]] inline Login login(std::string_view text) {
    return Login::parse(text).value();
}
[[nodiscard]] inline RepoPath repo(std::string_view text) {
    return RepoPath::parse(text).value();
}
[[nodiscard]] inline TeamPath team(std::string_view text) {
    return TeamPath::parse(text).value();
}

// The value of a result that has to be good; the test ends with the error's text otherwise.
template <class T>
T must(Result<T> result) {
    REQUIRE_MESSAGE(result.has_value(), describe(result.error()));
    if constexpr (!std::is_void_v<T>) return std::move(*result);
}

// The text with which the administrator is refused.
template <class T>
std::string refusal(const Result<T>& result) {
    REQUIRE_FALSE(result.has_value());
    CHECK_MESSAGE(result.error().kind == ErrorKind::client, describe(result.error()));
    return result.error().told;
}

}  // namespace gerve::testing
