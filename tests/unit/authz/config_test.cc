#include "authz/config.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "authz/limits_config.h"

using namespace gerve;
using namespace std::chrono_literals;

namespace {

// "LINE:COLUMN TEXT" of each problem.
std::string problems_in(const std::string& text) {
    const auto config = parse_config(text, "/etc/gerve/gerve.toml");
    if (config) return "";
    std::string out;
    for (const ConfigProblem& problem : config.error()) {
        out +=
            std::to_string(problem.line) + ":" + std::to_string(problem.column) + " " + problem.text + "\n";
    }
    return out;
}

struct TemporaryDirectory {
    TemporaryDirectory() {
        char name[] = "/tmp/gerve-config-XXXXXX";
        path = ::mkdtemp(name);
    }
    ~TemporaryDirectory() { std::filesystem::remove_all(path); }
    std::string write(const std::string& name, const std::string& text) const {
        std::ofstream(path + "/" + name) << text;
        return path + "/" + name;
    }
    std::string path;
};

constexpr const char* everything = R"(
state = "/srv/gerve/state"
[listen]
ssh = ["0.0.0.0:22", "[::]:22"]
proxy_protocol_from = ["10.0.0.0/8"]
metrics = "127.0.0.1:9460"
[ssh]
host_keys = ["/etc/gerve/ssh_host_ed25519_key"]
logins = ["git", "hub"]
login_grace = "20s"
workers = 4
max_auth_tries = 10
max_sessions = 8
max_unauthenticated = 100
max_unauthenticated_per_source = 50
rekey_bytes = 1000000
notice_file = "notice"
ciphers = ["aes256-gcm@openssh.com"]
key_exchanges = ["curve25519-sha256"]
idle_timeout = "10m"
drain_timeout = "0s"
[directory]
backend = "mysql"
[directory.mysql]
uri = "tcp://db1:3306/gerve"
user = "reader"
password_file = "mysql.password"
admin_user = "root"
admin_password_file = "/etc/gerve/mysql.admin"
ca_file = "/etc/gerve/ca.pem"
[directory.mysql.queries]
key = '''
SELECT
	1'''
[routes.redis]
sentinels = ["a:26379", "b:26379"]
master = "gerve"
user = "gerve"
password_file = "/etc/gerve/redis.password"
prefix = "r:"
[authz]
socket = "/run/gerve/authz.sock"
ticket_keys = ["/etc/gerve/ticket.key", "old.key"]
threads = 8
deadline = "300ms"
recheck = "4s"
worker_user = "gerve-worker"
authorized_keys_user = "gerve-keys"
forced_command_user = "git"
administrators = ["root", "ops"]
[audit]
file = "/var/log/gerve/audit.jsonl"
[log]
level = "debug"
)";

}  // namespace

TEST_CASE("every key arrives") {
    const auto config = parse_config(everything, "/etc/gerve/gerve.toml");
    REQUIRE(config.has_value());
    CHECK(config->file == "/etc/gerve/gerve.toml");
    CHECK(config->source == everything);
    CHECK(config->state == "/srv/gerve/state");
    CHECK_FALSE(config->embedded);
    CHECK(config->listen.ssh == std::vector<std::string>{"0.0.0.0:22", "[::]:22"});
    CHECK(config->listen.proxy_protocol_from == std::vector<std::string>{"10.0.0.0/8"});
    CHECK(config->listen.metrics == "127.0.0.1:9460");
    CHECK(config->ssh.host_keys == std::vector<std::string>{"/etc/gerve/ssh_host_ed25519_key"});
    CHECK(config->ssh.logins == std::vector<std::string>{"git", "hub"});
    CHECK(config->ssh.login_grace == 20s);
    CHECK(config->ssh.workers == 4);
    CHECK(config->ssh.max_auth_tries == 10);
    CHECK(config->ssh.max_sessions == 8);
    CHECK(config->ssh.max_unauthenticated == 100);
    CHECK(config->ssh.max_unauthenticated_per_source == 50);
    CHECK(config->ssh.rekey_bytes == 1000000);
    CHECK(config->ssh.notice_file == "/etc/gerve/notice");
    CHECK(config->ssh.ciphers == std::vector<std::string>{"aes256-gcm@openssh.com"});
    CHECK(config->ssh.key_exchanges == std::vector<std::string>{"curve25519-sha256"});
    CHECK(config->ssh.idle_timeout == 10min);
    CHECK(config->ssh.drain_timeout == 0s);
    CHECK(config->backend == Backend::mysql);
    CHECK(config->mysql.uri == "tcp://db1:3306/gerve");
    CHECK(config->mysql.user == "reader");
    CHECK(config->mysql.password_file == "/etc/gerve/mysql.password");
    CHECK(config->mysql.admin_user == "root");
    CHECK(config->mysql.admin_password_file == "/etc/gerve/mysql.admin");
    CHECK(config->mysql.ca_file == "/etc/gerve/ca.pem");
    CHECK(config->mysql.queries == std::map<std::string, std::string>{{"key", "SELECT\n\t1"}});
    REQUIRE(config->redis.has_value());
    CHECK(config->redis->address == "");
    CHECK(config->redis->sentinels == std::vector<std::string>{"a:26379", "b:26379"});
    CHECK(config->redis->master == "gerve");
    CHECK(config->redis->user == "gerve");
    CHECK(config->redis->password_file == "/etc/gerve/redis.password");
    CHECK(config->redis->prefix == "r:");
    CHECK(config->authz_socket() == "/run/gerve/authz.sock");
    CHECK(config->ticket_key_files() ==
          std::vector<std::string>{"/etc/gerve/ticket.key", "/etc/gerve/old.key"});
    CHECK(config->authz.threads == 8);
    CHECK(config->authz.deadline == 300ms);
    CHECK(config->authz.recheck == 4s);
    CHECK(config->authz.worker_user == "gerve-worker");
    CHECK(config->authz.authorized_keys_user == "gerve-keys");
    CHECK(config->authz.forced_command_user == "git");
    CHECK(config->authz.administrators == std::vector<std::string>{"root", "ops"});
    CHECK(config->audit_file() == "/var/log/gerve/audit.jsonl");
    CHECK(config->log.level == log::Level::debug);
}

