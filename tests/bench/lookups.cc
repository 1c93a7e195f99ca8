// Key lookups at scale: fills a directory with keys, and asks authz for them over its socket.
#include <sys/socket.h>
#include <sys/un.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <iostream>
#include <nlohmann/json.hpp>
#include <random>
#include <stdexcept>
#include <thread>

#include "authz/base/fd.h"
#include "authz/base/text.h"
#include "authz/store/open_database.h"
#include "authz/wire/wire.h"

namespace gerve::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr unsigned keys_of_an_account = 4;
constexpr unsigned rows_at_once = 500;
constexpr unsigned requests_made_ahead = 20'000;  // of each connection: making them is not what is measured
constexpr std::int64_t patience = 3'600'000;      // ms

struct Arguments {
    std::string config;
    std::string socket;
    unsigned keys = 1'000'000;
    unsigned from = 0;  // of the keys, those that are there already
    unsigned connections = 6;
    unsigned seconds = 10;
};

template <class T>
T need(Result<T> result) {
    if (!result) throw std::runtime_error(describe(result.error()));
    if constexpr (!std::is_void_v<T>) return std::move(*result);
}

// The n-th of any number of keys: bytes of the right form, nobody has the private half.
PublicKey make_key(unsigned n) {
    std::string blob("\0\0\0\x0bssh-ed25519\0\0\0\x20", 19);
    std::mt19937 bytes(n + 1);
    for (int i = 0; i < 32; ++i) blob += static_cast<char>(bytes());
    auto key = PublicKey::parse_line("ssh-ed25519 " + to_base64(blob));
    if (!key) throw std::runtime_error(describe(key.error()));
    return std::move(*key);
}

// "(?, ?), (?, ?)" for so many rows.
std::string places(unsigned rows, const std::string& row) {
    std::string text;
    for (unsigned i = 0; i < rows; ++i) text += (text.empty() ? "" : ", ") + row;
    return text;
}

void add_accounts(Database& database, unsigned first, unsigned count) {
    const std::string sql = "INSERT INTO accounts (id, login, login_folded, kind, created_at) VALUES " +
                            places(count, "(?, ?, ?, 1, 0)");
    std::vector<std::string> logins;
    for (unsigned i = 0; i < count; ++i) logins.push_back("user-" + std::to_string(first + i));
    std::vector<Bind> binds;
    for (unsigned i = 0; i < count; ++i) {
        const std::string_view login = logins[i];
        binds.insert(binds.end(), {std::int64_t{first + i + 1}, login, login});
    }
    need(database.execute({"accounts", sql}, binds));
}

void add_keys(Database& database, unsigned first, unsigned count) {
    const std::string sql =
        "INSERT INTO public_keys (fingerprint, algorithm, key_blob, title, account_id, can_write, created_at)"
        " VALUES " +
        places(count, "(?, 'ssh-ed25519', ?, '', ?, 0, 0)");
    std::vector<PublicKey> keys;
    std::vector<Fingerprint> fingerprints;
    for (unsigned i = 0; i < count; ++i) {
        keys.push_back(make_key(first + i));
        fingerprints.push_back(keys.back().fingerprint());
    }
    std::vector<Bind> binds;
    for (unsigned i = 0; i < count; ++i) {
        binds.insert(binds.end(), {BlobView{fingerprints[i].bytes()}, BlobView{keys[i].blob()},
                                   std::int64_t{(first + i) / keys_of_an_account + 1}});
    }
    need(database.execute({"keys", sql}, binds));
}

void fill(const Arguments& arguments) {
    auto config = load_config(arguments.config);
    if (!config) throw std::runtime_error(arguments.config + " is wrong: see `gerve check`");
    const auto database = need(open_for_administration(*config));
    // The fingerprints' index is filled in at random places: it has to fit.
    if (config->backend == Backend::sqlite)
        need(database->execute({"cache", "PRAGMA cache_size = -2000000"}, {}));
    const auto accounts_of = [](unsigned keys) {
        return (keys + keys_of_an_account - 1) / keys_of_an_account;
    };
    constexpr unsigned rows_of_a_transaction = 100 * rows_at_once;
    const auto add = [&](unsigned from, unsigned all, auto insert) {
        for (unsigned done = from; done < all;) {
            auto transaction = need(Transaction::begin(*database));
            for (const unsigned end = std::min(all, done + rows_of_a_transaction); done < end;) {
                const unsigned count = std::min(rows_at_once, end - done);
                insert(*database, done, count);
                done += count;
            }
            need(transaction.commit());
        }
    };
    add(accounts_of(arguments.from), accounts_of(arguments.keys), add_accounts);
    add(arguments.from, arguments.keys, add_keys);
    std::printf("%u keys of %u accounts\n", arguments.keys, accounts_of(arguments.keys));
}

Fd connect_to_authz(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path) throw std::runtime_error(path + ": too long");
    path.copy(address.sun_path, path.size());
    Fd socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
    if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
        throw std::runtime_error(errno_text("connect to " + path));
    return socket;
}

