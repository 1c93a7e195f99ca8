#include "gerve/metrics/exposition.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <memory>
#include <sstream>

using namespace gerve;

namespace {

// The samples of a name, one a line.
std::string samples(const std::string& text, const std::string& name) {
    std::istringstream lines(text);
    std::string out;
    for (std::string line; std::getline(lines, line);) {
        if (line.starts_with(name + "{") || line.starts_with(name + " ")) out += line + "\n";
    }
    return out;
}

bool has(const std::string& text, const std::string& line) {
    return ("\n" + text).find("\n" + line + "\n") != std::string::npos;
}

struct Numbers {
    std::unique_ptr<GatewayMetrics> gateway = std::make_unique<GatewayMetrics>();
    std::unique_ptr<AuthzMetrics> authz = std::make_unique<AuthzMetrics>();
    [[nodiscard]] std::string text() const { return expose(gateway.get(), authz.get(), false); }
};

}  // namespace

TEST_CASE("without numbers there is still a page") {
    const std::string text = expose(nullptr, nullptr, true);
    CHECK(samples(text, "gerve_maintenance") == "gerve_maintenance 1\n");
    CHECK(samples(text, "gerve_build_info").ends_with(" 1\n"));
    CHECK(samples(text, "gerve_logins_total") == "");
}

TEST_CASE("queries are told by what was asked, of whom, and how it was answered") {
    Numbers numbers;
    numbers.authz->queries.count(Query::key, Answer::found);
    numbers.authz->queries.count(Query::key, Answer::found);
    numbers.authz->queries.count(Query::hint, Answer::missing);
    numbers.authz->queries.count(Query::route, Answer::unavailable);
    const std::string text = numbers.text();
    const std::string name = "gerve_directory_queries_total";
    CHECK(has(text, name + R"({query="key",result="found",source="sql"} 2)"));
    CHECK(has(text, name + R"({query="key",result="missing",source="sql"} 0)"));
    CHECK(has(text, name + R"({query="route",result="missing",source="redis"} 1)"));
    CHECK(has(text, name + R"({query="route",result="unavailable",source="sql"} 1)"));
}

TEST_CASE("a histogram's buckets hold what is below them, and the last holds all") {
    Numbers numbers;
    auto& times = numbers.authz->queries.times(Query::key);
    times.observe(std::chrono::microseconds(80));
    times.observe(std::chrono::milliseconds(3));
    times.observe(std::chrono::hours(2));
    const std::string text = numbers.text();
    const std::string name = "gerve_directory_query_seconds";
    const std::string labels = R"({query="key",source="sql")";
    CHECK(has(text, name + "_bucket" + labels + R"(,le="5e-05"} 0)"));
    CHECK(has(text, name + "_bucket" + labels + R"(,le="0.0001"} 1)"));
    CHECK(has(text, name + "_bucket" + labels + R"(,le="0.005"} 2)"));
    CHECK(has(text, name + "_bucket" + labels + R"(,le="+Inf"} 3)"));
    CHECK(has(text, name + "_count" + labels + "} 3"));
    CHECK(samples(text, name + "_sum").find("7200.00308") != std::string::npos);
}

TEST_CASE("denials stand under the rule that decided; a rule that allows has no row") {
    Numbers numbers;
    numbers.authz->denials[static_cast<std::size_t>(Rule::archived)].add();
    const std::string text = samples(numbers.text(), "gerve_denials_total");
    CHECK(has(text, R"(gerve_denials_total{rule="archived"} 1)"));
    CHECK(has(text, R"(gerve_denials_total{rule="suspended"} 0)"));
    CHECK(text.find(R"(rule="owner")") == std::string::npos);
    CHECK(text.find("deploy-key\"") == text.find("read-only-deploy-key\"") + 10);
}

TEST_CASE("what is so now is added up over the workers that live") {
    Numbers numbers;
    numbers.gateway->workers[0].pid = ::getpid();
    numbers.gateway->workers[0].sessions.set(3);
    numbers.gateway->workers[7].pid = ::getppid();
    numbers.gateway->workers[7].sessions.set(4);
    numbers.gateway->workers[9].pid = 0x7ffffff0;  // above any that a kernel gives
    numbers.gateway->workers[9].sessions.set(100);
    const std::string text = numbers.text();
    CHECK(has(text, "gerve_sessions 7"));
    CHECK(has(text, "gerve_workers 2"));
}

TEST_CASE("file servers stand with their names; a name that is none is not shown") {
    Numbers numbers;
    numbers.gateway->upstream(ServerName::parse("fs1").value()).reached.add();
    numbers.gateway->upstream(ServerName::parse("fs2").value()).failed.add();
    numbers.gateway->upstreams[2].state = 2;
    const std::string_view forged = "x\"} 1\nforged 1";
    forged.copy(numbers.gateway->upstreams[2].name.data(), forged.size());
    const std::string text = numbers.text();
    CHECK(has(text, R"(gerve_upstream_connects_total{server="fs1",result="reached"} 1)"));
    CHECK(has(text, R"(gerve_upstream_connects_total{server="fs2",result="failed"} 1)"));
    CHECK(text.find("forged") == std::string::npos);
}
