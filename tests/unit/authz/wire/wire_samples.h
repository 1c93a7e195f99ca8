// One of each message of the authz socket, no two values alike: a field that is read into another's member
// shows.
#pragma once

#include <doctest/doctest.h>

#include "authz/wire/wire.h"

namespace gerve::testing {

inline PublicKey sample_key() {
    return *PublicKey::parse_line(
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f me@here");
}

inline ClientContext sample_client() {
    return {"192.0.2.7", "SSH-2.0-OpenSSH_9.2", "c1", Door::gateway};
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
    report.ended = OperationEnd::upstream_lost;
    report.push = PushFacts{3, 2, 1, 4, true};
    report.fetch = FetchFacts{9, true, false, true};
    report.git_said = "fatal: it failed; error: no";
    return report;
}

inline LiveEntry sample_entry() {
    return {.number = 1ULL << 60,
            .handle = "aGFuZGxl",
            .client = sample_client(),
            .id = "00112233445566778899aabbccddeeff",
            .service = "git-receive-pack",
            .repo = "alice/site",
            .server = "fs1",
            .since = 1'700'000'000'000};
}

inline const KnownKey user_key{KeyId{7}, sample_key().fingerprint(),
                               User{AccountId{3}, *Login::parse("Alice"), true}};
inline const KnownKey deploy_key{KeyId{8}, sample_key().fingerprint(),
                                 DeployKey{RepoId{5}, *RepoPath::parse("alice/site"), true}};

// ---- one of each request: sample(std::type_identity<R>)
inline KeyRequest sample(std::type_identity<KeyRequest>) {
    return {sample_key(), "git", true, sample_client(), true, true};
}
inline HolderRequest sample(std::type_identity<HolderRequest>) {
    return {"aGFuZGxl", sample_client()};
}
inline AuthorizeRequest sample(std::type_identity<AuthorizeRequest>) {
    AuthorizeRequest request = sample_authorize();
    request.proven_as = "git";
    request.takes_report = true;
    request.command = "git-receive-pack '/Alice/Site.git'";
    return request;
}
inline SessionReport sample(std::type_identity<SessionReport>) {
    return sample_report();
}
inline ReadyRequest sample(std::type_identity<ReadyRequest>) {
    return {sample_client()};
}
inline ProofReport sample(std::type_identity<ProofReport>) {
    return {"aGFuZGxl", "git", sample_client()};
}
inline ChangeReport sample(std::type_identity<ChangeReport>) {
    return {"key add", {"alice", "a \"key\""}, "it is there", R"({"after":1})", sample_client()};
}
inline SelfRequest sample(std::type_identity<SelfRequest>) {
    return {"aGFuZGxl", **parse_self_question("why alice/site push"),
            *RequestId::parse("00112233445566778899aabbccddeeff"), sample_client()};
}
inline LiveNews sample(std::type_identity<LiveNews>) {
    LiveEntry connection;
    connection.number = 2;
    connection.handle = "aA";
    connection.client = sample_client();
    connection.id = "c1";
    return {sample_client(), {sample_entry(), connection}, {{1, 2, 3}, {4, 5, ~0ULL}}, {6, 7}};
}
inline SessionsRequest sample(std::type_identity<SessionsRequest>) {
    return {sample_client(), 17, *Login::parse("Alice")};
}
inline KillRequest sample(std::type_identity<KillRequest>) {
    return {sample_client(), std::string("c2")};
}
inline AnonymousRequest sample(std::type_identity<AnonymousRequest>) {
    const AuthorizeRequest like = sample_authorize();
    ClientContext client = sample_client();
    client.door = Door::git;
    return {like.repo, like.git_protocol, like.request, client};
}
inline RefusalReport sample(std::type_identity<RefusalReport>) {
    return {sample_client(), "login-name", "a text", "root", 7, "aGFuZGxl"};
}

inline RefChange sample_change() {
    return {"refs/heads/main",   std::string(40, '0'), std::string(40, 'a'),
            RefOutcome::refused, Forced::unknown,      true,
            "hook declined"};
}
inline PushReport sample(std::type_identity<PushReport>) {
    return {"aGFuZGxl",
            *RequestId::parse("00112233445566778899aabbccddeeff"),
            sample_client(),
            "alice/site",
            2,
            {sample_change(), sample_change()}};
}

inline CertificateRequest sample(std::type_identity<CertificateRequest>) {
    return {std::string("\0cert\xff", 6), "git", true, sample_client(), true, true};
}

template <class Visit, class... R>
void each_request(Visit visit, const std::variant<R...>* /*all*/) {
    (visit(sample(std::type_identity<R>())), ...);
}
// Calls `visit` with a sample of each request that there is.
template <class Visit>
void each_request(Visit visit) {
    each_request(visit, static_cast<Request*>(nullptr));
}

inline std::string replaced(std::string text, std::string_view from, std::string_view to) {
    const auto at = text.find(from);
    REQUIRE(at != std::string::npos);
    return text.replace(at, from.size(), to);
}

}  // namespace gerve::testing
