#include "gerve/cli/standing.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

using namespace gerve;

namespace {

const AccessWay by_team{Access::write, Rule::team, "acme/devs"};
const AccessWay directly{Access::read, Rule::collaborator, ""};

Json json_of(const Standing& standing, std::string_view stands_against = {}) {
    Json out = Json::object();
    add_standing(out, standing, stands_against);
    return out;
}

}  // namespace

TEST_CASE("the way that decides comes with its rule and whom it leads through, the others follow in JSON") {
    const Standing standing{Access::write, Rule::team, {by_team, directly}};
    CHECK(because_text(standing) == "team acme/devs");
    CHECK(json_of(standing) == Json::parse(R"({"access": "write", "because": "team", "via": "acme/devs",
        "granted": "write", "also": [{"access": "read", "because": "collaborator", "via": null}]})"));
}

TEST_CASE("what stands against a way is named in its place, with what the way would give") {
    const Standing suspended{Access::none, Rule::suspended, {by_team}};
    CHECK(because_text(suspended) == "suspended (write by team acme/devs)");
    CHECK(json_of(suspended) == Json::parse(R"({"access": "none", "because": "suspended", "via": null,
        "granted": "write", "also": [{"access": "write", "because": "team", "via": "acme/devs"}]})"));

    const Standing archived{Access::read, Rule::team, {by_team}};
    CHECK(because_text(archived) == "team acme/devs (write once unarchived)");
    CHECK(json_of(archived)["access"] == "read");
    CHECK(json_of(archived)["granted"] == "write");

    const Standing revoked{Access::none, Rule::deploy_key, {{Access::read, Rule::deploy_key, ""}}};
    CHECK(because_text(revoked, "revoked-key") == "revoked-key (read by deploy-key)");
    CHECK(json_of(revoked, "revoked-key")["because"] == "revoked-key");
}
