// The load generator: many cheap git sessions over SSH from one thread, its findings as one JSON object.
#include <arpa/inet.h>
#include <sys/resource.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "tests/bench/load.h"

namespace gerve::bench {

namespace {

struct Arguments {
    Errand errand;
    LoadShape shape;
    std::uint16_t port = 0;
    std::vector<std::string> key_files;
    Keys keys;
    int timeout_s = 30;
};

void declare(CLI::App& app, Arguments& arguments) {
    Errand& errand = arguments.errand;
    app.add_option("--port", arguments.port, "port on 127.0.0.1")->required();
    app.add_option("--key", arguments.key_files, "private keys, unencrypted; sessions take them in turn")
        ->required();
    app.add_option("--login", errand.login, "SSH login name")->capture_default_str();
    app.add_option("--command", errand.command, "exec string, e.g. git-upload-pack 'o/r'")->required();
    app.add_option("--cipher", errand.cipher, "SSH cipher")->capture_default_str();
    app.add_option("--key-exchange", errand.key_exchange, "SSH key exchange")->capture_default_str();
    app.add_option("--total", arguments.shape.total, "sessions to run");
    app.add_option("--in-flight", arguments.shape.in_flight, "sessions at a time");
    app.add_option("--timeout", arguments.timeout_s, "seconds a session may take")->capture_default_str();
    app.add_flag("--probe", errand.probe, "offer the key before signing");
    app.add_flag("--hold", errand.hold, "keep the sessions open after the advertisement until stdin ends");
}

void complete(Arguments& arguments) {
    Errand& errand = arguments.errand;
    errand.server.sin_family = AF_INET;
    errand.server.sin_port = htons(arguments.port);
    errand.server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    arguments.shape.timeout = std::chrono::seconds(arguments.timeout_s);
    for (const std::string& file : arguments.key_files) arguments.keys.read(file);
}

void raise_descriptor_limit() {
    rlimit limit{};
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

double own_cpu_s() {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    const auto seconds = [](const timeval& time) {
        return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
    };
    return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

/// Nearest-rank percentile of sorted values; null when there are none.
nlohmann::json percentile(const std::vector<double>& sorted, double fraction) {
    if (sorted.empty()) return nullptr;
    const auto rank = static_cast<std::size_t>(fraction * static_cast<double>(sorted.size() - 1) + 0.5);
    return sorted[rank];
}

nlohmann::json report(const Outcome& outcome, std::size_t held) {
    std::vector<double> sorted = outcome.latencies_ms;
    std::sort(sorted.begin(), sorted.end());
    nlohmann::json failures = nlohmann::json::object();
    std::size_t failed = 0;
    for (const auto& [reason, found] : outcome.failures) {
        failures[reason] = {{"count", found.count}, {"example", found.example}};
        failed += found.count;
    }
    return {{"done", sorted.size()},
            {"held", held},
            {"failed", failed},
            {"failures", failures},
            {"p50_ms", percentile(sorted, 0.50)},
            {"p99_ms", percentile(sorted, 0.99)},
            {"elapsed_s", outcome.elapsed_s},
            {"own_cpu_s", own_cpu_s()}};
}

void print(const nlohmann::json& value) {
    std::printf("%s\n", value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace).c_str());
    std::fflush(stdout);
}

void wait_for_end_of_stdin() {
    char ignored[64];
    while (read(STDIN_FILENO, ignored, sizeof ignored) > 0) {
    }
}

void run(const Arguments& arguments) {
    raise_descriptor_limit();
    Load load(arguments.errand, arguments.keys, arguments.shape);
    const Outcome outcome = load.run();
    print(report(outcome, load.held()));
    if (arguments.errand.hold) wait_for_end_of_stdin();
}

}  // namespace

}  // namespace gerve::bench

int main(int argc, char** argv) {
    using namespace gerve::bench;
    CLI::App app("Open many SSH sessions that read a git advertisement, and report how it went.");
    Arguments arguments;
    arguments.errand.login = "git";
    arguments.errand.cipher = "aes256-gcm@openssh.com";
    arguments.errand.key_exchange = "curve25519-sha256";
    declare(app, arguments);
    CLI11_PARSE(app, argc, argv);
    try {
        complete(arguments);
        run(arguments);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "light_client: %s\n", error.what());
        return 1;
    }
    return 0;
}
