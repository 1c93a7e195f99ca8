// The promise of an answer in time, whatever the database does.
#include <doctest/doctest.h>

#include <filesystem>
#include <thread>

#include "authz/os/unix_socket.h"
#include "authz/wire/wire.h"
#include "tests/unit/authz/service/fixture.h"
#include "tests/unit/authz/store/passing.h"

using namespace gerve;
using namespace gerve::testing;

namespace {

// Lets questions through, or holds them: the next `count` that come, for as long as they are held; all of
// them, or statements of one name.
class Gate {
  public:
    void hold_all(std::string_view statement) {
        const std::lock_guard lock(mutex_);
        of_ = statement;
        left_ = 1'000'000;
        open_ = false;
    }
    void hold(int count) {
        const std::lock_guard lock(mutex_);
        left_ = count;
        open_ = false;
    }
    void release() {
        const std::lock_guard lock(mutex_);
        open_ = true;
        left_ = 0;
        changed_.notify_all();
    }
    void pass(std::string_view statement = {}) {
        std::unique_lock lock(mutex_);
        if (on_pass) on_pass();
        if (left_ == 0 || (!of_.empty() && of_ != statement)) return;
        --left_;
        ++held_;
        changed_.wait_for(lock, std::chrono::seconds(20), [this] { return open_; });
    }
    int held() {
        const std::lock_guard lock(mutex_);
        return held_;
    }

    std::function<void()> on_pass;  // set before anything passes

  private:
    std::mutex mutex_;
    std::condition_variable changed_;
    int left_ = 0;
    int held_ = 0;
    bool open_ = true;
    std::string of_;  // empty: all
};

// A database that may hang.
class Gated final : public Passing {
  public:
    Gated(std::unique_ptr<Database> below, Gate& gate)
        : Passing(*below), below_(std::move(below)), gate_(gate) {}
    Result<Rows> query(const Statement& statement, Binds binds) override {
        gate_.pass(statement.name);
        return Passing::query(statement, binds);
    }

  private:
    std::unique_ptr<Database> below_;
    Gate& gate_;
};

// A server of four threads whose database may hang.
struct Hanging {
    explicit Hanging(std::chrono::milliseconds patience = std::chrono::milliseconds(400))
        : deadline(patience) {
        Registry registry = store.registry();
        must(registry.add_account(login("alice"), AccountKind::user));
        must(registry.add_key(login("alice"), make_key(1), {"", std::nullopt}));
        must(server.start());
        // The gate holds those who connect as well: it is the questions that are to meet it.
        wait_for_links(4);
    }
    ~Hanging() { gate.release(); }
    [[nodiscard]] AuthzClient client() const { return {socket, std::chrono::seconds(5)}; }

    // How long a question took that was answered unavailable; -1: it was not.
    [[nodiscard]] std::int64_t refused_after() const {
        AuthzClient asking = client();
        const std::int64_t start = monotonic_now();
        const auto answer = asking.ask(ask_key(1));
        const bool refused = !answer && answer.error().kind == ErrorKind::unavailable;
        return refused ? monotonic_now() - start : -1;
    }
    void wait_for_links(unsigned count) {
        for (int i = 0; i < 2500 && server.live_links() < count; ++i) {
            std::this_thread::sleep_for(std::chrono::milliseconds(2));
        }
        REQUIRE(server.live_links() >= count);
    }
    void wait_until_held(int count) {
        for (int i = 0; i < 500 && gate.held() < count; ++i) {
            std::this_thread::sleep_for(std::chrono::milliseconds(2));
        }
        REQUIRE(gate.held() >= count);
    }

    std::chrono::milliseconds deadline;
    Gate gate;
    Store store;
    TemporaryDirectory directory;
    std::string socket = directory.file("authz.sock");
    TicketKey key = TicketKey::make();
    AuditSink audit;
    AuthzServer server{must(listen_unix(socket, UnixSocketType::packets, 0600)),
                       ServerParts{[this]() -> Result<std::unique_ptr<Database>> {
                                       gate.pass();
                                       return std::make_unique<Gated>(store.connect(), gate);
                                   },
                                   PeerTable({{::geteuid(), {PeerKinds::all(), "git"}}}), Signer(key),
                                   Route{*ServerName::parse("local"), {*Endpoint::parse("unix:/s")}}, &audit,
                                   4, nullptr, nullptr, deadline}};
};

constexpr int everything = 1'000'000;

// The deadline of 400 ms, and what a machine may lose that compiles and tests beside it (ms). A hung database
// holds a question for far longer.
constexpr std::int64_t in_time = 1'000;

}  // namespace