TEST_CASE("an empty file is the embedded default, with the state of a service") {
    const auto config = parse_config("", "/etc/gerve/gerve.toml");
    REQUIRE(config.has_value());
    CHECK(config->embedded);
    CHECK(config->state == "/var/lib/gerve");
    CHECK(config->listen.ssh == std::vector<std::string>{"127.0.0.1:2222"});
    CHECK(config->backend == Backend::sqlite);
    CHECK_FALSE(config->redis.has_value());
    CHECK(config->authz_socket() == "/var/lib/gerve/authz.sock");
    CHECK(config->audit_file() == "/var/lib/gerve/audit.jsonl");
    CHECK(config->ticket_key_files() == std::vector<std::string>{"/var/lib/gerve/ticket.key"});
}

TEST_CASE("no file at all keeps its state below the working directory") {
    const auto config = parse_config("", "");
    REQUIRE(config.has_value());
    CHECK(config->file == "");
    CHECK(config->state == std::filesystem::current_path().string() + "/gerve-state");
}

TEST_CASE("embedded: neither [routes] nor ticket keys") {
    CHECK(parse_config("[directory]\nbackend = \"mysql\"\nmysql.uri = \"tcp://db:3306/g\"\n", "f")->embedded);
    CHECK_FALSE(parse_config("[authz]\nticket_keys = [\"k\"]\n", "f")->embedded);
    CHECK_FALSE(parse_config("[routes]\n[authz]\nticket_keys = [\"k\"]\n", "f")->embedded);
    CHECK(problems_in("[routes.redis]\naddress = \"127.0.0.1:6379\"\n") ==
          "0:0 authz.ticket_keys is missing: with [routes] the file servers check tickets; create a key with "
          "`gerve ticket-key new FILE`, and set it here and on each file server\n");
}

TEST_CASE("everything wrong with a file is told at once") {
    CHECK(problems_in("stat = \"/x\"\n"
                      "[listen]\n"
                      "ssh = [\"0.0.0.0:22\", \"localhost\"]\n"
                      "proxy_protocol_from = [\"10.1.0.0/8\"]\n"
                      "metrics = \"9460\"\n"
                      "[ssh]\n"
                      "logins = [\"git\", \"a b\"]\n"
                      "login_grace = 30\n"
                      "workers = 2000\n"
                      "[directory]\n"
                      "backend = \"postgres\"\n"
                      "[authz]\n"
                      "deadline = \"1ms\"\n"
                      "worker_user = \"-x\"\n") ==
          "1:1 unknown key \"stat\"; did you mean \"state\"?\n"
          "3:22 listen.ssh is invalid: \"localhost\" is not an address to listen on: write \"0.0.0.0:22\" or "
          "\"[::]:22\"\n"
          "4:24 listen.proxy_protocol_from is invalid: \"10.1.0.0/8\" is not a network: host bits are set\n"
          "5:11 listen.metrics is invalid: \"9460\" is not an address to listen on: write \"0.0.0.0:22\" or "
          "\"[::]:22\"\n"
          "7:18 ssh.logins contains \"a b\", which is not a valid name\n"
          "8:15 ssh.login_grace must be a time with its unit, such as \"500ms\", \"30s\", \"5m\", \"1h\" or "
          "\"2d\", not 30\n"
          "9:11 ssh.workers must be a whole number from 0 to 1024, not 2000\n"
          "11:11 directory.backend must be \"sqlite\" or \"mysql\", not \"postgres\"\n"
          "13:12 authz.deadline must be from \"10ms\" to \"30s\", not \"1ms\"\n"
          "14:15 authz.worker_user must be the name of a user on this machine\n");
}

