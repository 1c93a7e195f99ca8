#include "authz/state_directory.h"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "authz/model/ticket.h"
#include "tests/unit/temporary.h"

using namespace gerve;

namespace {

mode_t mode_of(const std::string& path) {
    struct stat status {};
    return ::stat(path.c_str(), &status) == 0 ? status.st_mode & 07777 : 0;
}

}  // namespace

TEST_CASE("the state directory is made private, and one that others may write into is refused") {
    const TemporaryDirectory temporary;
    const std::string state = temporary.path + "/a/b/state";
    REQUIRE(make_state_directory(state).has_value());
    CHECK(mode_of(state) == 0700);
    CHECK(make_state_directory(state).has_value());
    ::chmod(state.c_str(), 0770);
    const auto refused = make_state_directory(state);
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().detail == state + " is writable by other users; chmod 700 " + state);
    CHECK_FALSE(make_state_directory("/dev/null/state").has_value());
}

TEST_CASE("ticket key and agent configuration are made, private, and the key is made once") {
    const TemporaryDirectory temporary;
    Config config = *parse_config("", "");
    config.state = temporary.path;
    REQUIRE(make_ticket_key(config).has_value());
    const std::string key = *read_secret_file(config.local_ticket_key());
    CHECK(TicketKey::parse(key).has_value());
    REQUIRE(make_ticket_key(config).has_value());
    CHECK(*read_secret_file(config.local_ticket_key()) == key);
    REQUIRE(make_agent_files(config).has_value());
    CHECK(mode_of(config.local_agent_root()) == 0700);
    CHECK(read_file(agent_config_file(config))->find("root = \"" + temporary.path + "/repositories\"") !=
          std::string::npos);
}

TEST_CASE("one master for each state directory") {
    const TemporaryDirectory temporary;
    {
        const auto first = StateLock::take(temporary.path);
        REQUIRE(first.has_value());
        CHECK_FALSE(first->predecessor_died());
        const auto second = StateLock::take(temporary.path);
        REQUIRE_FALSE(second.has_value());
        CHECK(second.error().detail == "another `gerve serve` (process " + std::to_string(::getpid()) +
                                           ") is using the state directory " + temporary.path +
                                           "; stop it, or choose another directory with --state");
    }
    CHECK_FALSE(StateLock::take(temporary.path)->predecessor_died());
    REQUIRE(write_file(temporary.path + "/lock", "4711\n", 0600).has_value());
    CHECK(StateLock::take(temporary.path)->predecessor_died());
}
