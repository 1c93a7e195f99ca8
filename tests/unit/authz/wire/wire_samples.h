// What the tests of the authz socket's messages send.
#pragma once

#include <doctest/doctest.h>

#include "authz/wire/wire.h"

namespace gerve::testing {

inline PublicKey sample_key() {
    return *PublicKey::parse_line(
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f me@here");
}

inline ClientContext sample_client() {
    return {"192.0.2.7", "SSH-2.0-OpenSSH_9.2", "c1", "gateway"};
}

inline AuthorizeRequest sample_authorize() {
    return {"aGFuZGxl",
            Service::receive_pack,
            *RepoPath::parse("Alice/Site"),
            *GitProtocol::parse("version=2"),
            *RequestId::parse("00112233445566778899aabbccddeeff"),
            sample_client()};
}

inline SessionReport sample_report() {
    SessionReport report{"aGFuZGxl",      *RequestId::parse("00112233445566778899aabbccddeeff"),
                         sample_client(), "git-upload-pack",
                         "alice/site",    "fs1",
                         "version=2"};
    report.bytes_in = 17;
    report.bytes_out = 1ULL << 40;
    report.duration_ms = 99;
    report.exit = 128;
    report.ended = "upstream-lost";
    return report;
}

inline const KnownKey user_key{KeyId{7}, sample_key().fingerprint(),
                               User{AccountId{3}, *Login::parse("Alice"), true}};
inline const KnownKey deploy_key{KeyId{8}, sample_key().fingerprint(),
                                 DeployKey{RepoId{5}, *RepoPath::parse("alice/site"), true}};

inline std::string replaced(std::string text, std::string_view from, std::string_view to) {
    const auto at = text.find(from);
    REQUIRE(at != std::string::npos);
    return text.replace(at, from.size(), to);
}

}  // namespace gerve::testing