TEST_CASE(
    "nothing ends a session that is silent unless it is asked for; who has not logged in has a minute") {
    const auto config = parse_config("", "g.toml");
    REQUIRE(config.has_value());
    for (const Service service : {Service::upload_pack, Service::receive_pack, Service::upload_archive}) {
        CHECK(config->upstream.deadlines(service).idle == 2h);
        CHECK(config->upstream.deadlines(service).duration == 24h);
    }
    CHECK(config->anonymous.deadlines.idle == 1min);
    CHECK(config->anonymous.deadlines.duration == 2h);
    const auto other = parse_config(
        "[anonymous]\nidle_timeout = \"5s\"\nmax_duration = \"0s\"\n"
        "[upstream.idle_timeout]\nreceive_pack = \"1h\"\n",
        "g.toml");
    REQUIRE(other.has_value());
    CHECK(other->anonymous.deadlines.idle == 5s);
    CHECK(other->anonymous.deadlines.duration == 0ms);
    CHECK(other->upstream.deadlines(Service::receive_pack).idle == 1h);
    CHECK(other->upstream.deadlines(Service::upload_pack).idle == 2h);
}

TEST_CASE("one source of strangers has an eighth of the places unless it is told otherwise") {
    CHECK(parse_config("", "")->ssh.max_unauthenticated_per_source == 1024);
    CHECK(parse_config("[ssh]\nmax_unauthenticated = 40\n", "x")->ssh.max_unauthenticated_per_source == 5);
    CHECK(parse_config("[ssh]\nmax_unauthenticated = 2\n", "x")->ssh.max_unauthenticated_per_source == 1);
}

TEST_CASE("limits of keys and accounts, and each worker's share") {
    const AccountLimits usual = limits_of(*parse_config("", ""));
    CHECK(usual.connections_per_key == 256);
    CHECK(usual.connections_per_account == 512);
    CHECK(usual.idle_per_key == 64);
    CHECK(usual.operations_per_account == 512);
    CHECK(usual.share_of(1).connections_per_key == 256);
    CHECK(usual.share_of(4).connections_per_key == 64);
    CHECK(usual.share_of(64).connections_per_key == 45);  // the least: pushes with their large files
    CHECK(usual.share_of(64).operations_per_key == 16);   // likewise
    const AccountLimits told =
        limits_of(*parse_config("[limits]\nidle_per_key = 3\noperations_per_key = 0\n", "x"));
    CHECK(told.idle_per_key == 3);
    CHECK(told.share_of(2).idle_per_key == 3);        // less than the least share: whole
    CHECK(told.share_of(2).operations_per_key == 0);  // none
    CHECK_FALSE(problems_in("[limits]\nidle = 3\n").empty());
}

