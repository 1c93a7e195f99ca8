#include "authz/audit/audit.h"

#include <fcntl.h>

#include <thread>

#include "tests/unit/authz/audit/files.h"
#include "tests/unit/authz/audit/sink.h"

using namespace gerve;
using namespace gerve::testing;

namespace {

void record_session(AuditSink& sink) {
    sink.record(SessionEnded{make_report(""), alice});
}

}  // namespace

TEST_CASE("each event is one numbered line of JSON, whatever bytes a client sent") {
    const TemporaryDirectory directory;
    auto sink = must(AuditSink::open(settings_in(directory)));
    KeyRequest request = ask_key(1);
    request.client.version =
        "SSH\n{\"seq\":9}\x1b[2J\xff\x7f\xc2\x9b"
        "2J\xe2\x80\xae";
    sink->record(KeyProven{request.client, "git", alice->fingerprint.text(), &*alice});
    sink->record(KeyOffered{request, alice});
    const std::optional<KnownKey> nobody;
    sink->record(KeyProven{request.client, "git", make_key(9).fingerprint().text(), nullptr});
    const AuthorizeRequest wish = ask_access("");
    sink->record(std::nullopt, Decided{wish, *alice, Deny{"ERROR: x\n", Rule::archived}});
    record_session(*sink);
    must(sink->insist(AdminChange{"root", "ann", "key add", {"Alice", "-"}, "", R"({"after":1})"}));
    sink.reset();

    const std::string text = text_of(directory.file("audit.jsonl"));
    CHECK(std::all_of(text.begin(), text.end(), [](char c) { return c == '\n' || (c >= ' ' && c <= '~'); }));
    const auto lines = json_lines(directory.file("audit.jsonl"));
    REQUIRE(lines.size() == 9);
    CHECK(lines[2]["client"] ==
          "SSH\n{\"seq\":9}\x1b[2J\ufffd\x7f\u009b"
          "2J\u202e");
    for (std::size_t i = 0; i < lines.size(); ++i) {
        CHECK(lines[i]["seq"] == i + 1);
        CHECK(lines[i]["gateway"] == "gw1");
    }
    CHECK(lines[0]["event"] == "trail");
    CHECK(lines[1]["is"] == "started");
    CHECK(lines[2]["event"] == "proven");
    CHECK(lines[2]["user"] == "Alice");
    CHECK(lines[2]["fingerprint"] == make_key(1).fingerprint().text());
    CHECK(lines[2]["address"] == "192.0.2.7");
    CHECK(lines[3]["event"] == "offered");
    CHECK(lines[3]["keys"][0]["user"] == "Alice");
    CHECK_FALSE(lines[4].contains("user"));
    CHECK(lines[5]["event"] == "decision");
    CHECK(lines[5]["is"] == "deny");
    CHECK(lines[5]["because"] == "archived");
    CHECK(lines[5]["request"] == wish.request.text());
    CHECK(lines[6]["event"] == "session");
    CHECK(lines[6]["ended"] == "exit");
    CHECK(lines[7]["operator_login"] == "ann");
    CHECK(lines[7]["details"]["after"] == 1);
    CHECK(lines[8]["is"] == "stopped");
}

TEST_CASE("many threads write whole lines without a gap") {
    const TemporaryDirectory directory;
    auto sink = must(AuditSink::open(settings_in(directory)));
    std::vector<std::thread> threads;
    for (int i = 0; i < 8; ++i) {
        threads.emplace_back([&] {
            for (int round = 0; round < 50; ++round) record_session(*sink);
        });
    }
    for (std::thread& thread : threads) thread.join();
    sink.reset();
    const auto lines = json_lines(directory.file("audit.jsonl"));
    REQUIRE(lines.size() == 403);
    for (std::size_t i = 0; i < lines.size(); ++i) CHECK(lines[i]["seq"] == i + 1);
}

TEST_CASE("while the file cannot be written, events wait, and what must be on record is refused") {
    const TemporaryDirectory directory;
    AuditCounters counters;
    auto settings = settings_in(directory);
    settings.counters = &counters;
    auto sink = must(AuditSink::open(settings));
    record_session(*sink);
    const AuthorizeRequest push = ask_access("", Service::receive_pack);
    {
        const FileSizeLimit full(std::filesystem::file_size(directory.file("audit.jsonl")) + 100);
        CHECK_FALSE(sink->insist(std::nullopt, Decided{push, *alice, Allow{Rule::owner}}).has_value());
        CHECK(counters.failing.value() == 1);
        for (int i = 0; i < 3; ++i) record_session(*sink);
        CHECK(counters.waiting.value() == 3);
        CHECK_FALSE(sink->probe().has_value());
    }
    CHECK(sink->insist(std::nullopt, Decided{push, *alice, Allow{Rule::owner}}).has_value());
    CHECK(counters.failing.value() == 0);
    CHECK(counters.waiting.value() == 0);
    CHECK(counters.lost.value() == 0);
    CHECK(sink->probe().has_value());
    sink.reset();
    const auto lines = json_lines(directory.file("audit.jsonl"));
    REQUIRE(lines.size() == 8);  // two of the start, 1 + 3 sessions, the push, the end
    CHECK(lines[5]["event"] == "session");
    CHECK(lines[6]["event"] == "decision");
}

