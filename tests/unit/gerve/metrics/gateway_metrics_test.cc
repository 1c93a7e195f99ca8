#include "gerve/metrics/gateway_metrics.h"

#include <doctest/doctest.h>

#include <memory>

#include "authz/wire/live_protocol.h"

using namespace gerve;

TEST_CASE("an operation is counted under its service and its end, or under the last of each") {
    const auto metrics = std::make_unique<GatewayMetrics>();
    SessionReport report{.handle = {}, .request = RequestId::make(), .client = {}};
    report.service = "git-upload-pack";
    report.ended = OperationEnd::exit;
    report.bytes_in = 10;
    report.bytes_out = 2000;
    report.duration_ms = 40;
    metrics->count_operation(report);
    report.service = "";
    report.ended = OperationEnd::other;
    metrics->count_operation(report);
    CHECK(metrics->operations[0][0].value() == 1);
    CHECK(metrics->operations.back().back().value() == 1);
    CHECK(metrics->bytes_in.value() == 20);
    CHECK(metrics->bytes_out.value() == 4000);
    CHECK(metrics->operation_times[0].microseconds() == 40'000);
}

TEST_CASE("what an administrator ended, or whoever lost access, is told apart from the rest") {
    const auto metrics = std::make_unique<GatewayMetrics>();
    SessionReport report{.handle = {}, .request = RequestId::make(), .client = {}};
    report.service = "git-receive-pack";
    for (const LiveEnd why : {LiveEnd::killed, LiveEnd::withdrawn, LiveEnd::stopped}) {
        report.ended = end_of(why);
        metrics->count_operation(report);
    }
    for (const auto& counter : metrics->operations[1]) CHECK(counter.value() <= 1);
    CHECK(metrics->operations[1].back().value() == 0);
}

TEST_CASE("a login is counted under its key exchange, or under the last") {
    const auto metrics = std::make_unique<GatewayMetrics>();
    for (const std::string_view name : known_key_exchanges) metrics->count_key_exchange(name);
    metrics->count_key_exchange("");
    metrics->count_key_exchange("curve448-sha512");
    for (std::size_t i = 0; i < known_key_exchanges.size(); ++i) {
        CHECK(metrics->by_key_exchange[i].value() == 1);
        CHECK(GatewayMetrics::key_exchange_word(i) == known_key_exchanges[i]);
    }
    CHECK(metrics->by_key_exchange.back().value() == 2);
    CHECK(GatewayMetrics::key_exchange_word(known_key_exchanges.size()) == "other");
}

TEST_CASE("each file server has one row; when rows run out the rest share one") {
    const auto metrics = std::make_unique<GatewayMetrics>();
    const auto server = [](std::size_t number) {
        return ServerName::parse("fs" + std::to_string(number)).value();
    };
    UpstreamNumbers& first = metrics->upstream(server(0));
    CHECK(&metrics->upstream(server(0)) == &first);
    for (std::size_t i = 1; i < metrics->upstreams.size(); ++i) {
        CHECK(&metrics->upstream(server(i)) == &metrics->upstreams[i]);
    }
    CHECK(&metrics->upstream(server(1000)) == &metrics->other_upstreams);
    CHECK(&metrics->upstream(server(0)) == &first);
}

TEST_CASE("a worker takes the row of one that is gone, and starts it at zero") {
    const auto metrics = std::make_unique<GatewayMetrics>();
    metrics->workers[0].pid = ::getppid();
    metrics->workers[1].pid = 0x7ffffff0;  // nobody
    metrics->workers[1].sessions.set(5);
    WorkerNumbers& row = metrics->claim_worker();
    CHECK(&row == &metrics->workers[1]);
    CHECK(row.sessions.value() == 0);
    CHECK(row.pid == ::getpid());
    CHECK(is_alive(row));
}