TEST_CASE("keys that need each other") {
    CHECK(problems_in("[directory]\nbackend = \"mysql\"\n") ==
          "1:1 directory.mysql.uri is missing: write uri = \"tcp://HOST:3306/gerve\"\n");
    CHECK(problems_in("[directory.mysql]\nuri = \"tcp://db/g\"\n") ==
          "1:1 directory.backend must be \"mysql\" for [directory.mysql] to be used\n");
    CHECK(problems_in("[directory]\nbackend = \"mysql\"\n[directory.mysql]\nuri = \"db:3306\"\n") ==
          "4:7 directory.mysql.uri 'db:3306' is malformed: the forms are tcp://HOST:3306/SCHEMA, "
          "tcp://A:3306,B:3306/SCHEMA and unix:///run/mysqld/mysqld.sock?schema=SCHEMA\n");
    for (const std::string wrong :
         {"tcp://db", "tcp://db:99999/gerve", "tcp:///gerve", "tcp://a,,b/gerve", "tcp://db/no such schema",
          "unix:///run/mysqld.sock", "unix://?schema=x"}) {
        const std::string told =
            problems_in("[directory]\nbackend = \"mysql\"\n[directory.mysql]\nuri = \"" + wrong + "\"\n");
        CHECK_MESSAGE(told.starts_with("4:7 directory.mysql.uri '" + wrong + "' "), told);
    }
    const std::string keys = "[authz]\nticket_keys = [\"k\"]\n";
    CHECK(
        problems_in(keys + "[routes.redis]\nprefix = \"r:\"\n") ==
        "3:1 routes.redis.address or sentinels must be given, but not both: write address = \"HOST:6379\"\n");
    CHECK(problems_in(keys + "[routes.redis]\nsentinels = [\"a:1\"]\n") ==
          "3:1 routes.redis.master and sentinels must be given together: the sentinels know the master by "
          "that name\n");
    CHECK(problems_in(keys + "[routes.redis]\naddress = \"git://a:1\"\n") ==
          "4:11 routes.redis.address must be \"HOST:6379\" or \"unix:/run/redis/redis.sock\", not "
          "\"git://a:1\"\n");
    CHECK(
        problems_in("[directory]\nbackend = \"mysql\"\n[directory.mysql]\nuri = \"tcp://h/s\"\n"
                    "[directory.mysql.queries]\nkey = \"SELECT k FROM t WHERE f = :bogus\"\nroute = \"\"\n"
                    "permission = \"select ?\"\nrepository = 1\n") ==
        "6:7 directory.mysql.queries.key has :bogus, which is not one of its parameters: use :fingerprint, "
        ":fingerprint_text\n"
        "7:9 directory.mysql.queries.route is not a SELECT\n"
        "8:14 directory.mysql.queries.permission has a '?': write :NAME, one of :account_id, :repository_id, "
        ":owner_id, :key_id\n"
        "9:14 directory.mysql.queries.repository must be a string, not 1\n");
    CHECK(problems_in("[directory.mysql.queries]\nkeys = \"\"\n[directory]\nbackend = \"mysql\"\n"
                      "mysql.uri = \"tcp://a\"")
              .find("did you mean \"key\"?") != std::string::npos);
}

TEST_CASE("a socket's path fits into a socket address") {
    CHECK(problems_in("[authz]\nsocket = \"/" + std::string(107, 'x') + "\"\n") ==
          "2:10 authz.socket is too long: the path of a unix socket has at most 107 bytes\n");
    CHECK(problems_in("[authz]\nsocket = \"/" + std::string(106, 'x') + "\"\n") == "");
    const auto config = choose_config({"", "/tmp/" + std::string(100, 'x')});
    REQUIRE_FALSE(config.has_value());
    CHECK(config.error().at(0).text.find("choose a shorter one with --state") != std::string::npos);
}

TEST_CASE("files that must be there are looked for, and the remedy is told") {
    const TemporaryDirectory directory;
    const std::string file = directory.write("gerve.toml",
                                             "[ssh]\nhost_keys = [\"here\", \"host\"]\n"
                                             "[authz]\nticket_keys = [\"ticket\"]\n"
                                             "[directory]\nbackend = \"mysql\"\n"
                                             "[directory.mysql]\nuri = \"tcp://a/g\"\nca_file = \"ca\"\n");
    directory.write("here", "");
    const auto config = load_config(file);
    REQUIRE_FALSE(config.has_value());
    REQUIRE(config.error().size() == 3);
    const std::string& at = directory.path;
    CHECK(config.error()[0].format() ==
          file + ":2:22: ssh.host_keys names " + at +
              "/host, which does not exist; create it: ssh-keygen -t ed25519 -N '' -f " + at +
              "/host\n    host_keys = [\"here\", \"host\"]\n" + "                         ^");
    CHECK(config.error()[1].text == "authz.ticket_keys names " + at +
                                        "/ticket, which does not exist; create it: gerve ticket-key new " +
                                        at + "/ticket");
    CHECK(config.error()[2].text == "directory.mysql.ca_file names " + at + "/ca, which does not exist");
}

TEST_CASE("the file that is chosen, and the state that overrides it") {
    const TemporaryDirectory directory;
    const std::string file = directory.write("gerve.toml", "state = \"state\"\n");
    const std::string other = directory.write("other.toml", "state = \"other\"\n");
    CHECK(choose_config({file, ""})->state == directory.path + "/state");
    CHECK(choose_config({file, "/tmp/elsewhere/"})->state == "/tmp/elsewhere");
    ::setenv("GERVE_CONFIG", other.c_str(), 1);
    CHECK(choose_config({"", ""})->state == directory.path + "/other");
    CHECK(choose_config({file, ""})->state == directory.path + "/state");
    ::unsetenv("GERVE_CONFIG");
    const auto missing = choose_config({directory.path + "/none.toml", ""});
    REQUIRE_FALSE(missing.has_value());
    CHECK(missing.error().at(0).format() ==
          "cannot open " + directory.path + "/none.toml: No such file or directory");
}