TEST_CASE("what still waits at the end is told to be lost") {
    const TemporaryDirectory directory;
    AuditCounters counters;
    auto settings = settings_in(directory);
    settings.counters = &counters;
    auto sink = must(AuditSink::open(settings));
    {
        const FileSizeLimit full(std::filesystem::file_size(directory.file("audit.jsonl")));
        for (int i = 0; i < 3; ++i) record_session(*sink);
        sink.reset();
    }
    CHECK(counters.lost.value() == 4);  // and that it ended
    CHECK(counters.waiting.value() == 0);
}

namespace {
// As a writer whose disk does not answer: whoever writes waits for it.
class StalledWriter {
  public:
    explicit StalledWriter(const std::string& head) : file_(::open(head.c_str(), O_RDWR | O_CLOEXEC)) {
        struct flock whole {};
        whole.l_type = F_WRLCK;
        REQUIRE(::fcntl(file_.get(), F_OFD_SETLK, &whole) == 0);
    }

  private:
    Fd file_;
};
}  // namespace

TEST_CASE("a disk that stalls keeps one thread; fetches are recorded later, and pushes are refused") {
    const TemporaryDirectory directory;
    AuditCounters counters;
    auto settings = settings_in(directory);
    settings.counters = &counters;
    auto sink = must(AuditSink::open(settings));
    const AuthorizeRequest push = ask_access("", Service::receive_pack);
    std::optional<StalledWriter> stalled(directory.file("audit.jsonl.head"));
    std::thread victim([&] { record_session(*sink); });
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    const auto start = std::chrono::steady_clock::now();
    CHECK_FALSE(sink->insist(std::nullopt, Decided{push, *alice, Allow{Rule::owner}}).has_value());
    for (int i = 0; i < 100; ++i) record_session(*sink);
    sink->record(KeyOffered{ask_key(1), alice});
    CHECK_FALSE(sink->probe().has_value());
    CHECK(std::chrono::steady_clock::now() - start < 4 * AuditSink::stall_patience);
    CHECK(counters.failing.value() == 1);
    CHECK(counters.waiting.value() == 101);
    stalled.reset();
    victim.join();
    must(sink->probe());
    CHECK(counters.failing.value() == 0);
    CHECK(counters.waiting.value() == 0);
    sink.reset();
    CHECK(json_lines(directory.file("audit.jsonl")).size() == 2 + 1 + 101 + 1);
    CHECK(verify(directory, {"audit.jsonl"}).empty());
}

TEST_CASE("what finds no room in memory is counted in an event of its own") {
    const TemporaryDirectory directory;
    AuditCounters counters;
    auto settings = settings_in(directory);
    settings.counters = &counters;
    auto sink = must(AuditSink::open(settings));
    {
        const FileSizeLimit full(std::filesystem::file_size(directory.file("audit.jsonl")));
        for (std::size_t i = 0; i < AuditSink::max_waiting + 5; ++i) record_session(*sink);
        CHECK(counters.lost.value() == 5);
    }
    must(sink->probe());
    sink.reset();
    const auto lines = json_lines(directory.file("audit.jsonl"));
    REQUIRE(lines.size() == AuditSink::max_waiting + 4);
    CHECK(lines[2]["event"] == "lost");
    CHECK(lines[2]["count"] == 5);
}

TEST_CASE("the file reaches the disk after some events, or some time, and not before") {
    const TemporaryDirectory directory;
    AuditCounters counters;
    auto settings = settings_in(directory);
    settings.counters = &counters;
    int events = 1;
    SUBCASE("events") {
        settings.sync_events = events = 5;
    }
    SUBCASE("time") {
        settings.sync_interval = std::chrono::milliseconds(900);
    }
    auto sink = must(AuditSink::open(settings));
    std::this_thread::sleep_for(std::chrono::milliseconds(400));  // its thread has looked by then
    CHECK(counters.syncs.value() == 0);
    for (int i = 0; i < events; ++i) record_session(*sink);
    for (int i = 0; i < 200 && counters.syncs.value() == 0; ++i)
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    CHECK(counters.syncs.value() > 0);
}

namespace {
std::atomic<int> disk_error{0};  // of the next calls; 0: they reach the disk
std::atomic<int> sync_calls{0};
int sync_by_hand(int) {
    ++sync_calls;
    errno = disk_error;
    return disk_error == 0 ? 0 : -1;
}
}  // namespace

