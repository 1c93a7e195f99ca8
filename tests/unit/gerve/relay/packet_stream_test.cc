#include "gerve/relay/packet_stream.h"

#include <doctest/doctest.h>

using namespace gerve;

namespace {

// Whether a stream may end there, in one piece or byte by byte.
bool may_end(std::string_view bytes) {
    PacketStream at_once;
    at_once.take(bytes);
    PacketStream in_bytes;
    for (std::size_t i = 0; i < bytes.size(); ++i) in_bytes.take(bytes.substr(i, 1));
    REQUIRE(at_once.may_end() == in_bytes.may_end());
    REQUIRE(at_once.first_packet() == in_bytes.first_packet());
    return at_once.may_end();
}

const std::string refs = encode_packet("0123456789012345678901234567890123456789 HEAD\n");

}  // namespace

TEST_CASE("a request is one packet, with the version as an extra parameter") {
    using namespace std::string_literals;
    CHECK(encode_daemon_request("o/r.git", "fs1:9418", "") ==
          "002bgit-upload-pack /o/r.git\0host=fs1:9418\0"s);
    CHECK(encode_daemon_request("o/r.git", "fs1:9418", "version=2") ==
          "0036git-upload-pack /o/r.git\0host=fs1:9418\0\0version=2\0"s);
}

TEST_CASE("a stream may end behind a flush, and nowhere else") {
    CHECK(may_end(refs + "0000"));
    CHECK_FALSE(may_end(""));
    CHECK_FALSE(may_end(refs));
    CHECK_FALSE(may_end(refs + "00"));
    CHECK_FALSE(may_end(refs + "0000" + "0008NAK\n"));
    CHECK(may_end(refs + "0000" + "0008NAK\n" + encode_packet("\x01pack") + "0000"));
    CHECK_FALSE(may_end(refs + "0000" + "0008NAK\n" + encode_packet("\x01pack")));
    CHECK_FALSE(may_end(refs + "0000" + encode_packet("\x01pack").substr(0, 7)));
    CHECK_FALSE(may_end("000eversion 2\n0001"));  // a delimiter is no end
    CHECK(may_end("000eversion 2\n0000"));
}

TEST_CASE("a pack without packets ends itself; what git would never send does not") {
    CHECK(may_end(refs + "0000" + "0008NAK\n" + "PACK\x00\x00"));
    CHECK_FALSE(may_end(refs + "0000" + "SSH-2.0-x"));
    CHECK_FALSE(may_end("0003"));
}

TEST_CASE("a refusal is known by its first packet") {
    PacketStream stream;
    stream.take(encode_packet("ERR access denied or repository not exported: /o/r.git"));
    CHECK(stream.is_refusal());
    CHECK(stream.first_packet() == "ERR access denied or repository not exported: /o/r.git");
    PacketStream served;
    served.take(refs + encode_packet("ERR too late"));
    CHECK_FALSE(served.is_refusal());
}