std::vector<std::string> make_requests(unsigned keys, unsigned seed) {
    std::mt19937 random(seed);
    std::vector<std::string> requests;
    for (unsigned i = 0; i < requests_made_ahead; ++i) {
        const KeyRequest request{make_key(random() % keys), "git", true,
                                 ClientContext{"192.0.2.1", "SSH-2.0-bench", "c1", Door::gateway}};
        requests.push_back(encode_request(RequestHead{i + 1, monotonic_now() + patience}, request));
    }
    return requests;
}

// One lookup at a time, until it is told to stop; microseconds of each. An answer that is not the key fails.
std::vector<float> ask(const Fd& socket, const std::vector<std::string>& requests,
                       const std::atomic<bool>& stop) {
    std::vector<float> times;
    std::vector<char> buffer(max_authz_message);
    for (std::size_t i = 0; !stop; i = (i + 1) % requests.size()) {
        const auto start = Clock::now();
        if (::send(socket.get(), requests[i].data(), requests[i].size(), MSG_NOSIGNAL) < 0)
            throw std::runtime_error(errno_text("send"));
        const ssize_t size = ::recv(socket.get(), buffer.data(), buffer.size(), 0);
        const std::chrono::duration<float, std::micro> took = Clock::now() - start;
        if (size <= 0) throw std::runtime_error("authz closed the connection");
        times.push_back(took.count());
        // Reading every answer to its end would be half the work.
        const std::string_view answer(buffer.data(), static_cast<std::size_t>(size));
        const bool whole = i % 64 == 0;
        if (need(parse_reply_id(answer)) != i + 1 ||
            (whole && !need(parse_reply<std::optional<KeyFound>>(answer))))
            throw std::runtime_error("a wrong answer: " + std::string(answer));
        if (answer.find("handle") == std::string_view::npos)
            throw std::runtime_error("not found: " + std::string(answer));
    }
    return times;
}

double at(const std::vector<float>& sorted, double share) {
    return sorted.empty() ? 0 : sorted[static_cast<std::size_t>(share * (sorted.size() - 1))];
}

void measure(const Arguments& arguments) {
    std::vector<Fd> sockets;
    std::vector<std::vector<std::string>> requests;
    for (unsigned i = 0; i < arguments.connections; ++i) {
        sockets.push_back(connect_to_authz(arguments.socket));
        requests.push_back(make_requests(arguments.keys, i));
    }
    std::atomic<bool> stop{false};
    std::vector<std::vector<float>> times(arguments.connections);
    std::atomic<unsigned> failed{0};
    std::vector<std::thread> threads;
    const auto start = Clock::now();
    for (unsigned i = 0; i < arguments.connections; ++i) {
        threads.emplace_back([&, i] {
            try {
                times[i] = ask(sockets[i], requests[i], stop);
            } catch (const std::exception& error) {
                std::fprintf(stderr, "lookups: %s\n", error.what());
                ++failed;
            }
        });
    }
    std::this_thread::sleep_for(std::chrono::seconds(arguments.seconds));
    stop = true;
    for (std::thread& thread : threads) thread.join();
    const std::chrono::duration<double> elapsed = Clock::now() - start;
    std::vector<float> all;
    for (const auto& one : times) all.insert(all.end(), one.begin(), one.end());
    std::sort(all.begin(), all.end());
    const nlohmann::ordered_json figures{{"lookups", all.size()},
                                         {"per_second", static_cast<long>(all.size() / elapsed.count())},
                                         {"p50_us", at(all, 0.5)},
                                         {"p99_us", at(all, 0.99)},
                                         {"failed", failed.load()}};
    std::cout << figures.dump() << "\n";
    if (failed != 0) throw std::runtime_error("not every lookup was answered");
}

int run(int argc, char** argv) {
    CLI::App app("Fills a directory with keys, and asks authz for them.");
    Arguments arguments;
    app.add_option("--keys", arguments.keys)->capture_default_str();
    app.require_subcommand(1);
    auto* filling = app.add_subcommand("fill", "insert the keys into the directory of a configuration");
    filling->add_option("--config", arguments.config)->required();
    filling->add_option("--from", arguments.from, "so many are there already");
    auto* asking = app.add_subcommand("ask", "look keys up at random; prints figures as JSON");
    asking->add_option("--socket", arguments.socket)->required();
    asking->add_option("--connections", arguments.connections, "each with one question at a time");
    asking->add_option("--seconds", arguments.seconds);
    CLI11_PARSE(app, argc, argv);
    try {
        filling->parsed() ? fill(arguments) : measure(arguments);
        return 0;
    } catch (const std::exception& error) {
        std::fprintf(stderr, "lookups: %s\n", error.what());
        return 1;
    }
}

}  // namespace
}  // namespace gerve::bench

int main(int argc, char** argv) {
    return gerve::bench::run(argc, argv);
}