TEST_CASE("what a failed fdatasync() dropped is not taken for written by the next one") {
    const TemporaryDirectory directory;
    AuditCounters counters;
    auto settings = settings_in(directory);
    settings.counters = &counters;
    settings.sync_call = sync_by_hand;
    auto sink = must(AuditSink::open(settings));
    record_session(*sink);
    must(sink->sync());
    const std::string on_disk = text_of(directory.file("audit.jsonl"));
    record_session(*sink);
    const std::string before = text_of(directory.file("audit.jsonl"));
    disk_error = EIO;
    CHECK_FALSE(sink->sync().has_value());
    CHECK(counters.failing.value() == 1);
    const AuthorizeRequest push = ask_access("", Service::receive_pack);
    CHECK_FALSE(sink->insist(std::nullopt, Decided{push, *alice, Allow{Rule::owner}}).has_value());
    CHECK_FALSE(sink->probe().has_value());
    record_session(*sink);
    CHECK(text_of(directory.file("audit.jsonl")) == before);
    CHECK_FALSE(sink->sync().has_value());  // although nothing was written since the last one
    // The kernel threw the pages away.
    put_text(directory.file("audit.jsonl"), on_disk + std::string(before.size() - on_disk.size(), '\0'));
    disk_error = 0;
    must(sink->sync());
    CHECK(text_of(directory.file("audit.jsonl")) == before);
    CHECK(sink->insist(std::nullopt, Decided{push, *alice, Allow{Rule::owner}}).has_value());
    CHECK(counters.failing.value() == 0);
    sink.reset();
    CHECK(verify(directory, {"audit.jsonl"}).empty());
    CHECK(json_lines(directory.file("audit.jsonl")).size() == 7);
}

namespace {
AuditSink* meanwhile = nullptr;  // an event comes to it while the next call runs
int sync_failing_once(int) {
    AuditSink* sink = std::exchange(meanwhile, nullptr);
    if (sink == nullptr) return 0;
    record_session(*sink);
    errno = EIO;
    return -1;
}
}  // namespace

TEST_CASE("what came while fdatasync() failed shares its fate: the next call is told nothing of it") {
    const TemporaryDirectory directory;
    auto settings = settings_in(directory);
    settings.sync_call = sync_failing_once;
    auto sink = must(AuditSink::open(settings));
    must(sink->sync());
    const std::string on_disk = text_of(directory.file("audit.jsonl"));
    record_session(*sink);
    meanwhile = sink.get();
    CHECK_FALSE(sink->sync().has_value());
    const std::string before = text_of(directory.file("audit.jsonl"));
    put_text(directory.file("audit.jsonl"), on_disk + std::string(before.size() - on_disk.size(), '\0'));
    must(sink->sync());
    CHECK(text_of(directory.file("audit.jsonl")) == before);
    sink.reset();
    CHECK(verify(directory, {"audit.jsonl"}).empty());
    CHECK(json_lines(directory.file("audit.jsonl")).size() == 5);
}

TEST_CASE("what fdatasync() is behind is bounded") {
    const TemporaryDirectory directory;
    auto settings = settings_in(directory);
    settings.max_unsynced = 5'000;
    auto sink = must(AuditSink::open(settings));
    for (int i = 0; i < 100; ++i) record_session(*sink);
    CHECK(std::filesystem::file_size(directory.file("audit.jsonl")) < 10'000);
    CHECK_FALSE(sink->probe().has_value());
    must(sink->sync());
    CHECK_FALSE(sink->probe().has_value());  // it wrote what had waited, so much that it is behind again
    must(sink->sync());
    must(sink->probe());
    sink.reset();
    CHECK(verify(directory, {"audit.jsonl"}).empty());
    CHECK(json_lines(directory.file("audit.jsonl")).size() == 2 + 100 + 1);
}

TEST_CASE("a failed fdatasync() is tried again by itself") {
    const TemporaryDirectory directory;
    auto settings = settings_in(directory);
    settings.sync_call = sync_by_hand;
    settings.sync_events = 1;
    disk_error = EIO;
    sync_calls = 0;
    auto sink = must(AuditSink::open(settings));
    for (int i = 0; i < 500 && sync_calls < 2; ++i)
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    CHECK(sync_calls >= 2);
    CHECK_FALSE(sink->probe().has_value());
    disk_error = 0;
    bool recovered = false;
    for (int i = 0; i < 500 && !recovered; ++i) {
        recovered = sink->probe().has_value();
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    CHECK(recovered);
}

TEST_CASE("a place where no file can be is an error at the start, and a sink without one writes nothing") {
    CHECK_FALSE(AuditSink::open({{"/no/such/place/audit.jsonl", "/no/such/place/key", "g"}}).has_value());
    AuditSink nowhere;
    record_session(nowhere);
    CHECK(nowhere.reopen().has_value());
    CHECK(nowhere.insist(AdminChange{}).has_value());
}
