// What an AuthzLink does with its reports: against a socket that plays authz.
#include "gerve/relay/authz_link.h"

#include <doctest/doctest.h>
#include <sys/socket.h>

#include "authz/base/fd.h"
#include "authz/wire/wire.h"
#include "tests/unit/seqpacket_listener.h"
#include "tests/unit/temporary.h"

using namespace gerve;
using namespace std::chrono_literals;

namespace {

SessionReport report_of(std::uint64_t bytes) {
    return SessionReport{.handle = "",
                         .request = RequestId::make(),
                         .client = {},
                         .service = "git-upload-pack",
                         .repo = "alice/site",
                         .server = "local",
                         .git_protocol = "",
                         .bytes_in = bytes};
}

// authz, played between the turns of the event loop. It refuses the report of `refused` bytes.
class ReportingAuthz {
  public:
    explicit ReportingAuthz(const std::string& path) : listener_(path) {}

    void play() {
        if (Fd next = listener_.accept_one(); next) peer_ = std::move(next);
        std::string buffer(max_authz_message, '\0');
        while (peer_) {
            const ssize_t got = ::recv(peer_.get(), buffer.data(), buffer.size(), 0);
            if (got <= 0) break;
            hear(std::string_view(buffer).substr(0, static_cast<std::size_t>(got)));
        }
    }

    std::uint64_t refused = 0;
    std::vector<std::uint64_t> asked;  // the bytes of each report, in order

  private:
    void hear(std::string_view message) {
        const auto received = parse_request(message);
        REQUIRE_MESSAGE(received.has_value(), describe(received.error()));
        const auto* report = std::get_if<SessionReport>(&received->request);
        REQUIRE(report != nullptr);
        asked.push_back(report->bytes_in);
        const auto id = received->head.id;
        const std::string answer = report->bytes_in == refused
                                       ? encode_error(id, Error{ErrorKind::client, "bad request", ""})
                                       : encode_reply(id, Done{});
        CHECK(::send(peer_.get(), answer.data(), answer.size(), MSG_NOSIGNAL) >= 0);
    }

    SeqpacketListener listener_;
    Fd peer_;
};

}  // namespace

TEST_CASE("a report that authz refuses is dropped, and those behind it are told") {
    const TemporaryDirectory directory;
    const std::string path = directory.path + "/authz.sock";
    ReportingAuthz authz(path);
    authz.refused = 2;
    asio::io_context loop;
    AuthzLink link(loop, path);
    for (const std::uint64_t bytes : {1, 2, 3}) link.report(report_of(bytes));
    CHECK(link.owes_reports());
    const auto deadline = std::chrono::steady_clock::now() + 20s;
    while (link.owes_reports() && std::chrono::steady_clock::now() < deadline) {
        loop.restart();
        loop.run_for(5ms);
        authz.play();
    }
    CHECK_FALSE(link.owes_reports());
    CHECK(authz.asked == std::vector<std::uint64_t>{1, 2, 3});
}
