#include "gerve/cli/agent_call.h"

#include <doctest/doctest.h>
#include <sys/socket.h>

#include <thread>

#include "gerve/relay/grv1.h"

using namespace gerve;

namespace {

struct Conversation {
    Ordered<AgentAnswer> result;
    std::string heard;  // by the agent
};

// An agent that says `words` whatever it hears, and hangs up; `call` talks to it.
template <class Call>
auto talk_by(Call call, const std::string& words, std::string& heard, const std::string& open) {
    int pair[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
    const Fd ours(pair[0]);
    Fd theirs(pair[1]);
    std::thread agent([&] {
        char chunk[256];
        const ssize_t got = ::recv(theirs.get(), chunk, sizeof chunk, 0);
        heard.assign(chunk, static_cast<std::size_t>(got > 0 ? got : 0));
        // In two pieces, so that a frame is cut somewhere.
        const std::size_t half = words.size() / 2;
        CHECK(::send(theirs.get(), words.data(), half, MSG_NOSIGNAL) == static_cast<ssize_t>(half));
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
        CHECK(::send(theirs.get(), words.data() + half, words.size() - half, MSG_NOSIGNAL) >= 0);
        theirs.reset();
    });
    auto result = call(ours, open);
    agent.join();
    return result;
}

Conversation talk(const std::string& words, const std::string& open = "OPEN") {
    std::string heard;
    const auto call = [](const Fd& agent, const std::string& text) { return call_agent(agent, text); };
    auto result = talk_by(call, words, heard, open);
    return {std::move(result), heard};
}

Result<std::string> ask(const std::string& words) {
    std::string heard;
    return talk_by(ask_agent, words, heard, "OPEN");
}

std::string frame(grv1::FrameType type, const std::string& payload) {
    return grv1::encode_frame(type, payload);
}

const std::string ok = grv1::encode_open_ok(1);

Fate fate_of(const std::string& words) {
    const auto conversation = talk(words);
    REQUIRE_FALSE(conversation.result.has_value());
    return conversation.result.error().fate;
}

}  // namespace

TEST_CASE("an operation that succeeds gives what it printed") {
    const auto done =
        talk(ok + frame(grv1::FrameType::stdout_data, "4711\n") + grv1::encode_exit({0, 0, ""}), "the OPEN");
    REQUIRE(done.result.has_value());
    CHECK(done.result->output == "4711\n");
    CHECK(done.heard == "the OPEN");
}

TEST_CASE("an operation that fails says why, and how it ended") {
    const auto failed =
        talk(ok + frame(grv1::FrameType::stdout_data, "checked\n") +
             frame(grv1::FrameType::stderr_data, "missing blob\n") + grv1::encode_exit({4, 0, ""}));
    REQUIRE(failed.result.has_value());
    CHECK(failed.result->status == 4);
    CHECK(failed.result->output == "checked\n");
    CHECK(failed.result->errors == "missing blob\n");
    CHECK(talk(ok + grv1::encode_exit({grv1::Exit::no_code, 9, "killed"})).result->status == 137);
}

TEST_CASE("of an operation that says too much the beginning is kept, and how it ended") {
    std::string words = ok;
    for (int i = 0; i < 5; ++i) words += frame(grv1::FrameType::stderr_data, std::string(262'144, 'x'));
    const auto long_winded = talk(words + grv1::encode_exit({1, 0, ""}));
    REQUIRE(long_winded.result.has_value());
    CHECK(long_winded.result->errors.size() == 1 << 20);
    CHECK(long_winded.result->status == 1);
}

TEST_CASE("a list that is longer than what is read of complaints comes as a whole") {
    const std::string list(3 << 20, 'x');
    const auto listed =
        talk(ok + grv1::encode_data(grv1::FrameType::stdout_data, list) + grv1::encode_exit({0, 0, ""}));
    REQUIRE(listed.result.has_value());
    CHECK(listed.result->output == list);
}

TEST_CASE("a FAIL is a missing repository, a reason to try elsewhere, or the end") {
    using grv1::FailCode;
    CHECK(fate_of(grv1::encode_fail({FailCode::no_such_repository, false, ""})) == Fate::missing);
    CHECK(fate_of(grv1::encode_fail({FailCode::standby, true, ""})) == Fate::elsewhere);
    // Neither missing nor for another endpoint, whatever the agent says of it.
    CHECK(fate_of(grv1::encode_fail({FailCode::storage, false, ""})) == Fate::refused);
    CHECK(fate_of(grv1::encode_fail({FailCode::storage, true, ""})) == Fate::refused);
    CHECK(fate_of(grv1::encode_fail({FailCode::authentication, false, ""})) == Fate::refused);
    CHECK(talk(grv1::encode_fail({FailCode::bad_request, false, "no\x1b"})).result.error().why ==
          "the file server refused: no\\x1b");
}

TEST_CASE("an agent that has accepted the ticket serves, or says what keeps it from serving") {
    using grv1::FailCode;
    CHECK(ask(grv1::encode_fail({FailCode::no_such_repository, false, "no such repository"})) == "");
    CHECK(ask(grv1::encode_fail({FailCode::standby, true, "on standby"})) == "on standby");
    CHECK(ask(grv1::encode_fail({FailCode::draining, true, "draining\x1b"})) == "draining\\x1b");
    const auto refused = ask(grv1::encode_fail({FailCode::authentication, false, "ticket refused"}));
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().kind == ErrorKind::client);
    CHECK(refused.error().told == "the file server refused: ticket refused");
    CHECK(ask("").error().kind == ErrorKind::unavailable);
    CHECK_FALSE(ask(ok + grv1::encode_exit({0, 0, ""})).has_value());
}

TEST_CASE("what was sent and not answered may be done, and is given to nobody else") {
    CHECK(fate_of("") == Fate::unknown);
    CHECK(fate_of(ok) == Fate::unknown);
    CHECK(fate_of(ok + frame(grv1::FrameType::stdout_data, "done\n")) == Fate::unknown);
    CHECK(fate_of(ok + grv1::encode_exit({0, 0, ""}).substr(0, 6)) == Fate::unknown);
    CHECK(fate_of(ok + ok) == Fate::unknown);
    CHECK(fate_of("SSH-2.0-OpenSSH_9.2\r\n") == Fate::refused);
}

TEST_CASE("what could not be sent may be done elsewhere") {
    int pair[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
    const Fd ours(pair[0]);
    Fd(pair[1]).reset();
    CHECK(call_agent(ours, "OPEN").error().fate == Fate::elsewhere);
}

TEST_CASE("an agent that says nothing is waited for as long as was said") {
    int pair[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
    const Fd ours(pair[0]);
    const Fd theirs(pair[1]);
    const auto silent = call_agent(ours, "OPEN", std::chrono::seconds(1));
    REQUIRE_FALSE(silent.has_value());
    CHECK(silent.error().fate == Fate::unknown);
    CHECK(silent.error().why == "the file server does not answer");
}

TEST_CASE("an endpoint that nobody listens at is named") {
    const auto missing = connect_to(*Endpoint::parse("unix:/nonexistent/agent.sock"));
    REQUIRE_FALSE(missing.has_value());
    CHECK(missing.error().kind == ErrorKind::unavailable);
    CHECK(missing.error().detail == "cannot reach unix:/nonexistent/agent.sock: No such file or directory");
    CHECK(connect_to(*Endpoint::parse("127.0.0.1:1")).error().kind == ErrorKind::unavailable);
    CHECK(connect_to(*Endpoint::parse("git://127.0.0.1:9418")).error().kind == ErrorKind::client);
}
