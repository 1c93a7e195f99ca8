#include "gerve/worker/git_request.h"

#include <doctest/doctest.h>

#include "authz/model/messages.h"
#include "authz/model/url_path.h"
#include "gerve/relay/packet_stream.h"

using namespace gerve;
using namespace std::string_literals;

namespace {

Result<GitRequest> parse(const std::string& payload) {
    const std::string packet = encode_packet(payload);
    const auto size = git_request_size(packet.substr(0, git_request_header));
    REQUIRE(size.has_value());
    REQUIRE(*size == packet.size());
    return parse_git_request(packet);
}

std::string told(const std::string& payload) {
    const auto request = parse(payload);
    return request ? "" : request.error().told;
}

}  // namespace

TEST_CASE("what git sends, of every age") {
    for (const auto& payload : {"git-upload-pack /Alice/Site.git\0host=example.org\0"s,
                                "git-upload-pack /Alice/Site\0host=[::1]:9418\0"s,
                                "git-upload-pack /Alice/Site.git\0"s, "git-upload-pack /Alice/Site.git\n"s}) {
        const auto request = parse(payload);
        REQUIRE(request.has_value());
        CHECK(request->service == Service::upload_pack);
        CHECK(request->repo.text() == "Alice/Site");
        CHECK(request->git_protocol.empty());
    }
    CHECK(parse("git-upload-pack /a/b\0host=h\0\0version=2\0"s)->git_protocol == "version=2");
    CHECK(parse("git-upload-pack /a/b\0\0version=1\0"s)->git_protocol == "version=1");
    CHECK(parse("git-upload-pack /a/b\0host=h\0\0version=2\0Some Thing\0x=y\0"s)->git_protocol ==
          "version=2:x=y");
    CHECK(parse("git-receive-pack /a/b\0host=h\0"s)->service == Service::receive_pack);
}

TEST_CASE("the path is read as over SSH") {
    const std::string missing = messages::no_repository_path();
    CHECK(parse("git-upload-pack //a///b.git/\0"s)->repo.text() == "a/b");
    CHECK(told("git-upload-pack /../b\0"s) == missing);
    CHECK(told("git-upload-pack /a/b/c\0"s) == missing);
    CHECK(told("git-upload-pack /~a/b\0"s) == missing);
    CHECK(told("git-upload-pack /a/%2e%2e\0"s) == missing);
    CHECK(told("git-upload-pack /a/b c\0"s) == missing);
    CHECK(told("git-upload-pack a/b\0"s).find("slash") != std::string::npos);
}

TEST_CASE("what is no request") {
    CHECK(told("git-shell /a/b\0"s).find("Unknown command") != std::string::npos);
    CHECK(told("git-upload-pack\0/a/b"s).find("Unknown command") != std::string::npos);
    CHECK(told("git-upload-pack /a/b\0hast=h\0"s).find("host") != std::string::npos);
    CHECK(told("git-upload-pack /a/b\0host=h"s).find("host") != std::string::npos);
    CHECK(told("git-upload-pack /a/b\0host=h\0x"s).find("after the host") != std::string::npos);
    CHECK(told("git-upload-pack /a/b\0host=h\0\0version=2"s).find("is not terminated") != std::string::npos);
}

TEST_CASE("lengths are bounded before anything is read") {
    for (const std::string header : {"0000", "0004", "0801", "ffff", "00g0", "+0ff", "0x10", "GET "}) {
        CHECK_FALSE(git_request_size(header).has_value());
    }
    CHECK(git_request_size("0800").value() == 2048);
}
