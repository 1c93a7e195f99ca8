#include "gerve/agent/agent_config.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>

namespace gerve {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

// A directory with a root and a ticket key.
class Place {
  public:
    Place() {
        char name[] = "/tmp/gerve-config-XXXXXX";
        path = ::mkdtemp(name);
        fs::create_directories(path + "/root");
        write_key("ticket.key", fs::perms::owner_read | fs::perms::owner_write);
    }
    ~Place() { fs::remove_all(path); }
    void write_key(const std::string& name, fs::perms mode) const {
        std::ofstream(path + "/" + name) << TicketKey::make().file_content();
        fs::permissions(path + "/" + name, mode);
    }
    [[nodiscard]] ConfigResult<AgentConfig> parse(const std::string& text) const {
        return parse_agent_config(text, path + "/agent.toml");
    }
    [[nodiscard]] std::string base() const { return "name = \"fs1\"\nroot = \"" + path + "/root\"\n"; }
    std::string path;
};

// "LINE:COLUMN TEXT" of each problem.
std::vector<std::string> problems_of(const ConfigResult<AgentConfig>& result) {
    std::vector<std::string> told;
    if (result) return told;
    for (const auto& problem : result.error()) {
        told.push_back(std::to_string(problem.line) + ":" + std::to_string(problem.column) + " " +
                       problem.text);
    }
    return told;
}

TEST_CASE("a whole configuration") {
    const Place place;
    const auto config = place.parse(
        "name = \"fs1\"\nlisten = [\"0.0.0.0:9419\", \"[::1]:9419\", \"unix:/run/gerve/agent.sock\"]\n"
        "root = \"root\"\nlayout = \"md5-owner\"\nticket_keys = [\"ticket.key\"]\nstandby_file = "
        "\"/run/standby\"\n"
        "services = [\"upload-pack\"]\nthreads = 3\nmax_operations = 5\nmax_operations_per_owner = 2\n"
        "grace = \"2s\"\nhandshake_timeout = \"500ms\"\n");
    REQUIRE(problems_of(config) == std::vector<std::string>{});
    CHECK(config->name == "fs1");
    CHECK(config->listen.size() == 3);
    CHECK(config->root == fs::canonical(place.path + "/root").string());
    CHECK(config->layout == Layout::md5_owner);
    CHECK(config->ticket_keys.size() == 1);
    CHECK(config->standby_file == "/run/standby");
    CHECK(config->services.contains(Service::upload_pack));
    CHECK_FALSE(config->services.contains(Service::receive_pack));
    CHECK(config->thread_count() == 3);
    CHECK(config->limits.max_operations == 5);
    CHECK(config->limits.grace == 2s);
    CHECK(config->limits.handshake_timeout == 500ms);
}

TEST_CASE("what is not given has a default") {
    const Place place;
    const auto config = place.parse(place.base());
    REQUIRE(config);
    CHECK(config->layout == Layout::flat);
    CHECK(config->services.contains(Service::admin));
    CHECK(config->thread_count() >= 1);
    CHECK(config->thread_count() <= 4);
    CHECK(config->starting_limit() >= 4);
    CHECK(config->limits.grace == 5s);
    CHECK(config->limits.handshake_timeout == 10s);
}

TEST_CASE("all problems come together, each with its place") {
    const Place place;
    place.write_key("open.key", fs::perms::all);
    std::ofstream(place.path + "/bad.key") << "gerve-ticket-key-v1 0123 4567\n";
    fs::permissions(place.path + "/bad.key", fs::perms::owner_read);
    const auto told =
        problems_of(place.parse("name = \"fs 1\"\n"                                             // 1
                                "listen = [\"git://localhost:9418\", \"nonsense\"]\n"           // 2
                                "root = \"nowhere\"\n"                                          // 3
                                "layout = \"round\"\n"                                          // 4
                                "ticket_keys = [\"open.key\", \"bad.key\", \"missing.key\"]\n"  // 5
                                "git = \"/usr/bin/nogit\"\n"                                    // 6
                                "services = [\"upload-pack\", \"shell\"]\n"                     // 7
                                "max_operations = 0\n"                                          // 8
                                "grace = \"soon\"\n"                                            // 9
                                "max_operation = 3\n"));                                        // 10
    std::vector<std::string> places;
    for (const auto& problem : told) places.push_back(problem.substr(0, problem.find(' ')));
    CHECK(places == std::vector<std::string>{"1:8", "2:11", "2:35", "3:8", "4:10", "5:16", "5:28", "5:39",
                                             "6:7", "7:28", "8:18", "9:9", "10:1"});
    CHECK(told[5].find("readable or writable by other users") != std::string::npos);
    CHECK(told[12].find("max_operations") != std::string::npos);  // did you mean
}

TEST_CASE("a listener that the network reaches needs a ticket key") {
    const Place place;
    CHECK(place.parse(place.base() + "listen = [\"unix:/tmp/x\"]\n"));
    const auto told =
        problems_of(place.parse(place.base() + "listen = [\"unix:/tmp/x\", \"127.0.0.1:9419\"]\n"));
    REQUIRE(told.size() == 1);
    CHECK(told[0].find("ticket_keys") != std::string::npos);
    CHECK(place.parse(place.base() + "listen = [\"127.0.0.1:9419\"]\nticket_keys = [\"ticket.key\"]\n"));
}

TEST_CASE("an account has a share of all places unless it is told otherwise") {
    const auto limits = [](unsigned all) {
        AgentConfig config;
        config.limits.max_operations = all;
        return config.operation_limits(100'000);
    };
    CHECK(limits(2048).per_account == 128);
    CHECK(limits(2048).per_key == 64);
    CHECK(limits(64).per_account == 8);
    CHECK(limits(10).per_key == 5);
    CHECK(limits(2).per_account == 1);
    CHECK(limits(1).per_account == 1);
    CHECK(AgentConfig().operation_limits(320).per_account == 20);
    AgentConfig told;
    told.limits.max_operations_per_account = 0;
    told.limits.max_operations_per_key = 7;
    CHECK(told.operation_limits(100'000).per_account == 0);
    CHECK(told.operation_limits(100'000).per_key == 7);
}

TEST_CASE("eight sessions of Git LFS may run for each operation of git, as far as there is room") {
    AgentConfig config;
    const OperationLimits usual = config.lfs_limits(100'000);
    CHECK(usual.all == 8 * 2048);
    CHECK(usual.per_owner == 0);
    CHECK(usual.per_account == 8 * 128);
    CHECK(usual.per_key == 8 * 64);
    config.limits.max_operations_per_owner = 1;
    CHECK(config.lfs_limits(100'000).per_owner == 8);
    CHECK(share_of_git(1000) == 750);
    CHECK(config.lfs_limits(1000).all == 250);
    CHECK(share_of_git(1) == 1);
    CHECK(config.lfs_limits(1).all == 1);
}

TEST_CASE("without a file, name and root are enough") {
    const Place place;
    CHECK(make_agent_config("local", place.path + "/root", ""));
    CHECK(make_agent_config("local", place.path + "/root", place.path + "/ticket.key")->ticket_keys.size() ==
          1);
    CHECK_FALSE(make_agent_config("", place.path + "/root", ""));
    CHECK_FALSE(make_agent_config("local", place.path + "/nowhere", ""));
    CHECK_FALSE(make_agent_config("local", place.path + "/root", place.path + "/nowhere"));
}

TEST_CASE("the level of the log") {
    const Place place;
    CHECK(place.parse(place.base())->log.level == log::Level::info);
    CHECK(place.parse(place.base() + "[log]\nlevel = \"error\"\n")->log.level == log::Level::error);
    CHECK(problems_of(place.parse(place.base() + "[log]\nlevel = \"loud\"\n")) ==
          std::vector<std::string>{
              "4:9 log.level must be \"debug\", \"info\", \"warning\", \"error\" or \"warn\", not \"loud\""});
}

}  // namespace
}  // namespace gerve