TEST_CASE("while the whole database hangs, each question is refused in time, and later ones at once") {
    Hanging site;
    site.gate.hold(everything);
    std::vector<std::int64_t> times(32);
    std::vector<std::thread> askers;
    for (std::int64_t& time : times) askers.emplace_back([&] { time = site.refused_after(); });
    for (std::thread& asker : askers) asker.join();
    for (const std::int64_t time : times) {
        CHECK(time >= 0);
        CHECK(time <= in_time);
    }
    CHECK(site.server.late() >= 4);  // one for each thread; the others are refused once all hang
    for (int i = 0; i < 20; ++i) {
        const std::int64_t time = site.refused_after();
        CHECK(time >= 0);
        CHECK(time <= 100);
    }
    CHECK(site.server.live_links() == 0);

    site.gate.release();
    AuthzClient after = site.client();
    std::int64_t back = -1;
    const std::int64_t start = monotonic_now();
    while (back < 0 && monotonic_now() - start < 5000) {
        const auto found = after.ask(ask_key(1));
        if (found && *found) back = monotonic_now() - start;
    }
    CHECK(back >= 0);
    CHECK(back < 2000);
    CHECK(site.server.stop(std::chrono::seconds(2)));
}

TEST_CASE("keys that waited while the threads were busy share a statement, and are answered each") {
    Hanging site(std::chrono::seconds(4));  // nothing is slow meanwhile
    site.gate.hold(4);
    std::vector<std::thread> busy;
    for (int i = 0; i < 4; ++i) {
        busy.emplace_back([&] { (void)site.refused_after(); });
        site.wait_until_held(i + 1);
    }
    const auto statements = [&] {
        std::uint64_t all = 0;
        const Histogram& times = site.server.counters().times(Query::key);
        for (std::size_t i = 0; i <= Histogram::bounds.size(); ++i) all += times.in_bucket(i);
        return all;
    };
    const std::uint64_t before = statements();
    std::vector<AuthzClient> clients;
    for (int i = 0; i < 6; ++i) clients.push_back(site.client());
    std::vector<std::thread> askers;
    std::atomic<int> found{0};
    for (AuthzClient& client : clients) {
        askers.emplace_back([&] {
            const auto key = client.ask(ask_key(1));
            if (key && *key) ++found;
        });
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(60));  // they wait
    site.gate.release();
    for (std::thread& asker : askers) asker.join();
    for (std::thread& asker : busy) asker.join();
    CHECK(found == 6);
    CHECK(statements() - before < 4 + 6);
}

TEST_CASE("a thread that hangs is replaced, and the others go on meanwhile") {
    Hanging site;
    site.gate.hold(3);
    std::vector<std::int64_t> times(3);
    std::vector<std::thread> askers;
    // One after the other: a thread takes together what waits together.
    for (int i = 0; i < 3; ++i) {
        askers.emplace_back([&, i] { times[i] = site.refused_after(); });
        site.wait_until_held(i + 1);
    }
    AuthzClient other = site.client();
    for (int i = 0; i < 50; ++i) must_find(other, 1);
    for (std::thread& asker : askers) asker.join();
    for (const std::int64_t time : times) {
        CHECK(time >= 400);
        CHECK(time <= in_time);
    }
    site.wait_for_links(4);
    CHECK(site.server.live_links() == 4);  // three hang, three are new
    site.gate.release();
    for (int i = 0; i < 50; ++i) must_find(other, 1);
    CHECK(site.server.stop(std::chrono::seconds(2)));
    CHECK(site.server.late() == 3);
}

