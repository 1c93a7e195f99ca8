#include "gerve/agent/forge/forge_settings.h"

#include <doctest/doctest.h>

using namespace gerve;

namespace {

AppIniFacts facts_of(std::string_view text, const std::string& work_path = "",
                     ForgeKind kind = ForgeKind::forgejo) {
    const auto facts = parse_app_ini(text, "app.ini", kind, "/usr/local/bin/forgejo", work_path);
    REQUIRE(facts.has_value());
    return *facts;
}

}  // namespace

TEST_CASE("what app.ini leaves out is as the forge makes it up") {
    const AppIniFacts facts = facts_of("RUN_USER = git\n", "/var/lib/forgejo");
    CHECK(facts.user == "git");
    CHECK_FALSE(facts.any_user);
    CHECK(facts.root == "/var/lib/forgejo/data/forgejo-repositories");
    CHECK(facts_of("", "/var/lib/gitea", ForgeKind::gitea).root == "/var/lib/gitea/data/gitea-repositories");
    CHECK(facts.home == "/var/lib/forgejo/data/home");
    CHECK(facts.local_url == "http://localhost:3000/");
    CHECK(facts.root_url.empty());
    CHECK_FALSE(facts.wants_proxy);
    // Without any word on it, the work path is where the program is.
    CHECK(facts_of("").root == "/usr/local/bin/data/forgejo-repositories");
}

TEST_CASE("paths are relative to the one that they belong to, and app.ini goes before the setting") {
    const AppIniFacts facts = facts_of(
        "WORK_PATH = /srv/forge\n[server]\nAPP_DATA_PATH = state\n[repository]\nROOT = repos\n"
        "[git]\nHOME_PATH = git-home\n",
        "/elsewhere");
    CHECK(facts.root == "/srv/forge/repos");
    CHECK(facts.home == "/srv/forge/state/git-home");
}

TEST_CASE("where hooks reach the forge is given, or made of protocol, address and port") {
    const auto url = [](const std::string& server) { return facts_of("[server]\n" + server).local_url; };
    CHECK(url("LOCAL_ROOT_URL = http://127.0.0.1:8080/git/\n") == "http://127.0.0.1:8080/git/");
    CHECK(url("PROTOCOL = https\nHTTP_ADDR = 10.0.0.1\nHTTP_PORT = 443\n") == "https://10.0.0.1:443/");
    CHECK(url("HTTP_ADDR = ::1\n") == "http://[::1]:3000/");
    CHECK(url("PROTOCOL = http+unix\nHTTP_ADDR = /run/forge.sock\n") == "unix:/run/forge.sock");
    CHECK(url("PROTOCOL = http+unix\nHTTP_ADDR = forge.sock\n") == "unix:/usr/local/bin/forge.sock");
    CHECK(url("PROTOCOL = fcgi\nROOT_URL = https://git.example.org/\n") == "https://git.example.org/");
    CHECK(url("LOCAL_ROOT_URL = %(PROTOCOL)s://localhost:%(HTTP_PORT)s/\nPROTOCOL = http\nHTTP_PORT = "
              "3001\n") == "http://localhost:3001/");
    CHECK(facts_of("[server]\nUSE_PROXY_PROTOCOL = true\n").wants_proxy);
    CHECK_FALSE(
        facts_of("[server]\nUSE_PROXY_PROTOCOL = true\nLOCAL_USE_PROXY_PROTOCOL = false\n").wants_proxy);
    CHECK(facts_of("[server]\nROOT_URL = https://git.example.org\n").root_url == "https://git.example.org/");
    CHECK(facts_of("[server]\nSTART_SSH_SERVER = true\n").any_user);
    CHECK(facts_of("[server]\nSTART_SSH_SERVER = t\n").any_user);
}

TEST_CASE("a file that is none is an error with its place") {
    const auto facts = parse_app_ini("[server\n", "app.ini", ForgeKind::gitea, "/p", "");
    REQUIRE_FALSE(facts.has_value());
    CHECK(facts.error().told.starts_with("app.ini:1: "));
}

TEST_CASE("a kind brings its names, and a list more of them") {
    ForgeSettings settings;
    CHECK(settings.allows("SSH_ORIGINAL_COMMAND"));
    CHECK_FALSE(settings.allows("GITEA_PUSHER_ID"));
    settings.hook_variables = {"HOST_KEY"};
    CHECK(settings.allows("HOST_KEY"));
    settings.kind = ForgeKind::gitea;
    settings.version = {1, 23, 8};
    CHECK(settings.allows("GITEA_PUSHER_ID"));
    CHECK_FALSE(settings.allows("GITEA_PR_ID"));
    CHECK_FALSE(settings.ignores_system_config());
    settings.version = {1, 24, 0};
    CHECK(settings.ignores_system_config());
    settings.kind = ForgeKind::forgejo;
    settings.version = {12, 0, 4};
    CHECK_FALSE(settings.ignores_system_config());
}
