#include "gerve/cli/audit_view.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

using namespace gerve;

TEST_CASE("no member of an event reaches the terminal as it is") {
    const std::string evil = "\x1b[2J\x7f\xc2\x9b\n";
    std::vector<std::string_view> kinds(event_kind_names.begin(), event_kind_names.end());
    kinds.emplace_back("?");
    for (const std::string_view kind : kinds) {
        nlohmann::json event{{"event", kind}};
        for (const char* name :
             {"time", "user", "operator", "address", "count", "version", "login", "service", "repo", "is",
              "because", "ended", "exit", "bytes_in", "duration_ms", "why", "what", "command"})
            event[name] = evil;
        event["fingerprint"] = evil;
        event["arguments"] = {evil};
        event["keys"] = {{{"fingerprint", evil}, {"user", evil}}};
        std::string row = audit_row(event);
        if (const auto dots = row.rfind("…"); dots != std::string::npos) row.erase(dots, 3);
        CHECK_MESSAGE(std::all_of(row.begin(), row.end(), [](char c) { return c >= ' ' && c <= '~'; }), row);
    }
}

TEST_CASE("offers of a network are found by what has addresses in common with it") {
    AuditFilter filter;
    filter.address = *Network::parse("2001:db8::/32");
    CHECK(filter.takes({{"address", "2001:db8:1:2::/64"}}));
    CHECK(filter.takes({{"address", "2001:db8::7"}}));
    CHECK_FALSE(filter.takes({{"address", "2001:db9:1:2::/64"}}));
    CHECK_FALSE(filter.takes({{"address", "*"}}));
    CHECK_FALSE(filter.takes({{"address", "192.0.2.1"}}));
    CHECK_FALSE(filter.takes({{"event", "service"}}));
    filter.address = *Network::parse("2001:db8:1:2::7");
    CHECK(filter.takes({{"address", "2001:db8:1:2::/64"}}));
    CHECK(filter.takes({{"address", "2001:db8:1:2::7"}}));
    CHECK_FALSE(filter.takes({{"address", "2001:db8:1:2::8"}}));
    CHECK_FALSE(filter.takes({{"address", "2001:db8:1:3::/64"}}));
}

TEST_CASE("a repository is found by the name that it was asked for by") {
    AuditFilter filter;
    filter.repo = *RepoPath::parse("Alice/old");
    CHECK(filter.takes({{"repo", "alice/new"}, {"asked_for", "alice/Old"}}));
    CHECK(filter.takes({{"repo", "alice/old"}}));
    CHECK_FALSE(filter.takes({{"repo", "alice/new"}}));
}