TEST_CASE("while one kind of statement hangs, questions that do not need it are all answered at once") {
    Hanging site;
    Registry registry = site.store.registry();
    must(registry.add_account(login("bob"), AccountKind::user));
    must(registry.add_key(login("bob"), make_key(2), {"", std::nullopt}));
    must(registry.create_repository(repo("alice/site"), false));
    AuthzClient owner = site.client();
    const std::string handle = must_find(owner, 1).handle;
    site.gate.hold_all("permission");
    std::atomic<bool> stop{false};
    std::atomic<unsigned> refused{0};
    std::vector<std::thread> strangers;
    for (int i = 0; i < 12; ++i) {
        strangers.emplace_back([&] {
            AuthzClient asking = site.client();
            const auto found = asking.ask(ask_key(2));
            while (!stop && found && *found) {
                const auto answer = asking.ask(ask_access((*found)->handle));
                if (!answer && answer.error().kind == ErrorKind::unavailable) ++refused;
            }
        });
    }
    site.wait_until_held(4);  // every thread there was
    for (int i = 0; i < 60; ++i) {
        const auto answer = owner.ask(ask_access(handle));
        CHECK_MESSAGE(answer.has_value(), describe(answer.error()));
        must_find(owner, 1);
    }
    for (int i = 0; i < 500 && refused == 0; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(2));
    CHECK(refused > 0);  // in time, as ever
    site.gate.release();
    stop = true;
    for (std::thread& stranger : strangers) stranger.join();
    AuthzClient bob = site.client();
    const auto answer = must(bob.ask(ask_access(must_find(bob, 2).handle)));
    CHECK(std::get<Refused>(answer).because == Rule::no_read_access);
    CHECK(site.server.stop(std::chrono::seconds(2)));
}

TEST_CASE("an answer that comes too late is not given twice") {
    Hanging site;
    site.gate.hold(1);
    AuthzClient asking = site.client();
    const auto refused = asking.ask(ask_key(1));
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().kind == ErrorKind::unavailable);
    site.gate.release();
    // On the same connection: a second answer to the old question would meet the new one.
    for (int i = 0; i < 100; ++i) must_find(asking, 1);
    CHECK(site.server.stop(std::chrono::seconds(2)));
}

TEST_CASE("a short stop of the database costs time, and no refusal") {
    Hanging site;
    site.gate.hold(everything);
    std::thread releases([&] {
        std::this_thread::sleep_for(std::chrono::milliseconds(150));
        site.gate.release();
    });
    AuthzClient asking = site.client();
    must_find(asking, 1);
    releases.join();
    CHECK(site.server.late() == 0);
    CHECK(site.server.stop(std::chrono::seconds(2)));
}

TEST_CASE("a crowd at the door does not keep the only thread from a question") {
    constexpr std::ptrdiff_t crowd = 400;
    const auto open_files = [] {
        return std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {});
    };
    Gate gate;
    std::atomic<std::ptrdiff_t> at_question{0};
    gate.on_pass = [&] { at_question = open_files(); };
    Store store;
    Registry registry = store.registry();
    must(registry.add_account(login("alice"), AccountKind::user));
    must(registry.add_key(login("alice"), make_key(1), {"", std::nullopt}));
    const TemporaryDirectory directory;
    const std::string socket = directory.file("authz.sock");
    AuditSink audit;
    AuthzServer server{
        must(listen_unix(socket, UnixSocketType::packets, 0600)),
        ServerParts{[&]() -> Result<std::unique_ptr<Database>> {
                        return std::make_unique<Gated>(store.connect(), gate);
                    },
                    PeerTable({{::geteuid(), {PeerKinds::all(), "git"}}}), Signer(TicketKey::make()),
                    Route{*ServerName::parse("local"), {*Endpoint::parse("unix:/s")}}, &audit, 1, nullptr,
                    nullptr, std::chrono::milliseconds(5'000)}};
    const Fd asking = connect_raw(socket);
    const std::string question = encode_request({1, monotonic_now() + 5'000}, ask_key(1));
    REQUIRE(::send(asking.get(), question.data(), question.size(), 0) ==
            static_cast<ssize_t>(question.size()));
    std::vector<Fd> others;
    for (std::ptrdiff_t i = 0; i < crowd; ++i) others.push_back(connect_raw(socket));
    const std::ptrdiff_t before = open_files();
    must(server.start());
    std::string reply(max_authz_message, '\0');
    const ssize_t got = ::recv(asking.get(), reply.data(), reply.size(), 0);
    REQUIRE(got > 0);
    CHECK(must(parse_reply<std::optional<KeyFound>>(
                   std::string_view(reply).substr(0, static_cast<std::size_t>(got))))
              .has_value());
    // Each of the crowd that was accepted before the question came to the database was put in front of it.
    CHECK(at_question > 0);
    CHECK(at_question - before < crowd / 4);
}
